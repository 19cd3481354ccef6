// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a hrtimer's function runs as a hard interrupt, a soft one's does not
// expect-log: hrtimer-context: hard 1
// expect-log: hrtimer-context: hard 0
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/module.h>

static struct hrtimer hard, soft;

static enum hrtimer_restart on_time(struct hrtimer *timer)
{
	pr_info("hrtimer-context: hard %d\n", !!in_hardirq());
	return HRTIMER_NORESTART;
}

static int __init case_init(void)
{
	hrtimer_init(&hard, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hard.function = on_time;
	hrtimer_start(&hard, ms_to_ktime(5), HRTIMER_MODE_REL);
	hrtimer_init(&soft, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	soft.function = on_time;
	hrtimer_start(&soft, ms_to_ktime(10), HRTIMER_MODE_REL_SOFT);
	msleep(20);
	return 0;
}

static void __exit case_exit(void)
{
	hrtimer_cancel(&hard);
	hrtimer_cancel(&soft);
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("GPL");
