// SPDX-License-Identifier: GPL-2.0
/* Uses an object after it was freed, in a cache that poisons what is free. */
#include "death.h"

struct lab_slabpoison_item {
	unsigned long numbers[8];
	struct lab_slabpoison_item *next;
	unsigned long value;
	unsigned long more[6];
};

static struct kmem_cache *lab_slabpoison_cache;

static lab_function unsigned long lab_slabpoison_next(struct lab_slabpoison_item *item)
{
	return READ_ONCE(item->next->value);
}

static lab_function void lab_slabpoison_act(const char *word)
{
	struct lab_slabpoison_item *item;

	lab_slabpoison_cache = kmem_cache_create("lab_poisoned", sizeof(*item), 0,
						 SLAB_POISON | SLAB_RED_ZONE | SLAB_STORE_USER, NULL);
	item = kmem_cache_zalloc(lab_slabpoison_cache, GFP_KERNEL);
	kmem_cache_free(lab_slabpoison_cache, item);
	WARN_ON(!lab_slabpoison_next(item));
}

LAB_DEATH(lab_slabpoison_act, lab_tell_nothing);
