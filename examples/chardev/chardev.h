/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the module and the programs that use /dev/chardev agree on.
 */
#ifndef CHARDEV_H
#define CHARDEV_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define CHARDEV_SIZE 256

struct chardev_state {
	__u32 used;		/* bytes in the buffer */
	__u32 size;		/* bytes it can hold */
};

/* A number names the device's kind, the command, its direction and the size of its argument. */
#define CHARDEV_CLEAR	_IO('k', 0)
#define CHARDEV_STATE	_IOR('k', 1, struct chardev_state)
#define CHARDEV_FILL	_IOW('k', 2, __u32)

#endif
