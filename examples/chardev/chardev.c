// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A character device, /dev/chardev: a buffer that keeps what is written to it.
 *
 * A "misc" device is the short way to one: it brings a device number and a name in /dev.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "chardev.h"

static char buffer[CHARDEV_SIZE];
static size_t used;
static DEFINE_MUTEX(buffer_lock);

/* simple_read_from_buffer minds the position, the end, and copying to the process. */
static ssize_t chardev_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	ssize_t done;

	mutex_lock(&buffer_lock);
	done = simple_read_from_buffer(to, size, pos, buffer, used);
	mutex_unlock(&buffer_lock);
	return done;
}

static ssize_t chardev_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	ssize_t done;

	mutex_lock(&buffer_lock);
	if (file->f_flags & O_APPEND)
		*pos = used;
	done = simple_write_to_buffer(buffer, sizeof(buffer), pos, from, size);
	if (done > 0 && *pos > used)
		used = *pos;
	mutex_unlock(&buffer_lock);
	/* Nothing fits any more: an error, or the writer would try for ever. */
	return done == 0 && size > 0 ? -ENOSPC : done;
}

/* Everything that is neither reading nor writing. */
static long chardev_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	void __user *user = (void __user *)argument;
	struct chardev_state state = { .size = CHARDEV_SIZE };
	__u32 byte;

	switch (command) {
	case CHARDEV_CLEAR:
		mutex_lock(&buffer_lock);
		memset(buffer, 0, sizeof(buffer));
		used = 0;
		mutex_unlock(&buffer_lock);
		pr_info("chardev: cleared\n");
		return 0;
	case CHARDEV_STATE:
		mutex_lock(&buffer_lock);
		state.used = used;
		mutex_unlock(&buffer_lock);
		return copy_to_user(user, &state, sizeof(state)) ? -EFAULT : 0;
	case CHARDEV_FILL:
		if (copy_from_user(&byte, user, sizeof(byte)))
			return -EFAULT;
		if (byte > 255)
			return -EINVAL;
		mutex_lock(&buffer_lock);
		memset(buffer, byte, sizeof(buffer));
		used = sizeof(buffer);
		mutex_unlock(&buffer_lock);
		return 0;
	default:
		/* "Not a typewriter": this device does not know the command. */
		return -ENOTTY;
	}
}

static const struct file_operations chardev_ops = {
	/* Keeps the module in the kernel while the device is open. */
	.owner = THIS_MODULE,
	.read = chardev_read,
	.write = chardev_write,
	.llseek = default_llseek,
	.unlocked_ioctl = chardev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice chardev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "chardev",
	.fops = &chardev_ops,
	.mode = 0666,
};

static int __init chardev_init(void)
{
	int error = misc_register(&chardev);

	if (error) {
		pr_err("chardev: cannot register: %d\n", error);
		return error;
	}
	pr_info("chardev: /dev/chardev is there\n");
	return 0;
}

static void __exit chardev_exit(void)
{
	misc_deregister(&chardev);
	pr_info("chardev: gone\n");
}

module_init(chardev_init);
module_exit(chardev_exit);

MODULE_DESCRIPTION("A character device with read, write and ioctl");
MODULE_LICENSE("Dual MIT/GPL");
