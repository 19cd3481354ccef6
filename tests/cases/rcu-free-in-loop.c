// SPDX-License-Identifier: MIT OR GPL-2.0
// about: objects handed to kfree_rcu stay readable until the reader is done
// expect-log: sum 6 of 3
// expect-log: gone
// expect-leak: 0
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

struct item {
	struct list_head list;
	struct rcu_head rcu;
	int value;
};

static LIST_HEAD(items);

static int __init rcu_init_(void)
{
	struct item *item;
	int i, sum = 0, count = 0;

	for (i = 1; i <= 3; i++) {
		item = kzalloc(sizeof(*item), GFP_KERNEL);
		if (!item)
			return -ENOMEM;
		item->value = i;
		list_add_tail_rcu(&item->list, &items);
	}
	rcu_read_lock();
	list_for_each_entry_rcu(item, &items, list) {
		list_del_rcu(&item->list);
		kfree_rcu(item, rcu);
		/* The walk goes on through the item it has just given up. */
		sum += item->value;
		count++;
	}
	rcu_read_unlock();
	pr_info("sum %d of %d\n", sum, count);
	return 0;
}

static void __exit rcu_exit(void)
{
	rcu_barrier();
	pr_info("gone\n");
}

module_init(rcu_init_);
module_exit(rcu_exit);

MODULE_DESCRIPTION("kfree_rcu while the list is walked");
MODULE_LICENSE("Dual MIT/GPL");
