// SPDX-License-Identifier: GPL-2.0
/* Interrupts of two devices that no handler takes: of one for good, of the other one 20,000 times. */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/pci.h>

#include "death.h"

/* QEMU's edu device: its line is raised by a write to the one register until a write to the other. */
#define LAB_VENDOR 0x1234
#define LAB_DEVICE 0x11e8
#define LAB_RAISE 0x60
#define LAB_ACKNOWLEDGE 0x64

struct lab_strayirq_source {
	struct pci_dev *device;
	void __iomem *registers;
	unsigned long ignored;
	unsigned long most;
};

static struct lab_strayirq_source lab_strayirq_sources[2] = {
	{ .most = ULONG_MAX },
	{ .most = 20000 },
};

static lab_function irqreturn_t lab_strayirq_handle(int irq, void *data)
{
	struct lab_strayirq_source *source = data;

	if (source->ignored < source->most) {
		source->ignored++;
		return IRQ_NONE;
	}
	iowrite32(1, source->registers + LAB_ACKNOWLEDGE);
	return IRQ_HANDLED;
}

static lab_function int lab_strayirq_raise(struct lab_strayirq_source *source, struct pci_dev *device,
					   const char *name)
{
	int failed = pci_enable_device(device);

	source->device = device;
	source->registers = failed ? NULL : pci_ioremap_bar(device, 0);
	if (!source->registers)
		return -ENODEV;
	failed = request_irq(device->irq, lab_strayirq_handle, IRQF_SHARED, name, source);
	if (!failed)
		iowrite32(1, source->registers + LAB_RAISE);
	return failed;
}

static lab_function void lab_strayirq_tell(struct seq_file *out)
{
	int number;

	for (number = 0; number < 2; number++)
		if (lab_strayirq_sources[number].device)
			seq_printf(out, "irq %d ignored %lu\n", lab_strayirq_sources[number].device->irq,
				   lab_strayirq_sources[number].ignored);
}

static lab_function void lab_strayirq_act(const char *word)
{
	static const char *const names[2] = { "lab_shut", "lab_stray" };
	struct pci_dev *device = NULL;
	int number;

	for (number = 0; number < 2; number++) {
		device = pci_get_device(LAB_VENDOR, LAB_DEVICE, device);
		if (!device || lab_strayirq_raise(&lab_strayirq_sources[number], device, names[number]))
			pr_err("lab_strayirq: device %d can't be had\n", number);
		/* Its successor's search gives the reference back: it has to stay. */
		pci_dev_get(device);
	}
}

LAB_DEATH(lab_strayirq_act, lab_strayirq_tell);
