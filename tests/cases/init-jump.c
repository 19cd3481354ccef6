// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a call through a pointer that is not an address of code
// expect-log: init-jump: about to call
// expect-oops: (?i)null pointer|unable to handle|page fault
#include <linux/module.h>

static void (*target)(void);

static int __init case_init(void)
{
	pr_info("init-jump: about to call\n");
	WRITE_ONCE(target, (void (*)(void))0x10);
	READ_ONCE(target)();
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
