// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Exports a function, but never finishes starting.
 */
#include <linux/completion.h>
#include <linux/module.h>

#include "starting.h"

static DECLARE_COMPLETION(never);

int starting_value(void)
{
	return 1;
}
EXPORT_SYMBOL(starting_value);

static int __init starting_init(void)
{
	wait_for_completion(&never);
	return 0;
}

module_init(starting_init);
MODULE_DESCRIPTION("Is starting for ever");
MODULE_LICENSE("Dual MIT/GPL");
