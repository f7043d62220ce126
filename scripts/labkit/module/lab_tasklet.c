// SPDX-License-Identifier: GPL-2.0
/* Reads through a null pointer in a tasklet. */
#include <linux/interrupt.h>

#include "death.h"

static unsigned long *lab_tasklet_counter;

static lab_function void lab_tasklet_count(unsigned long *counter)
{
	WRITE_ONCE(counter[3], READ_ONCE(counter[3]) + 1);
}

static lab_function void lab_tasklet_run(struct tasklet_struct *tasklet)
{
	lab_tasklet_count(READ_ONCE(lab_tasklet_counter));
	barrier();
}

static DECLARE_TASKLET(lab_tasklet_job, lab_tasklet_run);

static lab_function void lab_tasklet_act(const char *word)
{
	tasklet_schedule(&lab_tasklet_job);
}

LAB_DEATH(lab_tasklet_act, lab_tell_nothing);
