// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * As stale.c, the other way round: here struct timespec64 is an older, smaller one, and the
 * kernel writes into what lies behind it.
 */
#define timespec64 timespec64_of_today
#include <linux/module.h>
#include <linux/timekeeping.h>
#undef timespec64

/* As if from a header of the kernel: before tv_nsec was added. */
# 1 "include/linux/time64.h"
struct timespec64 {
	time64_t tv_sec;
};
# 18 "overwritten.c"

static struct {
	struct timespec64 now;
	u64 canary;
} kept;

static int __init overwritten_init(void)
{
	kept.canary = -1;
	ktime_get_real_ts64((void *)&kept.now);
	pr_info("overwritten: the canary is %s\n", kept.canary == -1 ? "alive" : "dead");
	return 0;
}

static void __exit overwritten_exit(void)
{
}

module_init(overwritten_init);
module_exit(overwritten_exit);
MODULE_DESCRIPTION("Has the kernel write beyond a structure");
MODULE_LICENSE("Dual MIT/GPL");
