// SPDX-License-Identifier: GPL-2.0
/* Reads an object after it was freed, which KFENCE watches. */
#include <linux/kfence.h>

#include "death.h"

static lab_function unsigned long lab_kfence_read(unsigned long *object)
{
	return READ_ONCE(object[2]);
}

/* One of the allocations of each sample interval is KFENCE's. */
static lab_function unsigned long *lab_kfence_watched(void)
{
	for (int tries = 0; tries < 100000; tries++) {
		unsigned long *object = kmalloc(64, GFP_KERNEL);

		if (is_kfence_address(object))
			return object;
		kfree(object);
		if (tries % 100 == 0)
			msleep(1);
	}
	return NULL;
}

static lab_function void lab_kfence_act(const char *word)
{
	unsigned long *object = lab_kfence_watched();

	kfree(object);
	lab_kfence_read(object);
	barrier();
}

LAB_DEATH(lab_kfence_act, lab_tell_nothing);
