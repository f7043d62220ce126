// SPDX-License-Identifier: GPL-2.0
/*
 * Dies as told: write null, bug, softlockup or hungtask to the parameter "how".
 *
 * The guilty function is a few calls deep and nothing is inlined, so that a backtrace has frames of a
 * module whose names and lines are known.
 */
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/string.h>

struct crashme_request {
	const char *how;
	unsigned long depth;
	int *victim;
};

static char crashme_how[16] = "idle";

static noinline void crashme_null(struct crashme_request *request)
{
	*request->victim = 0x0dead;
}

static noinline void crashme_bug(struct crashme_request *request)
{
	BUG_ON(request->depth == 2);
}

static noinline void crashme_softlockup(struct crashme_request *request)
{
	preempt_disable();
	while (READ_ONCE(request->depth))
		cpu_relax();
	preempt_enable();
}

static noinline void crashme_hungtask(struct crashme_request *request)
{
	while (READ_ONCE(request->depth)) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule();
	}
}

static noinline int crashme_dispatch(struct crashme_request *request)
{
	request->depth++;
	if (!strcmp(request->how, "null"))
		crashme_null(request);
	else if (!strcmp(request->how, "bug"))
		crashme_bug(request);
	else if (!strcmp(request->how, "softlockup"))
		crashme_softlockup(request);
	else if (!strcmp(request->how, "hungtask"))
		crashme_hungtask(request);
	else if (strcmp(request->how, "idle"))
		return -EINVAL;
	return 0;
}

static noinline int crashme_prepare(const char *how)
{
	struct crashme_request request = { .how = how, .depth = 1 };
	int result = crashme_dispatch(&request);

	barrier();
	return result;
}

static int crashme_set(const char *text, const struct kernel_param *param)
{
	strscpy(crashme_how, text, sizeof(crashme_how));
	return crashme_prepare(strim(crashme_how));
}

static int crashme_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n", crashme_how);
}

static const struct kernel_param_ops crashme_ops = {
	.set = crashme_set,
	.get = crashme_get,
};

module_param_cb(how, &crashme_ops, NULL, 0644);
MODULE_PARM_DESC(how, "idle, null, bug, softlockup or hungtask");

static int __init crashme_init(void)
{
	return 0;
}

static void __exit crashme_exit(void)
{
}

module_init(crashme_init);
module_exit(crashme_exit);
MODULE_DESCRIPTION("Dies in a known way");
MODULE_LICENSE("GPL");
