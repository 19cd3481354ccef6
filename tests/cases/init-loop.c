// SPDX-License-Identifier: MIT OR GPL-2.0
// about: an endless loop in init is stopped by the limit on processor time
// expect-log: init-loop: for ever
// expect-oops: (?i)time
#include <linux/module.h>

static int __init case_init(void)
{
	pr_info("init-loop: for ever\n");
	for (;;)
		barrier();
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
