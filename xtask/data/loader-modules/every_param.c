// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A parameter of each of the kernel's types (linux/moduleparam.h).
 */
#include <linux/module.h>
#include <linux/moduleparam.h>

static unsigned char a_byte;
module_param(a_byte, byte, 0444);
static short a_short;
module_param(a_short, short, 0444);
static unsigned short a_ushort;
module_param(a_ushort, ushort, 0444);
static int an_int;
module_param(an_int, int, 0444);
static unsigned int a_uint;
module_param(a_uint, uint, 0444);
static long a_long;
module_param(a_long, long, 0444);
static unsigned long a_ulong;
module_param(a_ulong, ulong, 0444);
static unsigned long long a_ullong;
module_param(a_ullong, ullong, 0444);
static unsigned int a_hexint;
module_param(a_hexint, hexint, 0444);
static char *a_charp;
module_param(a_charp, charp, 0444);
static bool a_bool;
module_param(a_bool, bool, 0444);
static bool an_invbool;
module_param(an_invbool, invbool, 0444);
static int a_bint;
module_param(a_bint, bint, 0444);
static short shorts[3];
module_param_array(shorts, short, NULL, 0444);
static bool bools[2];
module_param_array(bools, bool, NULL, 0444);
static char text[8];
module_param_string(text, text, sizeof(text), 0444);
static int an_unsafe;
module_param_unsafe(an_unsafe, int, 0444);
static int a_port;
module_param_hw(a_port, int, ioport, 0444);

static int __init every_param_init(void)
{
	return 0;
}

static void __exit every_param_exit(void)
{
}

module_init(every_param_init);
module_exit(every_param_exit);
MODULE_DESCRIPTION("Has a parameter of each type");
MODULE_LICENSE("Dual MIT/GPL");
