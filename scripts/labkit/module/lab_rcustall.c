// SPDX-License-Identifier: GPL-2.0
/* Spins in a read-side critical section of RCU; its own CPU notices. */
#include <linux/rcupdate.h>

#include "death.h"

static unsigned long lab_rcustall_busy = 1;

static lab_function void lab_rcustall_spin(void)
{
	rcu_read_lock();
	preempt_disable();
	while (READ_ONCE(lab_rcustall_busy))
		cpu_relax();
	preempt_enable();
	rcu_read_unlock();
}

static lab_function void lab_rcustall_act(const char *word)
{
	lab_rcustall_spin();
	barrier();
}

LAB_DEATH(lab_rcustall_act, lab_tell_nothing);
