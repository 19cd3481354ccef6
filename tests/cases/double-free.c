// SPDX-License-Identifier: MIT OR GPL-2.0
// about: freeing twice is reported, and is no good end
// make: KCFLAGS=-Wno-use-after-free
// expect-log: Object already free
// expect-exit: 1
#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>

static int __init twice_init(void)
{
	void *object = kmalloc(40, GFP_KERNEL);

	kfree(object);
	kfree(object);
	return 0;
}

static void __exit twice_exit(void)
{
}

module_init(twice_init);
module_exit(twice_exit);

MODULE_DESCRIPTION("Frees twice");
MODULE_LICENSE("Dual MIT/GPL");
