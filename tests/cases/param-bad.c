// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a parameter's value that is not a number
// params: count=many
// expect-log: param_bad: `many' invalid for parameter `count'
// expect-errno: EINVAL
#include <linux/module.h>

static int count = 1;
module_param(count, int, 0);

static int __init case_init(void)
{
	pr_info("param-bad: must not run\n");
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
