// SPDX-License-Identifier: GPL-2.0
/* Reads through a null pointer in a timer's function. */
#include <linux/timer.h>

#include "death.h"

static struct timer_list lab_timer_clock;
static unsigned long *lab_timer_counter;

static lab_function void lab_timer_count(unsigned long *counter)
{
	WRITE_ONCE(counter[3], READ_ONCE(counter[3]) + 1);
}

static lab_function void lab_timer_expired(struct timer_list *timer)
{
	lab_timer_count(READ_ONCE(lab_timer_counter));
	barrier();
}

static lab_function void lab_timer_act(const char *word)
{
	timer_setup(&lab_timer_clock, lab_timer_expired, 0);
	mod_timer(&lab_timer_clock, jiffies + HZ / 2);
}

LAB_DEATH(lab_timer_act, lab_tell_nothing);
