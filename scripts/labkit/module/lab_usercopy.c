// SPDX-License-Identifier: GPL-2.0
/* Copies more of a slab object to user memory than the object has. */
#include "death.h"

static unsigned long lab_usercopy_size = 256;

static lab_function unsigned long lab_usercopy_send(void __user *to, const void *object, unsigned long size)
{
	return copy_to_user(to, object, size);
}

static lab_function void lab_usercopy_act(const char *word)
{
	void *object = kzalloc(64, GFP_KERNEL);

	lab_usercopy_send((void __user *)(current->mm->start_stack - 512), object,
			  READ_ONCE(lab_usercopy_size));
	kfree(object);
}

LAB_DEATH(lab_usercopy_act, lab_tell_nothing);
