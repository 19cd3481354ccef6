// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a parameter the module does not have is ignored with a word
// params: colour=red count=3
// expect-log: param_unknown: unknown parameter 'colour' ignored
// expect-log: param-unknown: count is 3
#include <linux/module.h>

static int count = 1;
module_param(count, int, 0);

static int __init case_init(void)
{
	pr_info("param-unknown: count is %d\n", count);
	return 0;
}

static void __exit case_exit(void)
{
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
