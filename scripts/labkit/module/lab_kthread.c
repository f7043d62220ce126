// SPDX-License-Identifier: GPL-2.0
/* Reads through a null pointer in a kernel thread. */
#include <linux/kthread.h>

#include "death.h"

static unsigned long *lab_kthread_counter;

static lab_function void lab_kthread_count(unsigned long *counter)
{
	WRITE_ONCE(counter[3], READ_ONCE(counter[3]) + 1);
}

static lab_function int lab_kthread_main(void *argument)
{
	msleep(200);
	lab_kthread_count(READ_ONCE(lab_kthread_counter));
	barrier();
	return 0;
}

static lab_function void lab_kthread_act(const char *word)
{
	kthread_run(lab_kthread_main, NULL, "lab_thread");
}

LAB_DEATH(lab_kthread_act, lab_tell_nothing);
