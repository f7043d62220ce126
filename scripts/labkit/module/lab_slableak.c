// SPDX-License-Identifier: GPL-2.0
/* Allocates objects of a cache of its own and forgets them. */
#include "death.h"

enum { LAB_SLABLEAK_OBJECTS = 120000 };

static struct kmem_cache *lab_slableak_cache;

/* With a constructor the cache isn't merged with another one of its size. */
static void lab_slableak_make(void *object)
{
	memset(object, 0, 480);
}

static lab_function void lab_slableak_leak(void)
{
	kmem_cache_alloc(lab_slableak_cache, GFP_KERNEL);
	barrier();
}

static lab_function void lab_slableak_tell(struct seq_file *out)
{
	seq_printf(out, "cache lab_leaky objects %d size %u\n", LAB_SLABLEAK_OBJECTS,
		   lab_slableak_cache ? kmem_cache_size(lab_slableak_cache) : 0);
}

static lab_function void lab_slableak_act(const char *word)
{
	lab_slableak_cache = kmem_cache_create("lab_leaky", 480, 0, 0, lab_slableak_make);
	for (int i = 0; i < LAB_SLABLEAK_OBJECTS; i++)
		lab_slableak_leak();
}

LAB_DEATH(lab_slableak_act, lab_slableak_tell);
