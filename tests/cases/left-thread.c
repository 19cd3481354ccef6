// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a thread that is still asleep in the module's code when that goes
// after: 1500
// expect-log: left-thread: out
// expect-oops: supervisor instruction fetch in kernel mode
// expect-exit: 1
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/printk.h>

static int sleeper(void *unused)
{
	for (;;)
		msleep(500);
	return 0;
}

static int __init left_init(void)
{
	return PTR_ERR_OR_ZERO(kthread_run(sleeper, NULL, "sleeper"));
}

static void __exit left_exit(void)
{
	pr_info("left-thread: out\n");
}

module_init(left_init);
module_exit(left_exit);

MODULE_DESCRIPTION("Leaves a thread behind");
MODULE_LICENSE("Dual MIT/GPL");
