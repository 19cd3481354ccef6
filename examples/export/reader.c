// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A module that uses another module's function. It can be loaded only after that one, and holds it
 * in the kernel until it goes itself.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "counter.h"

static int __init reader_init(void)
{
	int first = counter_next();
	int second = counter_next();

	pr_info("reader: counted %d, then %d\n", first, second);
	return 0;
}

static void __exit reader_exit(void)
{
	pr_info("reader: the last one is %d\n", counter_next());
}

module_init(reader_init);
module_exit(reader_exit);

MODULE_DESCRIPTION("Uses a function of the module counter");
MODULE_LICENSE("Dual MIT/GPL");
