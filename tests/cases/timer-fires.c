// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a timer set in init fires while init waits for it
// expect-log: timer-fires: set
// expect-log: timer-fires: fired
// expect-log: timer-fires: seen 1
// expect-log: timer-fires: out
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/timer.h>

static DECLARE_COMPLETION(fired);
static int count;

static void on_time(struct timer_list *timer)
{
	count++;
	pr_info("timer-fires: fired\n");
	complete(&fired);
}

static DEFINE_TIMER(timer, on_time);

static int __init case_init(void)
{
	pr_info("timer-fires: set\n");
	mod_timer(&timer, jiffies + msecs_to_jiffies(50));
	if (!wait_for_completion_timeout(&fired, msecs_to_jiffies(5000)))
		return -ETIMEDOUT;
	pr_info("timer-fires: seen %d\n", count);
	return 0;
}

static void __exit case_exit(void)
{
	pr_info("timer-fires: out\n");
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
