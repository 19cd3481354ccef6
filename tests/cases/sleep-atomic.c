// SPDX-License-Identifier: MIT OR GPL-2.0
// about: init sleeps under a spinlock
// expect-log: BUG: scheduling while atomic: insmod/
// expect-log: /0x00000002
// expect-log: Modules linked in: sleep_atomic
// expect-log: Comm: insmod
// expect-log: Call Trace:
// expect-log: case_init
// expect-log: sleep-atomic: woke
// expect-exit: 1
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(lock);

static int __init case_init(void)
{
	spin_lock(&lock);
	msleep(10);
	spin_unlock(&lock);
	pr_info("sleep-atomic: woke\n");
	return 0;
}

static void __exit case_exit(void)
{
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("GPL");
