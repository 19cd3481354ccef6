/* SPDX-License-Identifier: MIT OR GPL-2.0 */
int starting_value(void);
