// SPDX-License-Identifier: GPL-2.0
/* Divides by zero. */
#include "death.h"

static unsigned long lab_divide_buckets;

static lab_function unsigned long lab_divide_share(unsigned long sum, unsigned long buckets)
{
	return sum / buckets;
}

static lab_function void lab_divide_act(const char *word)
{
	WARN_ON(!lab_divide_share(strlen(word), READ_ONCE(lab_divide_buckets)));
}

LAB_DEATH(lab_divide_act, lab_tell_nothing);
