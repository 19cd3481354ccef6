// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a system call instruction in a module gets nowhere
// expect-oops: BUG: system call 62 by kernel code
// expect-exit: 1
#include <linux/init.h>
#include <linux/module.h>
#include <linux/objtool.h>
#include <linux/printk.h>

static int __init call_init(void)
{
	long result;

	/* kill(1, 0) */
	asm volatile("syscall"
		     : "=a" (result)
		     : "0" (62L), "D" (1L), "S" (0L)
		     : "rcx", "r11", "memory");
	pr_info("system-call: must not get here: %ld\n", result);
	return 0;
}

/* objtool need not understand it. */
STACK_FRAME_NON_STANDARD(call_init);

static void __exit call_exit(void)
{
}

module_init(call_init);
module_exit(call_exit);

MODULE_DESCRIPTION("Makes a system call");
MODULE_LICENSE("Dual MIT/GPL");
