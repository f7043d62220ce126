// SPDX-License-Identifier: GPL-2.0
/* A CPU spins with interrupts off, another one waits for a function that it shall run, until a timer panics. */
#include <linux/irqflags.h>
#include <linux/panic.h>
#include <linux/smp.h>
#include <linux/timer.h>

#include "death.h"

static unsigned long lab_csdlock_busy = 1;

static lab_function void lab_csdlock_called(void *argument)
{
	barrier();
}

static lab_function void lab_csdlock_spin(void)
{
	local_irq_disable();
	while (READ_ONCE(lab_csdlock_busy))
		cpu_relax();
	local_irq_enable();
}

static lab_function void lab_csdlock_expire(struct timer_list *timer)
{
	panic("lab_csdlock: waited for too long");
}

static DEFINE_TIMER(lab_csdlock_timer, lab_csdlock_expire);

static lab_function void lab_csdlock_call(void)
{
	mod_timer(&lab_csdlock_timer, jiffies + 6 * HZ);
	smp_call_function_single(1, lab_csdlock_called, NULL, 1);
	barrier();
}

static lab_function void lab_csdlock_act(const char *word)
{
	if (!strcmp(word, "spin"))
		lab_csdlock_spin();
	else
		lab_csdlock_call();
	barrier();
}

LAB_DEATH(lab_csdlock_act, lab_tell_nothing);
