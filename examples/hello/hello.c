// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The smallest module: says one line when it comes and one when it goes.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

/* Called once, when the module is loaded. 0 means: it worked. */
static int __init hello_init(void)
{
	printk(KERN_INFO "===Test Module Start!===\n");
	return 0;
}

/* Called once, before the module is removed. It cannot refuse, so it returns nothing. */
static void __exit hello_exit(void)
{
	printk(KERN_INFO "===Test Module End!===\n");
}

module_init(hello_init);
module_exit(hello_exit);

MODULE_DESCRIPTION("Says hello and goodbye");
MODULE_LICENSE("Dual MIT/GPL");
