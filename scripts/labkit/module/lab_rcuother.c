// SPDX-License-Identifier: GPL-2.0
/* Spins with interrupts off; another CPU notices that RCU waits for this one. */
#include <linux/irqflags.h>
#include <linux/rcupdate.h>

#include "death.h"

static unsigned long lab_rcuother_busy = 1;

static lab_function void lab_rcuother_spin(void)
{
	local_irq_disable();
	while (READ_ONCE(lab_rcuother_busy))
		cpu_relax();
	local_irq_enable();
}

static lab_function void lab_rcuother_act(const char *word)
{
	if (!strcmp(word, "wait"))
		synchronize_rcu();
	else
		lab_rcuother_spin();
}

LAB_DEATH(lab_rcuother_act, lab_tell_nothing);
