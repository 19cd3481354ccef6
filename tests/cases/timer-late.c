// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a timer that is still pending when the module goes is taken back
// expect-log: timer-late: in
// expect-log: timer-late: was pending: 1
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/timer.h>
#include <linux/version.h>

static void on_time(struct timer_list *timer)
{
	pr_info("timer-late: fired\n");
}

static DEFINE_TIMER(timer, on_time);

static int __init case_init(void)
{
	pr_info("timer-late: in\n");
	mod_timer(&timer, jiffies + msecs_to_jiffies(3600 * 1000));
	return 0;
}

static void __exit case_exit(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	int pending = timer_delete_sync(&timer);
#else
	int pending = del_timer_sync(&timer);
#endif

	pr_info("timer-late: was pending: %d\n", pending);
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
