// SPDX-License-Identifier: GPL-2.0
/* Warns, where a warning is deadly. */
#include "death.h"

static lab_function void lab_warn_check(unsigned long left)
{
	WARN(left != 7, "lab: %lu requests left\n", left);
}

static lab_function void lab_warn_act(const char *word)
{
	lab_warn_check(strlen(word));
	barrier();
}

LAB_DEATH(lab_warn_act, lab_tell_nothing);
