// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a function that nobody exports; modpost is told to let it pass
// make: KBUILD_MODPOST_WARN=1
// expect-errno: ENOENT
// expect-log: missing_symbol: Unknown symbol komod_has_no_such_function (err -2)
#include <linux/module.h>

int komod_has_no_such_function(void);

static int __init case_init(void)
{
	return komod_has_no_such_function();
}

module_init(case_init);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
