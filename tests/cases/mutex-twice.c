// SPDX-License-Identifier: MIT OR GPL-2.0
// about: one thread takes the same mutex twice and waits for itself
// expect-log: mutex-twice: once
// expect-oops: (?i)deadlock|hung|blocked
#include <linux/module.h>
#include <linux/mutex.h>

static DEFINE_MUTEX(lock);

static int __init case_init(void)
{
	mutex_lock(&lock);
	pr_info("mutex-twice: once\n");
	mutex_lock(&lock);
	pr_info("mutex-twice: must not get here\n");
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
