// SPDX-License-Identifier: GPL-2.0
/* Calls bytes on the heap, which is memory that may not be executed. */
#include "death.h"

static lab_function int lab_nxcall_jump(int (*pointer)(int mode))
{
	int result = pointer(7);

	barrier();
	return result;
}

static lab_function void lab_nxcall_act(const char *word)
{
	lab_nxcall_jump(kzalloc(64, GFP_KERNEL));
	barrier();
}

LAB_DEATH(lab_nxcall_act, lab_tell_nothing);
