// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a write to an address that belongs to nobody
// expect-log: write-wild: about to write
// expect-oops: (?i)unable to handle|general protection
#include <linux/module.h>

static unsigned long address = 0xffff9000dead0000;

static int __init case_init(void)
{
	long *place = (long *)READ_ONCE(address);

	pr_info("write-wild: about to write\n");
	WRITE_ONCE(*place, 1);
	pr_info("write-wild: survived\n");
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
