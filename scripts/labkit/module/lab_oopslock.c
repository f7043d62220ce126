// SPDX-License-Identifier: GPL-2.0
/* Oopses with a mutex held; the mutex stays locked by a task that is dead. */
#include "death.h"

static DEFINE_MUTEX(lab_oopslock_mutex);
static unsigned long *lab_oopslock_counter;

static lab_function void lab_oopslock_count(unsigned long *counter)
{
	WRITE_ONCE(counter[3], READ_ONCE(counter[3]) + 1);
}

static lab_function void lab_oopslock_locked(void)
{
	mutex_lock(&lab_oopslock_mutex);
	lab_oopslock_count(READ_ONCE(lab_oopslock_counter));
	mutex_unlock(&lab_oopslock_mutex);
}

static lab_function void lab_oopslock_tell(struct seq_file *out)
{
	seq_printf(out, "mutex %px lab_oopslock_mutex\n", &lab_oopslock_mutex);
}

static lab_function void lab_oopslock_act(const char *word)
{
	lab_oopslock_locked();
	barrier();
}

LAB_DEATH(lab_oopslock_act, lab_oopslock_tell);
