// SPDX-License-Identifier: GPL-2.0
/* Adds an entry to a list that was overwritten. */
#include <linux/list.h>

#include "death.h"

static LIST_HEAD(lab_listadd_head);
static struct list_head lab_listadd_entries[2];

static lab_function void lab_listadd_insert(struct list_head *entry)
{
	list_add(entry, &lab_listadd_head);
}

static lab_function void lab_listadd_act(const char *word)
{
	lab_listadd_insert(&lab_listadd_entries[0]);
	memset(&lab_listadd_entries[0], 0x41, sizeof(lab_listadd_entries[0]));
	lab_listadd_insert(&lab_listadd_entries[1]);
	barrier();
}

LAB_DEATH(lab_listadd_act, lab_tell_nothing);
