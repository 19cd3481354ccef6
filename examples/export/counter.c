// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A module that offers a function to other modules.
 */
#include <linux/atomic.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "counter.h"

/* Several users may count at the same time. */
static atomic_t count = ATOMIC_INIT(0);

int counter_next(void)
{
	return atomic_inc_return(&count);
}
/* From here on other modules can use it. EXPORT_SYMBOL_GPL would admit GPL modules only. */
EXPORT_SYMBOL(counter_next);

static int __init counter_init(void)
{
	pr_info("counter: ready\n");
	return 0;
}

static void __exit counter_exit(void)
{
	/* While a module that uses counter_next is loaded, the kernel does not get here. */
	pr_info("counter: stopped at %d\n", atomic_read(&count));
}

module_init(counter_init);
module_exit(counter_exit);

MODULE_DESCRIPTION("Exports a function that counts");
MODULE_LICENSE("Dual MIT/GPL");
