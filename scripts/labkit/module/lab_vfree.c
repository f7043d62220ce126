// SPDX-License-Identifier: GPL-2.0
/* Reads memory of vmalloc after it was freed. */
#include <linux/vmalloc.h>

#include "death.h"

static lab_function unsigned long lab_vfree_read(unsigned long *words)
{
	return READ_ONCE(words[17]);
}

static lab_function void lab_vfree_act(const char *word)
{
	unsigned long *words = vmalloc(64 << 10);

	vfree(words);
	vm_unmap_aliases();
	WARN_ON(!lab_vfree_read(words));
}

LAB_DEATH(lab_vfree_act, lab_tell_nothing);
