// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a division by zero
// params: divisor=0
// expect-log: init-divide: dividing by 0
// expect-oops: divide error
#include <linux/module.h>

static int divisor = 1;
module_param(divisor, int, 0);

static int __init case_init(void)
{
	pr_info("init-divide: dividing by %d\n", divisor);
	pr_info("init-divide: %d\n", 100 / divisor);
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
