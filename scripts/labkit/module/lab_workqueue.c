// SPDX-License-Identifier: GPL-2.0
/* Reads through a null pointer in a work item of a workqueue of its own. */
#include <linux/workqueue.h>

#include "death.h"

static struct workqueue_struct *lab_workqueue_queue;
static unsigned long *lab_workqueue_counter;

static lab_function void lab_workqueue_count(unsigned long *counter)
{
	WRITE_ONCE(counter[3], READ_ONCE(counter[3]) + 1);
}

static lab_function void lab_workqueue_run(struct work_struct *work)
{
	lab_workqueue_count(READ_ONCE(lab_workqueue_counter));
	barrier();
}

static DECLARE_WORK(lab_workqueue_work, lab_workqueue_run);

static lab_function void lab_workqueue_act(const char *word)
{
	lab_workqueue_queue = alloc_workqueue("lab_queue", 0, 0);
	queue_work(lab_workqueue_queue, &lab_workqueue_work);
}

LAB_DEATH(lab_workqueue_act, lab_tell_nothing);
