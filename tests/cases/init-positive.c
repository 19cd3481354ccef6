// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a positive result is no error: the kernel warns and keeps the module
// expect-log: init_positive
// expect-log: suspiciously returned 5
// expect-log: init-positive: out
#include <linux/module.h>

static int __init case_init(void)
{
	return 5;
}

static void __exit case_exit(void)
{
	pr_info("init-positive: out\n");
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
