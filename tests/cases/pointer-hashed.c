// SPDX-License-Identifier: MIT OR GPL-2.0
// about: %p shows a hash, and the boot leaves no warning's taint
// expect-log: pointer-hashed: 1 warned 0
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>

static int __init case_init(void)
{
	char text[32];

	snprintf(text, sizeof(text), "%p", text);
	pr_info("pointer-hashed: %d warned %d\n", !strstr(text, "ptrval"),
		test_taint(TAINT_WARN));
	return 0;
}

static void __exit case_exit(void)
{
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("GPL");
