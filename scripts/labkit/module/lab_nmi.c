// SPDX-License-Identifier: GPL-2.0
/* Spins with interrupts off until somebody presses the button that sends an NMI. */
#include <linux/irqflags.h>

#include "death.h"

static unsigned long lab_nmi_busy = 1;

static lab_function void lab_nmi_spin(void)
{
	local_irq_disable();
	while (READ_ONCE(lab_nmi_busy))
		cpu_relax();
	local_irq_enable();
}

static lab_function void lab_nmi_act(const char *word)
{
	lab_nmi_spin();
	barrier();
}

LAB_DEATH(lab_nmi_act, lab_tell_nothing);
