// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a write behind an object's end is found when it is freed
// expect-log: Right Redzone overwritten
// expect-exit: 1
#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>

static char *volatile object;

static int __init over_init(void)
{
	object = kmalloc(40, GFP_KERNEL);
	if (!object)
		return -ENOMEM;
	object[40] = 1;
	kfree(object);
	return 0;
}

static void __exit over_exit(void)
{
}

module_init(over_init);
module_exit(over_exit);

MODULE_DESCRIPTION("Writes one byte too many");
MODULE_LICENSE("Dual MIT/GPL");
