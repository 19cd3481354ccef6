// SPDX-License-Identifier: MIT OR GPL-2.0
/* Gets a kernel into trouble of the kind that `how` names. */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

static char *how = "";
module_param(how, charp, 0);

static int *nothing;
static DEFINE_SPINLOCK(lock);

static void on_time(struct timer_list *unused)
{
	WRITE_ONCE(*nothing, 1);
}

static DEFINE_TIMER(timer, on_time);

static void loop_for(int seconds)
{
	ktime_t end = ktime_add_ms(ktime_get(), seconds * 1000);

	while (ktime_before(ktime_get(), end))
		barrier();
}

static void take_all_memory(gfp_t flags)
{
	struct page *all = NULL, *page;

	while ((page = alloc_page(flags))) {
		page->private = (unsigned long)all;
		all = page;
	}
	while ((page = all)) {
		all = (struct page *)page->private;
		page->private = 0;
		__free_page(page);
	}
}

static int __init trouble_init(void)
{
	pr_info("trouble: %s\n", how);
	if (!strcmp(how, "panic"))
		panic("because %s", "it was asked for");
	if (!strcmp(how, "null"))
		WRITE_ONCE(*nothing, 1);
	if (!strcmp(how, "timer"))
		mod_timer(&timer, jiffies + 2);
	if (!strcmp(how, "bug"))
		BUG();
	if (!strcmp(how, "loop"))
		for (;;)
			barrier();
	if (!strcmp(how, "loop-off")) {
		local_irq_disable();
		for (;;)
			barrier();
	}
	if (!strcmp(how, "soft-lockup")) {
		preempt_disable();
		loop_for(7);
		preempt_enable();
	}
	if (!strcmp(how, "rcu-stall")) {
		/* Somebody has to wait for the readers. */
		start_poll_synchronize_rcu();
		rcu_read_lock();
		loop_for(7);
		rcu_read_unlock();
	}
	if (!strcmp(how, "atomic")) {
		spin_lock(&lock);
		msleep(10);
		spin_unlock(&lock);
	}
	if (!strcmp(how, "oom"))
		take_all_memory(GFP_KERNEL);
	if (!strcmp(how, "exhaust")) {
		take_all_memory(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		return -ENOMEM;
	}
	return 0;
}

static void __exit trouble_exit(void)
{
	pr_info("trouble: out\n");
}

module_init(trouble_init);
module_exit(trouble_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Gets a kernel into trouble");
