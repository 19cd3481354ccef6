// SPDX-License-Identifier: MIT OR GPL-2.0
// about: a kernel thread and a work item run while init sleeps
// expect-log: worker: thread
// expect-log: worker: work
// expect-log: worker: done
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static int thread_runs(void *data)
{
	pr_info("worker: thread\n");
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ);
	return 0;
}

static void work_runs(struct work_struct *work)
{
	pr_info("worker: work\n");
}

static DECLARE_WORK(work, work_runs);

static int __init case_init(void)
{
	struct task_struct *thread = kthread_run(thread_runs, NULL, "worker");

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	msleep(20);
	schedule_work(&work);
	flush_work(&work);
	kthread_stop(thread);
	pr_info("worker: done\n");
	return 0;
}

static void __exit case_exit(void)
{
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("Dual MIT/GPL");
