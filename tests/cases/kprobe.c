// SPDX-License-Identifier: MIT OR GPL-2.0
// about: kprobes are refused, and say so
// expect-log: kprobes: not possible in the in-process kernel
// expect-errno: EOPNOTSUPP
#include <linux/init.h>
#include <linux/kprobes.h>
#include <linux/module.h>

static int before(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe probe = {
	.symbol_name = "vfs_read",
	.pre_handler = before,
};

static int __init probe_init(void)
{
	return register_kprobe(&probe);
}

static void __exit probe_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(probe_init);
module_exit(probe_exit);

MODULE_DESCRIPTION("Probes vfs_read");
MODULE_LICENSE("Dual MIT/GPL");
