// SPDX-License-Identifier: MIT OR GPL-2.0
// about: the init function writes through a null pointer
// expect-log: init-null: about to write
// expect-oops: NULL pointer dereference
// expect-oops: case_init
#include <linux/module.h>

struct thing {
	long first;
	long second;
};

static struct thing *nothing;

static int __init case_init(void)
{
	pr_info("init-null: about to write\n");
	WRITE_ONCE(nothing->second, 1);
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
