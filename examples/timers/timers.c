// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Three ways to do something later.
 *
 * A timer's function runs in the timer interrupt and must not sleep; a work item's runs in a
 * kernel thread of a workqueue and may; a kernel thread of one's own runs until it is told to stop.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/timer.h>
#include <linux/version.h>
#include <linux/workqueue.h>

#define ROUNDS 3
#define PERIOD_MS 100

static struct timer_list ticker;
static unsigned int ticks;

static struct workqueue_struct *queue;
static struct delayed_work job;
static unsigned int jobs;

static struct task_struct *thread;

static void ticker_fires(struct timer_list *timer)
{
	ticks++;
	pr_info("timers: tick %u\n", ticks);
	/* A timer fires once; to fire again it must be set again. */
	if (ticks < ROUNDS)
		mod_timer(timer, jiffies + msecs_to_jiffies(PERIOD_MS));
}

static void job_runs(struct work_struct *work)
{
	jobs++;
	msleep(10);
	pr_info("timers: job %u\n", jobs);
	if (jobs < ROUNDS)
		queue_delayed_work(queue, &job, msecs_to_jiffies(PERIOD_MS));
}

static int thread_runs(void *data)
{
	unsigned int round = 0;

	while (!kthread_should_stop()) {
		if (round < ROUNDS) {
			round++;
			pr_info("timers: thread round %u\n", round);
		}
		/* kthread_stop wakes it before the time is over. */
		schedule_timeout_interruptible(msecs_to_jiffies(PERIOD_MS));
	}
	pr_info("timers: thread stops after round %u\n", round);
	return 0;
}

/* The function's name since Linux 6.15 is timer_delete_sync; 6.2 brought it beside the old one. */
static void ticker_stop(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	timer_delete_sync(&ticker);
#else
	del_timer_sync(&ticker);
#endif
}

static int __init timers_init(void)
{
	queue = alloc_workqueue("timers", WQ_UNBOUND, 1);
	if (!queue)
		return -ENOMEM;

	thread = kthread_run(thread_runs, NULL, "timers");
	if (IS_ERR(thread)) {
		destroy_workqueue(queue);
		return PTR_ERR(thread);
	}

	INIT_DELAYED_WORK(&job, job_runs);
	queue_delayed_work(queue, &job, msecs_to_jiffies(PERIOD_MS));

	timer_setup(&ticker, ticker_fires, 0);
	mod_timer(&ticker, jiffies + msecs_to_jiffies(PERIOD_MS));

	pr_info("timers: started\n");
	return 0;
}

/* Nothing may be left that would run code of a module that is gone. */
static void __exit timers_exit(void)
{
	ticker_stop();
	cancel_delayed_work_sync(&job);
	destroy_workqueue(queue);
	kthread_stop(thread);
	pr_info("timers: stopped after %u ticks and %u jobs\n", ticks, jobs);
}

module_init(timers_init);
module_exit(timers_exit);

MODULE_DESCRIPTION("A timer, a work item and a kernel thread");
MODULE_LICENSE("Dual MIT/GPL");
