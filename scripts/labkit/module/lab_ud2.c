// SPDX-License-Identifier: GPL-2.0
/* Executes an instruction that doesn't exist, without BUG(). */
#include "death.h"

static lab_function void lab_ud2_execute(void)
{
	asm volatile("ud2");
}

static lab_function void lab_ud2_act(const char *word)
{
	lab_ud2_execute();
	barrier();
}

LAB_DEATH(lab_ud2_act, lab_tell_nothing);
