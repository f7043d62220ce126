// SPDX-License-Identifier: GPL-2.0
/* Loses the stack pointer: the page fault of the next push has no stack to be told on. */
#include "death.h"

static unsigned long lab_doublefault_stack = 0xffffffffff123450;

static lab_function void lab_doublefault_push(unsigned long stack)
{
	asm volatile("mov %0, %%rsp\n\tpush %%rax" : : "r"(stack) : "memory");
}

static lab_function void lab_doublefault_act(const char *word)
{
	lab_doublefault_push(READ_ONCE(lab_doublefault_stack));
	barrier();
}

LAB_DEATH(lab_doublefault_act, lab_tell_nothing);
