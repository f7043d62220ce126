// SPDX-License-Identifier: GPL-2.0
/* Reads through a null pointer in a function that another CPU was told to call. */
#include <linux/smp.h>

#include "death.h"

static unsigned long *lab_ipi_counter;

static lab_function void lab_ipi_count(unsigned long *counter)
{
	WRITE_ONCE(counter[3], READ_ONCE(counter[3]) + 1);
}

static lab_function void lab_ipi_called(void *argument)
{
	lab_ipi_count(READ_ONCE(lab_ipi_counter));
	barrier();
}

static lab_function void lab_ipi_act(const char *word)
{
	int cpu = get_cpu();

	smp_call_function_single(!cpu, lab_ipi_called, NULL, 1);
	put_cpu();
}

LAB_DEATH(lab_ipi_act, lab_tell_nothing);
