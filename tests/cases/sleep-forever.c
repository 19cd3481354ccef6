// SPDX-License-Identifier: MIT OR GPL-2.0
// about: init waits for something that nobody does
// expect-log: sleep-forever: waiting
// expect-oops: (?i)deadlock|hung|blocked
#include <linux/completion.h>
#include <linux/module.h>

static DECLARE_COMPLETION(never);

static int __init case_init(void)
{
	pr_info("sleep-forever: waiting\n");
	wait_for_completion(&never);
	pr_info("sleep-forever: must not get here\n");
	return 0;
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
