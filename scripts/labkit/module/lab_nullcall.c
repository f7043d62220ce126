// SPDX-License-Identifier: GPL-2.0
/* Calls a function pointer of a table that nobody filled in. */
#include "death.h"

struct lab_nullcall_ops {
	int (*open)(int mode);
	int (*close)(int mode);
};

static struct lab_nullcall_ops lab_nullcall_table;

static lab_function int lab_nullcall_close(const struct lab_nullcall_ops *ops)
{
	int result = ops->close(7);

	barrier();
	return result;
}

static lab_function void lab_nullcall_act(const char *word)
{
	lab_nullcall_close(&lab_nullcall_table);
	barrier();
}

LAB_DEATH(lab_nullcall_act, lab_tell_nothing);
