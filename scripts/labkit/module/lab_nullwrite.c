// SPDX-License-Identifier: GPL-2.0
/* Writes through a null pointer. */
#include "death.h"

static unsigned long *lab_nullwrite_target;

static lab_function void lab_nullwrite_store(unsigned long *target, unsigned long value)
{
	WRITE_ONCE(*target, value);
}

static lab_function void lab_nullwrite_act(const char *word)
{
	lab_nullwrite_store(READ_ONCE(lab_nullwrite_target), 0x0dead);
	barrier();
}

LAB_DEATH(lab_nullwrite_act, lab_tell_nothing);
