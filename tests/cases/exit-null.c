// SPDX-License-Identifier: MIT OR GPL-2.0
// about: the init function works, the exit function reads through a null pointer
// expect-log: exit-null: in
// expect-log: exit-null: about to read
// expect-oops: NULL pointer dereference
// expect-oops: case_exit
#include <linux/module.h>

static int *nothing;

static int __init case_init(void)
{
	pr_info("exit-null: in\n");
	return 0;
}

static void __exit case_exit(void)
{
	pr_info("exit-null: about to read\n");
	pr_info("exit-null: %d\n", READ_ONCE(*nothing));
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
