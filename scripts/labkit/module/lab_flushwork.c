// SPDX-License-Identifier: GPL-2.0
/* A task holds a mutex and waits for work that wants the mutex. */
#include <linux/workqueue.h>

#include "death.h"

static DEFINE_MUTEX(lab_flushwork_mutex);
static struct workqueue_struct *lab_flushwork_queue;

static lab_function void lab_flushwork_run(struct work_struct *work)
{
	mutex_lock(&lab_flushwork_mutex);
	barrier();
	mutex_unlock(&lab_flushwork_mutex);
}

static DECLARE_WORK(lab_flushwork_work, lab_flushwork_run);

static lab_function void lab_flushwork_wait(void)
{
	mutex_lock(&lab_flushwork_mutex);
	queue_work(lab_flushwork_queue, &lab_flushwork_work);
	flush_work(&lab_flushwork_work);
	mutex_unlock(&lab_flushwork_mutex);
}

static lab_function void lab_flushwork_tell(struct seq_file *out)
{
	seq_printf(out, "mutex %px lab_flushwork_mutex\n", &lab_flushwork_mutex);
	seq_printf(out, "work %px lab_flushwork_work\n", &lab_flushwork_work);
}

static lab_function void lab_flushwork_act(const char *word)
{
	lab_flushwork_queue = alloc_workqueue("lab_flushed", 0, 0);
	lab_flushwork_wait();
	barrier();
}

LAB_DEATH(lab_flushwork_act, lab_flushwork_tell);
