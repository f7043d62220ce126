// SPDX-License-Identifier: GPL-2.0
/* Copies more into an array than it has, where the compiler knows its size. */
#include "death.h"

static char lab_fortify_name[16];
static char lab_fortify_source[64];
static unsigned long lab_fortify_size = 40;

static lab_function void lab_fortify_copy(const char *source, unsigned long size)
{
	memcpy(lab_fortify_name, source, size);
}

static lab_function void lab_fortify_act(const char *word)
{
	lab_fortify_copy(lab_fortify_source, READ_ONCE(lab_fortify_size));
	barrier();
}

LAB_DEATH(lab_fortify_act, lab_tell_nothing);
