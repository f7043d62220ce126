// SPDX-License-Identifier: GPL-2.0
/* Sleeps with a spinlock held. */
#include <linux/spinlock.h>

#include "death.h"

static DEFINE_SPINLOCK(lab_atomic_lock);

static lab_function void lab_atomic_sleep(void)
{
	msleep(50);
	barrier();
}

static lab_function void lab_atomic_act(const char *word)
{
	spin_lock(&lab_atomic_lock);
	lab_atomic_sleep();
	spin_unlock(&lab_atomic_lock);
}

LAB_DEATH(lab_atomic_act, lab_tell_nothing);
