/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#ifndef COUNTER_H
#define COUNTER_H

/* Counts one on, and says how far it got. */
int counter_next(void);

#endif
