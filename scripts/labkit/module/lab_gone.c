// SPDX-License-Identifier: GPL-2.0
/* Leaves a timer behind when it is unloaded; the timer calls what was its text. */
#include <linux/timer.h>

#include "death.h"


static lab_function void lab_gone_expired(struct timer_list *timer)
{
	pr_info("lab: too late\n");
}

static lab_function void lab_gone_act(const char *word)
{
	/* On the heap: the timer itself outlives the module. */
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	timer_setup(timer, lab_gone_expired, 0);
	mod_timer(timer, jiffies + 3 * HZ);
}

LAB_DEATH(lab_gone_act, lab_tell_nothing);
