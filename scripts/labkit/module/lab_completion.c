// SPDX-License-Identifier: GPL-2.0
/* Waits for a completion that nobody completes. */
#include <linux/completion.h>

#include "death.h"

static DECLARE_COMPLETION(lab_completion_done);

static lab_function void lab_completion_await(void)
{
	wait_for_completion(&lab_completion_done);
	barrier();
}

static lab_function void lab_completion_tell(struct seq_file *out)
{
	seq_printf(out, "completion %px lab_completion_done\n", &lab_completion_done);
}

static lab_function void lab_completion_act(const char *word)
{
	lab_completion_await();
	barrier();
}

LAB_DEATH(lab_completion_act, lab_completion_tell);
