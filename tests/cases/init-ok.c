// SPDX-License-Identifier: MIT OR GPL-2.0
// about: the plain case: load, two lines of log, unload
// expect-log: init-ok: in
// expect-log: init-ok: out
// expect-exit: 0
#include <linux/module.h>

static int __init case_init(void)
{
	pr_info("init-ok: in\n");
	return 0;
}

static void __exit case_exit(void)
{
	pr_info("init-ok: out\n");
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
