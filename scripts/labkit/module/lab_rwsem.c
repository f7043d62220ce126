// SPDX-License-Identifier: GPL-2.0
/* A mutex and a rwsem taken in opposite order, and a queue of readers, writers and lockers behind them. */
#include <linux/atomic.h>
#include <linux/rwsem.h>

#include "death.h"

static DEFINE_MUTEX(lab_rwsem_mutex);
static DECLARE_RWSEM(lab_rwsem_tree);
static atomic_t lab_rwsem_ready;

static void lab_rwsem_meet(void)
{
	atomic_inc(&lab_rwsem_ready);
	while (atomic_read(&lab_rwsem_ready) < 2)
		msleep(20);
}

static lab_function void lab_rwsem_tree_mutex(void)
{
	down_write(&lab_rwsem_tree);
	lab_rwsem_meet();
	mutex_lock(&lab_rwsem_mutex);
	mutex_unlock(&lab_rwsem_mutex);
	up_write(&lab_rwsem_tree);
}

static lab_function void lab_rwsem_mutex_tree(void)
{
	mutex_lock(&lab_rwsem_mutex);
	lab_rwsem_meet();
	down_read(&lab_rwsem_tree);
	up_read(&lab_rwsem_tree);
	mutex_unlock(&lab_rwsem_mutex);
}

static lab_function void lab_rwsem_read(void)
{
	down_read(&lab_rwsem_tree);
	barrier();
	up_read(&lab_rwsem_tree);
}

static lab_function void lab_rwsem_write(void)
{
	down_write(&lab_rwsem_tree);
	barrier();
	up_write(&lab_rwsem_tree);
}

static lab_function void lab_rwsem_lock(void)
{
	mutex_lock(&lab_rwsem_mutex);
	barrier();
	mutex_unlock(&lab_rwsem_mutex);
}

static lab_function void lab_rwsem_tell(struct seq_file *out)
{
	seq_printf(out, "mutex %px lab_rwsem_mutex\n", &lab_rwsem_mutex);
	seq_printf(out, "rwsem %px lab_rwsem_tree\n", &lab_rwsem_tree);
}

static const struct {
	const char *word;
	void (*act)(void);
} lab_rwsem_words[] = {
	{ "tree-mutex", lab_rwsem_tree_mutex }, { "mutex-tree", lab_rwsem_mutex_tree },
	{ "read", lab_rwsem_read },		{ "write", lab_rwsem_write },
	{ "lock", lab_rwsem_lock },
};

static lab_function void lab_rwsem_act(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(lab_rwsem_words); i++)
		if (!strcmp(word, lab_rwsem_words[i].word))
			lab_rwsem_words[i].act();
	barrier();
}

LAB_DEATH(lab_rwsem_act, lab_rwsem_tell);
