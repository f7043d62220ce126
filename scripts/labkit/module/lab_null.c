// SPDX-License-Identifier: GPL-2.0
/* Reads a member of a structure through a null pointer. */
#include "death.h"

struct lab_null_item {
	unsigned long numbers[5];
	struct lab_null_item *next;
	unsigned long value;
};

static struct lab_null_item lab_null_head;

static lab_function unsigned long lab_null_value(struct lab_null_item *item)
{
	return READ_ONCE(item->value);
}

static lab_function unsigned long lab_null_sum(struct lab_null_item *item)
{
	return item->value + lab_null_value(item->next);
}

static lab_function void lab_null_act(const char *word)
{
	lab_null_head.value = lab_null_sum(&lab_null_head);
}

LAB_DEATH(lab_null_act, lab_tell_nothing);
