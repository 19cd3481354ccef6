// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * What an object is like that was compiled against older headers and linked anew: its checksums are
 * those of today, its struct timespec64 is another one.
 */
#define timespec64 timespec64_of_today
#include <linux/module.h>
#include <linux/timekeeping.h>
#undef timespec64

/* As if from a header of the kernel. */
# 1 "include/linux/time64.h"
struct timespec64 {
	time64_t tv_sec;
	long tv_dropped;
	long tv_nsec;
};
# 22 "stale.c"

static int __init stale_init(void)
{
	struct timespec64 now = { .tv_dropped = 0, .tv_nsec = -1 };

	ktime_get_real_ts64((void *)&now);
	pr_info("stale: %s nanoseconds\n", now.tv_nsec == -1 ? "-1" : "some");
	return 0;
}

static void __exit stale_exit(void)
{
}

module_init(stale_init);
module_exit(stale_exit);
MODULE_DESCRIPTION("Reads a field where the kernel does not have it");
MODULE_LICENSE("Dual MIT/GPL");
