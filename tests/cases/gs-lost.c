// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a module that moves GS crashes, and the kernel can still say so
// expect-oops: RIP: 0010:
// expect-exit: 1
#include <asm/cpufeature.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/sched.h>

static int __init gs_init(void)
{
	asm volatile("wrgsbase %0" : : "r" (0UL) : "memory");
	pr_info("gs-lost: must not get here: %s\n", current->comm);
	return 0;
}

static void __exit gs_exit(void)
{
}

module_init(gs_init);
module_exit(gs_exit);

MODULE_DESCRIPTION("Moves GS");
MODULE_LICENSE("Dual MIT/GPL");
