// SPDX-License-Identifier: GPL-2.0
/* Takes a reference to what has none left. */
#include <linux/refcount.h>

#include "death.h"

static refcount_t lab_refcount_users = REFCOUNT_INIT(1);

static lab_function void lab_refcount_get(refcount_t *users)
{
	refcount_inc(users);
}

static lab_function void lab_refcount_act(const char *word)
{
	WARN_ON(!refcount_dec_and_test(&lab_refcount_users));
	lab_refcount_get(&lab_refcount_users);
	barrier();
}

LAB_DEATH(lab_refcount_act, lab_tell_nothing);
