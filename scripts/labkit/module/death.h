/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the modules of the deaths share. A module lab_NAME has a function that does what the guest writes into
 * /proc/lab, and tells in /proc/lab what it knows of itself (its locks' addresses).
 *
 * The guilty function is a few calls deep and nothing is inlined, so that a backtrace has frames whose names
 * and lines are known.
 */
#ifndef LAB_DEATH_H
#define LAB_DEATH_H

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

/* Neither inlined nor specialised: the compiler must not see what the callers pass. */
#define lab_function noinline __noclone

/* The module's text starts with something else, so that an oops can show the bytes before the faulting one. */
asm(".text\n\t.skip 256, 0xcc\n");

static void lab_tell_nothing(struct seq_file *out)
{
}

#define LAB_DEATH(act, tell)                                                                              \
	static ssize_t lab_write(struct file *file, const char __user *text, size_t size, loff_t *at)     \
	{                                                                                                 \
		char word[16] = "";                                                                       \
                                                                                                          \
		if (size >= sizeof(word) || copy_from_user(word, text, size))                             \
			return -EINVAL;                                                                   \
		act(strim(word));                                                                         \
		return size;                                                                              \
	}                                                                                                 \
                                                                                                          \
	static int lab_show(struct seq_file *out, void *unused)                                           \
	{                                                                                                 \
		(void)lab_tell_nothing;                                                                   \
		tell(out);                                                                                \
		return 0;                                                                                 \
	}                                                                                                 \
                                                                                                          \
	static int lab_open(struct inode *inode, struct file *file)                                       \
	{                                                                                                 \
		return single_open(file, lab_show, NULL);                                                 \
	}                                                                                                 \
                                                                                                          \
	static const struct proc_ops lab_ops = {                                                          \
		.proc_open = lab_open,                                                                    \
		.proc_read = seq_read,                                                                    \
		.proc_lseek = seq_lseek,                                                                  \
		.proc_write = lab_write,                                                                  \
		.proc_release = single_release,                                                           \
	};                                                                                                \
                                                                                                          \
	static int __init lab_init(void)                                                                  \
	{                                                                                                 \
		return proc_create("lab", 0600, NULL, &lab_ops) ? 0 : -ENOMEM;                            \
	}                                                                                                 \
                                                                                                          \
	static void __exit lab_exit(void)                                                                 \
	{                                                                                                 \
		remove_proc_entry("lab", NULL);                                                           \
	}                                                                                                 \
                                                                                                          \
	module_init(lab_init);                                                                            \
	module_exit(lab_exit);                                                                            \
	MODULE_DESCRIPTION("Dies in a known way");                                                        \
	MODULE_VERSION(LAB_VERSION);                                                                      \
	MODULE_LICENSE("GPL")

#endif
