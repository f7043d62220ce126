// SPDX-License-Identifier: GPL-2.0
/* Writes past a buffer on the stack, over the stack protector's canary. */
#include "death.h"

static unsigned long lab_canary_size = 96;

static lab_function void lab_canary_fill(char *buffer, unsigned long size)
{
	while (size--)
		WRITE_ONCE(buffer[size], 0x42);
}

static lab_function int lab_canary_format(unsigned long size)
{
	char buffer[64];

	lab_canary_fill(buffer, size);
	return READ_ONCE(buffer[3]);
}

static lab_function void lab_canary_act(const char *word)
{
	WARN_ON(!lab_canary_format(READ_ONCE(lab_canary_size)));
}

LAB_DEATH(lab_canary_act, lab_tell_nothing);
