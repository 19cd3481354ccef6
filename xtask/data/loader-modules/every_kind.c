// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * What a loader can be confused by: sections of every kind, a function of another module, one that
 * is for GPL modules only, per-CPU data.
 */
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/workqueue.h>

#include "counter.h"

static DEFINE_PER_CPU(int, visits) = 3;
static int zeroes[100];
static int fixed_later __ro_after_init;

/* First in the symbol table, so that the GPL-only function is found first. */
static int __init every_kind_init(void)
{
	fixed_later = workqueue_congested(WORK_CPU_UNBOUND, NULL);
	zeroes[7] = counter_next();
	this_cpu_add(visits, zeroes[7]);
	return 0;
}

static void __exit every_kind_exit(void)
{
	pr_info("every_kind: %d %d\n", fixed_later, this_cpu_read(visits));
}

module_init(every_kind_init);
module_exit(every_kind_exit);
MODULE_DESCRIPTION("Has sections of every kind");
MODULE_VERSION("1.0");
MODULE_LICENSE("Dual MIT/GPL");
