// SPDX-License-Identifier: MIT OR GPL-2.0
// about: delayed work that is still queued when the module goes
// after: 1500
// expect-log: left-work: out
// expect-oops: BUG: unable to handle page fault for address
// expect-oops: process_one_work
// expect-exit: 1
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/workqueue.h>

static void work(struct work_struct *unused)
{
	pr_info("left-work: must not get here\n");
}

static DECLARE_DELAYED_WORK(later, work);

static int __init left_init(void)
{
	schedule_delayed_work(&later, HZ);
	return 0;
}

static void __exit left_exit(void)
{
	pr_info("left-work: out\n");
}

module_init(left_init);
module_exit(left_exit);

MODULE_DESCRIPTION("Leaves work behind");
MODULE_LICENSE("Dual MIT/GPL");
