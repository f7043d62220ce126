// SPDX-License-Identifier: GPL-2.0
/* Calls panic() itself. */
#include <linux/kernel.h>

#include "death.h"

static lab_function void lab_panic_give_up(unsigned long reason)
{
	panic("lab: the controller gave up, reason %lu", reason);
}

static lab_function void lab_panic_act(const char *word)
{
	lab_panic_give_up(strlen(word));
	barrier();
}

LAB_DEATH(lab_panic_act, lab_tell_nothing);
