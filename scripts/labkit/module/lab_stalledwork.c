// SPDX-License-Identifier: GPL-2.0
/* Work that spins on CPU 1 for good; other work waits behind it, and a task for that. */
#include <linux/completion.h>
#include <linux/preempt.h>
#include <linux/workqueue.h>

#include "death.h"

static unsigned long lab_stalledwork_busy = 1;
static DECLARE_COMPLETION(lab_stalledwork_queued);

/* Preemption is off: a worker that can be preempted may sleep, and another one would take its place. */
static lab_function void lab_stalledwork_spin(void)
{
	preempt_disable();
	while (READ_ONCE(lab_stalledwork_busy))
		cpu_relax();
	preempt_enable();
}

static lab_function void lab_stalledwork_run(struct work_struct *work)
{
	lab_stalledwork_spin();
	barrier();
}

static lab_function void lab_stalledwork_late(struct work_struct *work)
{
	barrier();
}

static DECLARE_WORK(lab_stalledwork_work, lab_stalledwork_run);
static DECLARE_WORK(lab_stalledwork_second, lab_stalledwork_late);
static DECLARE_WORK(lab_stalledwork_third, lab_stalledwork_late);

static lab_function void lab_stalledwork_wait(void)
{
	wait_for_completion(&lab_stalledwork_queued);
	flush_work(&lab_stalledwork_third);
	barrier();
}

static lab_function void lab_stalledwork_tell(struct seq_file *out)
{
	seq_printf(out, "work %px lab_stalledwork_work\n", &lab_stalledwork_work);
	seq_printf(out, "work %px lab_stalledwork_second\n", &lab_stalledwork_second);
	seq_printf(out, "work %px lab_stalledwork_third\n", &lab_stalledwork_third);
}

static lab_function void lab_stalledwork_act(const char *word)
{
	if (!strcmp(word, "go")) {
		schedule_work_on(1, &lab_stalledwork_work);
		msleep(200);
		schedule_work_on(1, &lab_stalledwork_second);
		schedule_work_on(1, &lab_stalledwork_third);
		complete(&lab_stalledwork_queued);
	} else {
		lab_stalledwork_wait();
	}
}

LAB_DEATH(lab_stalledwork_act, lab_stalledwork_tell);
