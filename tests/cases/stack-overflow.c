// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a recursion without end runs out of the kernel's small stack
// expect-log: stack-overflow: going down
// expect-oops: (?i)stack
#include <linux/module.h>

static noinline int descend(int depth)
{
	char room[256];

	memset(room, depth, sizeof(room));
	/* Used after the call, so that the compiler cannot make a loop of it. */
	barrier_data(room);
	depth = depth >= 0 ? descend(depth + 1) : 0;
	barrier_data(room);
	return depth + room[0];
}

static int __init case_init(void)
{
	pr_info("stack-overflow: going down\n");
	pr_info("stack-overflow: came back with %d\n", descend(1));
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
