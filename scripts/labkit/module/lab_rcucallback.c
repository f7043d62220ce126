// SPDX-License-Identifier: GPL-2.0
/* Reads through a null pointer in a callback of RCU. */
#include <linux/rcupdate.h>

#include "death.h"

struct lab_rcucallback_item {
	unsigned long *counter;
	struct rcu_head head;
};

static struct lab_rcucallback_item lab_rcucallback_only;

static lab_function void lab_rcucallback_count(unsigned long *counter)
{
	WRITE_ONCE(counter[3], READ_ONCE(counter[3]) + 1);
}

static lab_function void lab_rcucallback_free(struct rcu_head *head)
{
	lab_rcucallback_count(READ_ONCE(container_of(head, struct lab_rcucallback_item, head)->counter));
	barrier();
}

static lab_function void lab_rcucallback_act(const char *word)
{
	call_rcu(&lab_rcucallback_only.head, lab_rcucallback_free);
}

LAB_DEATH(lab_rcucallback_act, lab_tell_nothing);
