// SPDX-License-Identifier: GPL-2.0
/* Writes to a constant. */
#include "death.h"

static const unsigned long lab_rodata_limits[4] = { 1, 2, 3, 4 };

static lab_function void lab_rodata_set(unsigned long *limit, unsigned long value)
{
	WRITE_ONCE(*limit, value);
}

static lab_function void lab_rodata_act(const char *word)
{
	lab_rodata_set((unsigned long *)&lab_rodata_limits[2], strlen(word));
	barrier();
}

LAB_DEATH(lab_rodata_act, lab_tell_nothing);
