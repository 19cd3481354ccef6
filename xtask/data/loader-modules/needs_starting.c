// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Uses a function of a module that never finishes starting.
 */
#include <linux/module.h>

#include "starting.h"

static int __init needs_starting_init(void)
{
	return starting_value();
}

module_init(needs_starting_init);
MODULE_DESCRIPTION("Needs a module that is starting for ever");
MODULE_LICENSE("Dual MIT/GPL");
