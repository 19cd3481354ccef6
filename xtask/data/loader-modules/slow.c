// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * An init function that takes its time, and then returns what it is told to.
 */
#include <linux/delay.h>
#include <linux/module.h>

static int result;
module_param(result, int, 0);

static int __init slow_init(void)
{
	msleep(2500);
	return result;
}

static void __exit slow_exit(void)
{
}

module_init(slow_init);
module_exit(slow_exit);
MODULE_DESCRIPTION("Starts slowly");
MODULE_LICENSE("Dual MIT/GPL");
