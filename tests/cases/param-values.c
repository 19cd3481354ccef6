// SPDX-License-Identifier: MIT OR GPL-2.0
// about: parameters of every kind arrive
// params: count=-5 name="two words" on=y list=0x10,020,3 label=short
// expect-log: param-values: -5 [two words] 1
// expect-log: param-values: 3 numbers: 16 16 3
// expect-log: param-values: label short
#include <linux/module.h>

static int count;
module_param(count, int, 0);
static char *name = "";
module_param(name, charp, 0);
static bool on;
module_param(on, bool, 0);
static int list[4];
static int listed;
module_param_array(list, int, &listed, 0);
static char label[8];
module_param_string(label, label, sizeof(label), 0);

static int __init case_init(void)
{
	pr_info("param-values: %d [%s] %d\n", count, name, on);
	pr_info("param-values: %d numbers: %d %d %d\n", listed, list[0], list[1], list[2]);
	pr_info("param-values: label %s\n", label);
	return 0;
}

static void __exit case_exit(void)
{
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
