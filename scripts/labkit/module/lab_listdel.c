// SPDX-License-Identifier: GPL-2.0
/* Takes an entry out of a list twice. */
#include <linux/list.h>

#include "death.h"

static LIST_HEAD(lab_listdel_head);
static struct list_head lab_listdel_entry;

static lab_function void lab_listdel_remove(struct list_head *entry)
{
	list_del(entry);
}

static lab_function void lab_listdel_act(const char *word)
{
	list_add(&lab_listdel_entry, &lab_listdel_head);
	lab_listdel_remove(&lab_listdel_entry);
	lab_listdel_remove(&lab_listdel_entry);
	barrier();
}

LAB_DEATH(lab_listdel_act, lab_tell_nothing);
