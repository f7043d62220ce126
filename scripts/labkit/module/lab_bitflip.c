// SPDX-License-Identifier: GPL-2.0
/* Flips one bit in the text of a function of the kernel. */
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/vmalloc.h>

#include "death.h"

enum { LAB_BITFLIP_OFFSET = 0x15, LAB_BITFLIP_BIT = 2 };

static lab_function void lab_bitflip_flip(unsigned long address)
{
	struct page *page = pfn_to_page(__pa_symbol(address) >> PAGE_SHIFT);
	unsigned char *alias = vmap(&page, 1, VM_MAP, PAGE_KERNEL);

	alias[offset_in_page(address)] ^= 1 << LAB_BITFLIP_BIT;
	vunmap(alias);
}

static lab_function void lab_bitflip_tell(struct seq_file *out)
{
	seq_printf(out, "text %lx print_hex_dump+%#x\n", (unsigned long)print_hex_dump + LAB_BITFLIP_OFFSET,
		   LAB_BITFLIP_OFFSET);
}

static lab_function void lab_bitflip_act(const char *word)
{
	lab_bitflip_flip((unsigned long)print_hex_dump + LAB_BITFLIP_OFFSET);
	barrier();
}

LAB_DEATH(lab_bitflip_act, lab_bitflip_tell);
