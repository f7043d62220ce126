// SPDX-License-Identifier: GPL-2.0
/* Takes itself off the list of modules, as a root kit does. */
#include "death.h"

static lab_function void lab_hidden_hide(void)
{
	list_del_init(&THIS_MODULE->list);
}

static lab_function void lab_hidden_act(const char *word)
{
	lab_hidden_hide();
	barrier();
}

LAB_DEATH(lab_hidden_act, lab_tell_nothing);
