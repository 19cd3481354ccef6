// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A value in sysfs: /sys/kernel/sysfs_value/value can be read and written; next to it, times says
 * how often it was written.
 */
#include <linux/atomic.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/sysfs.h>

static struct kobject *folder;
static atomic_t value = ATOMIC_INIT(42);
static atomic_t times = ATOMIC_INIT(0);

/* By custom a file in sysfs holds one value, as text with a newline. */
static ssize_t value_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return sysfs_emit(page, "%d\n", atomic_read(&value));
}

static ssize_t value_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *text, size_t size)
{
	int fresh;
	int error = kstrtoint(text, 0, &fresh);

	if (error)
		return error;
	atomic_set(&value, fresh);
	atomic_inc(&times);
	pr_info("sysfs_value: now %d\n", fresh);
	return size;
}

static ssize_t times_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return sysfs_emit(page, "%d\n", atomic_read(&times));
}

static struct kobj_attribute value_attribute = __ATTR_RW(value);
static struct kobj_attribute times_attribute = __ATTR_RO(times);

static struct attribute *attributes[] = {
	&value_attribute.attr,
	&times_attribute.attr,
	NULL,
};

static const struct attribute_group group = {
	.attrs = attributes,
};

static int __init sysfs_value_init(void)
{
	int error;

	folder = kobject_create_and_add("sysfs_value", kernel_kobj);
	if (!folder)
		return -ENOMEM;
	error = sysfs_create_group(folder, &group);
	if (error) {
		kobject_put(folder);
		return error;
	}
	pr_info("sysfs_value: /sys/kernel/sysfs_value is there\n");
	return 0;
}

static void __exit sysfs_value_exit(void)
{
	/* The last reference takes the folder and the files in it away. */
	kobject_put(folder);
	pr_info("sysfs_value: gone\n");
}

module_init(sysfs_value_init);
module_exit(sysfs_value_exit);

MODULE_DESCRIPTION("A value in sysfs");
MODULE_LICENSE("Dual MIT/GPL");
