// SPDX-License-Identifier: MIT OR GPL-2.0
// about: memory that is never given back
// expect-log: leak-kmalloc: took three, gave back one
// expect-leak: 2
#include <linux/module.h>
#include <linux/slab.h>

static void *volatile kept[3];

static int __init case_init(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		kept[i] = kmalloc(1000 + i, GFP_KERNEL);
		if (!kept[i])
			return -ENOMEM;
	}
	kfree(kept[0]);
	pr_info("leak-kmalloc: took three, gave back one\n");
	return 0;
}

static void __exit case_exit(void)
{
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
