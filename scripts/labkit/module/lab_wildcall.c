// SPDX-License-Identifier: GPL-2.0
/* Calls a function pointer that was overwritten with an address where nothing is. */
#include "death.h"

static unsigned long lab_wildcall_pointer = 0xffffffffff345670;

static lab_function int lab_wildcall_jump(int (*pointer)(int mode))
{
	int result = pointer(7);

	barrier();
	return result;
}

static lab_function void lab_wildcall_act(const char *word)
{
	lab_wildcall_jump((void *)READ_ONCE(lab_wildcall_pointer));
	barrier();
}

LAB_DEATH(lab_wildcall_act, lab_tell_nothing);
