// SPDX-License-Identifier: MIT OR GPL-2.0
// about: init jumps into its data
// expect-oops: BUG: unable to handle page fault
// expect-log: kernel tried to execute NX-protected page - exploit attempt? (uid: 0)
#include <linux/module.h>

static char code[16] = { 0x31, 0xc0, 0xc3 };

static int __init case_init(void)
{
	int (*volatile function)(void) = (void *)code;

	return function();
}

static void __exit case_exit(void)
{
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("GPL");
