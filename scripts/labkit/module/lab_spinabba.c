// SPDX-License-Identifier: GPL-2.0
/* Two CPUs take two spinlocks in opposite order. */
#include <linux/atomic.h>
#include <linux/spinlock.h>

#include "death.h"

static DEFINE_SPINLOCK(lab_spinabba_red);
static DEFINE_SPINLOCK(lab_spinabba_blue);
static atomic_t lab_spinabba_ready;

static void lab_spinabba_meet(void)
{
	atomic_inc(&lab_spinabba_ready);
	while (atomic_read(&lab_spinabba_ready) < 2)
		cpu_relax();
}

static lab_function void lab_spinabba_red_blue(void)
{
	spin_lock(&lab_spinabba_red);
	lab_spinabba_meet();
	spin_lock(&lab_spinabba_blue);
	barrier();
	spin_unlock(&lab_spinabba_blue);
	spin_unlock(&lab_spinabba_red);
}

static lab_function void lab_spinabba_blue_red(void)
{
	spin_lock(&lab_spinabba_blue);
	lab_spinabba_meet();
	spin_lock(&lab_spinabba_red);
	barrier();
	spin_unlock(&lab_spinabba_red);
	spin_unlock(&lab_spinabba_blue);
}

static lab_function void lab_spinabba_tell(struct seq_file *out)
{
	seq_printf(out, "spinlock %px lab_spinabba_red\n", &lab_spinabba_red);
	seq_printf(out, "spinlock %px lab_spinabba_blue\n", &lab_spinabba_blue);
}

static lab_function void lab_spinabba_act(const char *word)
{
	if (!strcmp(word, "red-blue"))
		lab_spinabba_red_blue();
	else
		lab_spinabba_blue_red();
	barrier();
}

LAB_DEATH(lab_spinabba_act, lab_spinabba_tell);
