// SPDX-License-Identifier: GPL-2.0
/* Two tasks take two mutexes in opposite order. */
#include <linux/atomic.h>

#include "death.h"

static DEFINE_MUTEX(lab_deadlock_red);
static DEFINE_MUTEX(lab_deadlock_blue);
static atomic_t lab_deadlock_ready;

/* Both tasks have their first mutex before either wants its second. */
static void lab_deadlock_meet(void)
{
	atomic_inc(&lab_deadlock_ready);
	while (atomic_read(&lab_deadlock_ready) < 2)
		msleep(20);
}

static lab_function void lab_deadlock_red_blue(void)
{
	mutex_lock(&lab_deadlock_red);
	lab_deadlock_meet();
	mutex_lock(&lab_deadlock_blue);
	mutex_unlock(&lab_deadlock_blue);
	mutex_unlock(&lab_deadlock_red);
}

static lab_function void lab_deadlock_blue_red(void)
{
	mutex_lock(&lab_deadlock_blue);
	lab_deadlock_meet();
	mutex_lock(&lab_deadlock_red);
	mutex_unlock(&lab_deadlock_red);
	mutex_unlock(&lab_deadlock_blue);
}

static lab_function void lab_deadlock_tell(struct seq_file *out)
{
	seq_printf(out, "mutex %px lab_deadlock_red\n", &lab_deadlock_red);
	seq_printf(out, "mutex %px lab_deadlock_blue\n", &lab_deadlock_blue);
}

static lab_function void lab_deadlock_act(const char *word)
{
	if (!strcmp(word, "red-blue"))
		lab_deadlock_red_blue();
	else
		lab_deadlock_blue_red();
	barrier();
}

LAB_DEATH(lab_deadlock_act, lab_deadlock_tell);
