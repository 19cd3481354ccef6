// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A file in /proc: `echo text > /proc/procnote` keeps a note, `cat /proc/procnote` shows it.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define NOTE_SIZE 128

static char note[NOTE_SIZE] = "empty\n";
static unsigned int writes;
/* Readers and writers may come at the same time. */
static DEFINE_MUTEX(note_lock);

/* seq_file collects what is printed and hands it out piece by piece, however small the reads. */
static int note_show(struct seq_file *seq, void *unused)
{
	mutex_lock(&note_lock);
	seq_printf(seq, "writes: %u\n", writes);
	seq_printf(seq, "note: %s", note);
	mutex_unlock(&note_lock);
	return 0;
}

static int note_open(struct inode *inode, struct file *file)
{
	return single_open(file, note_show, NULL);
}

static ssize_t note_write(struct file *file, const char __user *text, size_t size, loff_t *pos)
{
	char fresh[NOTE_SIZE];
	size_t written = size;

	if (size == 0)
		return 0;
	if (size > NOTE_SIZE - 2)
		return -ENOSPC;
	/* The address is the process's, so it must not be used directly. */
	if (copy_from_user(fresh, text, size))
		return -EFAULT;
	if (fresh[size - 1] != '\n')
		fresh[size++] = '\n';
	fresh[size] = '\0';

	mutex_lock(&note_lock);
	strscpy(note, fresh, sizeof(note));
	writes++;
	mutex_unlock(&note_lock);
	pr_info("procnote: new note of %zu bytes\n", size);
	return written;
}

static const struct proc_ops note_ops = {
	.proc_open = note_open,
	.proc_read = seq_read,
	.proc_write = note_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static int __init procnote_init(void)
{
	if (!proc_create("procnote", 0644, NULL, &note_ops))
		return -ENOMEM;
	pr_info("procnote: /proc/procnote is there\n");
	return 0;
}

static void __exit procnote_exit(void)
{
	/* Waits until nobody is in one of the functions above. */
	remove_proc_entry("procnote", NULL);
	pr_info("procnote: gone after %u writes\n", writes);
}

module_init(procnote_init);
module_exit(procnote_exit);

MODULE_DESCRIPTION("A file in /proc that can be read and written");
MODULE_LICENSE("Dual MIT/GPL");
