// SPDX-License-Identifier: GPL-2.0
/* Spins without giving the CPU to others. */
#include "death.h"

static unsigned long lab_softlockup_busy = 1;

static lab_function void lab_softlockup_spin(void)
{
	preempt_disable();
	while (READ_ONCE(lab_softlockup_busy))
		cpu_relax();
	preempt_enable();
}

static lab_function void lab_softlockup_act(const char *word)
{
	lab_softlockup_spin();
	barrier();
}

LAB_DEATH(lab_softlockup_act, lab_tell_nothing);
