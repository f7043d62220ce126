// SPDX-License-Identifier: GPL-2.0
/* Takes a spinlock that it holds already. */
#include <linux/spinlock.h>

#include "death.h"

static DEFINE_SPINLOCK(lab_spinlock_lock);

static lab_function void lab_spinlock_inner(void)
{
	spin_lock(&lab_spinlock_lock);
	barrier();
	spin_unlock(&lab_spinlock_lock);
}

static lab_function void lab_spinlock_tell(struct seq_file *out)
{
	seq_printf(out, "spinlock %px lab_spinlock_lock\n", &lab_spinlock_lock);
}

static lab_function void lab_spinlock_act(const char *word)
{
	spin_lock(&lab_spinlock_lock);
	lab_spinlock_inner();
	spin_unlock(&lab_spinlock_lock);
}

LAB_DEATH(lab_spinlock_act, lab_spinlock_tell);
