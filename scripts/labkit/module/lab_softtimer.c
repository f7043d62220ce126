// SPDX-License-Identifier: GPL-2.0
/* Spins in a timer's function. */
#include <linux/timer.h>

#include "death.h"

static unsigned long lab_softtimer_done;

static lab_function void lab_softtimer_spin(void)
{
	while (!READ_ONCE(lab_softtimer_done))
		cpu_relax();
}

static lab_function void lab_softtimer_expired(struct timer_list *timer)
{
	lab_softtimer_spin();
	barrier();
}

static DEFINE_TIMER(lab_softtimer_timer, lab_softtimer_expired);

static lab_function void lab_softtimer_act(const char *word)
{
	mod_timer(&lab_softtimer_timer, jiffies + HZ / 10);
}

LAB_DEATH(lab_softtimer_act, lab_tell_nothing);
