// SPDX-License-Identifier: MIT OR GPL-2.0
// about: the init function refuses with an error number
// expect-log: init-errno: no device
// expect-errno: ENODEV
// expect-exit: 1
#include <linux/module.h>

static int __init case_init(void)
{
	pr_info("init-errno: no device\n");
	return -ENODEV;
}

static void __exit case_exit(void)
{
	pr_info("init-errno: must not run\n");
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
