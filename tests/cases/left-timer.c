// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a timer that is still armed when the module goes fires into nothing
// after: 1500
// expect-log: left-timer: out
// expect-oops: BUG: unable to handle page fault for address
// expect-oops: Kernel panic - not syncing: Fatal exception in interrupt
// expect-exit: 1
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/timer.h>

static void tick(struct timer_list *unused)
{
	pr_info("left-timer: must not get here\n");
}

static DEFINE_TIMER(timer, tick);

static int __init left_init(void)
{
	mod_timer(&timer, jiffies + HZ);
	return 0;
}

static void __exit left_exit(void)
{
	pr_info("left-timer: out\n");
}

module_init(left_init);
module_exit(left_exit);

MODULE_DESCRIPTION("Leaves a timer behind");
MODULE_LICENSE("Dual MIT/GPL");
