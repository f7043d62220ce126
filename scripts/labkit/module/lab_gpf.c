// SPDX-License-Identifier: GPL-2.0
/* Reads through a pointer that is no canonical address. */
#include "death.h"

static unsigned long lab_gpf_pointer = 0x1234567812345678;

static lab_function unsigned long lab_gpf_follow(unsigned long *pointer)
{
	return READ_ONCE(*pointer);
}

static lab_function void lab_gpf_act(const char *word)
{
	lab_gpf_pointer += lab_gpf_follow((unsigned long *)READ_ONCE(lab_gpf_pointer));
}

LAB_DEATH(lab_gpf_act, lab_tell_nothing);
