// SPDX-License-Identifier: GPL-2.0
/* Reads through a null pointer in a high resolution timer, which runs in the timer's interrupt. */
#include <linux/hrtimer.h>

#include "death.h"

static struct hrtimer lab_hrtimer_clock;
static unsigned long *lab_hrtimer_counter;

static lab_function void lab_hrtimer_count(unsigned long *counter)
{
	WRITE_ONCE(counter[3], READ_ONCE(counter[3]) + 1);
}

static lab_function enum hrtimer_restart lab_hrtimer_expired(struct hrtimer *timer)
{
	lab_hrtimer_count(READ_ONCE(lab_hrtimer_counter));
	return HRTIMER_NORESTART;
}

static lab_function void lab_hrtimer_act(const char *word)
{
	hrtimer_init(&lab_hrtimer_clock, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	lab_hrtimer_clock.function = lab_hrtimer_expired;
	hrtimer_start(&lab_hrtimer_clock, ms_to_ktime(300), HRTIMER_MODE_REL_HARD);
}

LAB_DEATH(lab_hrtimer_act, lab_tell_nothing);
