// SPDX-License-Identifier: MIT OR GPL-2.0
// about: BUG() stops the thread that runs it
// expect-log: init-bug: about to stop
// expect-oops: kernel BUG at
// expect-oops: init-bug.c
#include <linux/bug.h>
#include <linux/module.h>

static int __init case_init(void)
{
	pr_info("init-bug: about to stop\n");
	BUG();
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
