// SPDX-License-Identifier: GPL-2.0
/* Recurses until the stack hits its guard page. */
#include "death.h"

static lab_function unsigned long lab_recursion_descend(unsigned long depth)
{
	volatile unsigned long room[24];

	room[depth % 24] = depth;
	return lab_recursion_descend(depth + 1) + room[depth % 24];
}

static lab_function void lab_recursion_act(const char *word)
{
	WARN_ON(!lab_recursion_descend(strlen(word)));
}

LAB_DEATH(lab_recursion_act, lab_tell_nothing);
