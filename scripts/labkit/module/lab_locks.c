// SPDX-License-Identifier: GPL-2.0
/* Tasks that wait for locks of several types, each held by a task that sleeps. */
#include <linux/percpu-rwsem.h>
#include <linux/rtmutex.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/wait.h>

#include "death.h"

static struct semaphore lab_locks_semaphore = __SEMAPHORE_INITIALIZER(lab_locks_semaphore, 1);
static DEFINE_RT_MUTEX(lab_locks_rtmutex);
static DECLARE_RWSEM(lab_locks_rwsem);
static DECLARE_WAIT_QUEUE_HEAD(lab_locks_waitqueue);
static struct percpu_rw_semaphore lab_locks_percpu;
static unsigned long lab_locks_over;

static void lab_locks_sleep(void)
{
	schedule_timeout_interruptible(3600 * HZ);
}

static lab_function void lab_locks_hold_semaphore(void)
{
	down(&lab_locks_semaphore);
	lab_locks_sleep();
}

static lab_function void lab_locks_want_semaphore(void)
{
	down(&lab_locks_semaphore);
	barrier();
}

static lab_function void lab_locks_hold_rtmutex(void)
{
	rt_mutex_lock(&lab_locks_rtmutex);
	lab_locks_sleep();
}

static lab_function void lab_locks_want_rtmutex(void)
{
	rt_mutex_lock(&lab_locks_rtmutex);
	barrier();
}

/* A reader of a rwsem: the lock knows one of its readers at most. */
static lab_function void lab_locks_hold_rwsem(void)
{
	down_read(&lab_locks_rwsem);
	lab_locks_sleep();
}

static lab_function void lab_locks_want_rwsem(void)
{
	down_write(&lab_locks_rwsem);
	barrier();
}

static lab_function void lab_locks_hold_percpu(void)
{
	percpu_init_rwsem(&lab_locks_percpu);
	percpu_down_write(&lab_locks_percpu);
	lab_locks_sleep();
}

static lab_function void lab_locks_want_percpu(void)
{
	percpu_down_read(&lab_locks_percpu);
	barrier();
}

static lab_function void lab_locks_want_waitqueue(void)
{
	wait_event(lab_locks_waitqueue, READ_ONCE(lab_locks_over));
	barrier();
}

static const struct {
	const char *word;
	void (*act)(void);
} lab_locks_words[] = {
	{ "hold-sem", lab_locks_hold_semaphore }, { "want-sem", lab_locks_want_semaphore },
	{ "hold-rtmutex", lab_locks_hold_rtmutex },	{ "want-rtmutex", lab_locks_want_rtmutex },
	{ "hold-rwsem", lab_locks_hold_rwsem },		{ "want-rwsem", lab_locks_want_rwsem },
	{ "hold-percpu", lab_locks_hold_percpu },	{ "want-percpu", lab_locks_want_percpu },
	{ "want-waitqueue", lab_locks_want_waitqueue },
};

static lab_function void lab_locks_tell(struct seq_file *out)
{
	seq_printf(out, "semaphore %px lab_locks_semaphore\n", &lab_locks_semaphore);
	seq_printf(out, "rtmutex %px lab_locks_rtmutex\n", &lab_locks_rtmutex);
	seq_printf(out, "rwsem %px lab_locks_rwsem\n", &lab_locks_rwsem);
	seq_printf(out, "percpu-rwsem %px lab_locks_percpu\n", &lab_locks_percpu);
	seq_printf(out, "waitqueue %px lab_locks_waitqueue\n", &lab_locks_waitqueue);
}

static lab_function void lab_locks_act(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(lab_locks_words); i++)
		if (!strcmp(word, lab_locks_words[i].word))
			lab_locks_words[i].act();
	barrier();
}

LAB_DEATH(lab_locks_act, lab_locks_tell);
