// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a licence that is not the GPL's taints the kernel
// expect-log: proprietary: module license 'Proprietary' taints kernel.
// expect-log: proprietary: in
#include <linux/module.h>

static int __init case_init(void)
{
	pr_info("proprietary: in\n");
	return 0;
}

static void __exit case_exit(void)
{
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Proprietary");
