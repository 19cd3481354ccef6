// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Parameters: values given on loading, `insmod params.ko count=3 name=Ada`, and visible afterwards
 * below /sys/module/params/parameters.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

/* A number. The last argument is the file's mode: 0444 anyone may read, 0 no file at all. */
static int count = 1;
module_param(count, int, 0444);
MODULE_PARM_DESC(count, "how often to greet (default 1)");

/* A string that stays where the kernel put it. */
static char *name = "world";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "whom to greet (default world)");

/* Yes or no: y, n, 1, 0, on, off. Root may change this one while the module is loaded. */
static bool loud;
module_param(loud, bool, 0644);
MODULE_PARM_DESC(loud, "greet loudly (default no)");

/* A list, `numbers=1,2,3`; how many there were goes to numbers_given. */
static int numbers[4] = { 1, 2, 3, 4 };
static int numbers_given;
module_param_array(numbers, int, &numbers_given, 0444);
MODULE_PARM_DESC(numbers, "up to four numbers");

/* A string copied into a buffer: longer ones are refused. */
static char label[16] = "none";
module_param_string(label, label, sizeof(label), 0444);
MODULE_PARM_DESC(label, "a label of at most 15 characters");

static int __init params_init(void)
{
	int i;

	if (count < 0 || count > 100) {
		pr_err("count=%d is not between 0 and 100\n", count);
		return -EINVAL;
	}
	for (i = 0; i < count; i++)
		pr_info("Hello, %s%s\n", name, loud ? "!" : ".");
	for (i = 0; i < numbers_given; i++)
		pr_info("numbers[%d] = %d\n", i, numbers[i]);
	pr_info("label is %s\n", label);
	return 0;
}

static void __exit params_exit(void)
{
	pr_info("Goodbye, %s%s\n", name, loud ? "!" : ".");
}

module_init(params_init);
module_exit(params_exit);

MODULE_DESCRIPTION("Module parameters of every kind");
MODULE_LICENSE("Dual MIT/GPL");
