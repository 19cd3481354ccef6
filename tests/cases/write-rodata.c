// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a write to read-only data is caught
// expect-log: write-rodata: about to write
// expect-oops: (?i)unable to handle|write
#include <linux/module.h>

static const int constant = 7;

static int __init case_init(void)
{
	int *place = (int *)&constant;

	/* Hidden from the compiler, which would refuse. */
	asm volatile("" : "+r" (place));
	pr_info("write-rodata: about to write\n");
	WRITE_ONCE(*place, 8);
	pr_info("write-rodata: now %d\n", *place);
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
