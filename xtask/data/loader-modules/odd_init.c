// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * An init function that returns what it is told to.
 */
#include <linux/module.h>

static int result;
module_param(result, int, 0);

static int __init odd_init(void)
{
	return result;
}

static void __exit odd_exit(void)
{
}

module_init(odd_init);
module_exit(odd_exit);
MODULE_DESCRIPTION("Returns from init what it is told to");
MODULE_LICENSE("Dual MIT/GPL");
