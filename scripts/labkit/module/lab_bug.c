// SPDX-License-Identifier: GPL-2.0
/* BUG_ON() a few calls deep. */
#include "death.h"

static lab_function void lab_bug_check(unsigned long depth)
{
	BUG_ON(depth == 2);
}

static lab_function void lab_bug_enter(unsigned long depth)
{
	lab_bug_check(depth + 1);
	barrier();
}

static lab_function void lab_bug_act(const char *word)
{
	lab_bug_enter(1);
	barrier();
}

LAB_DEATH(lab_bug_act, lab_tell_nothing);
