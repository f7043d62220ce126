// SPDX-License-Identifier: GPL-2.0
/* A task sleeps with a mutex; others want it. */
#include "death.h"

static DEFINE_MUTEX(lab_hungmutex_mutex);

static lab_function void lab_hungmutex_hold(void)
{
	mutex_lock(&lab_hungmutex_mutex);
	schedule_timeout_interruptible(3600 * HZ);
	mutex_unlock(&lab_hungmutex_mutex);
}

static lab_function void lab_hungmutex_want(void)
{
	mutex_lock(&lab_hungmutex_mutex);
	barrier();
	mutex_unlock(&lab_hungmutex_mutex);
}

static lab_function void lab_hungmutex_tell(struct seq_file *out)
{
	seq_printf(out, "mutex %px lab_hungmutex_mutex\n", &lab_hungmutex_mutex);
}

static lab_function void lab_hungmutex_act(const char *word)
{
	if (!strcmp(word, "hold"))
		lab_hungmutex_hold();
	else
		lab_hungmutex_want();
	barrier();
}

LAB_DEATH(lab_hungmutex_act, lab_hungmutex_tell);
