// SPDX-License-Identifier: GPL-2.0
/* Sleeps uninterruptibly until a number changes, which it never does. */
#include "death.h"

static unsigned long lab_hungtask_busy = 1;

static lab_function void lab_hungtask_wait(void)
{
	while (READ_ONCE(lab_hungtask_busy)) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule();
	}
}

static lab_function void lab_hungtask_act(const char *word)
{
	lab_hungtask_wait();
	barrier();
}

LAB_DEATH(lab_hungtask_act, lab_tell_nothing);
