// SPDX-License-Identifier: GPL-2.0
/* Reads user memory without copy_from_user(). */
#include "death.h"

static lab_function unsigned long lab_userread_peek(unsigned long *words)
{
	return READ_ONCE(*words);
}

static lab_function void lab_userread_act(const char *word)
{
	WARN_ON(!lab_userread_peek((unsigned long *)current->mm->start_stack));
}

LAB_DEATH(lab_userread_act, lab_tell_nothing);
