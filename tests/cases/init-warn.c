// SPDX-License-Identifier: MIT OR GPL-2.0
// about: WARN_ON reports and goes on
// expect-log: WARNING:
// expect-log: init-warn.c
// expect-log: init-warn: still here
// expect-log: init-warn: out
#include <linux/bug.h>
#include <linux/module.h>

static int __init case_init(void)
{
	WARN_ON(THIS_MODULE != NULL);
	pr_info("init-warn: still here\n");
	return 0;
}

static void __exit case_exit(void)
{
	pr_info("init-warn: out\n");
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
