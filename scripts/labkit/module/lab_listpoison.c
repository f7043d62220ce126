// SPDX-License-Identifier: GPL-2.0
/* Follows the pointer of an entry that is no longer in a list. */
#include <linux/list.h>

#include "death.h"

static LIST_HEAD(lab_listpoison_head);
static struct list_head lab_listpoison_entry;

static lab_function struct list_head *lab_listpoison_after(struct list_head *entry)
{
	return READ_ONCE(entry->next->next);
}

static lab_function void lab_listpoison_act(const char *word)
{
	list_add(&lab_listpoison_entry, &lab_listpoison_head);
	list_del(&lab_listpoison_entry);
	WARN_ON(!lab_listpoison_after(&lab_listpoison_entry));
}

LAB_DEATH(lab_listpoison_act, lab_tell_nothing);
