// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a module with an init and no exit function can never be unloaded
// expect-log: no-exit: in
// expect-unload-errno: EBUSY
#include <linux/module.h>

static int __init case_init(void)
{
	pr_info("no-exit: in\n");
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
