/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GREMC_DATAPATH_IDLE_H
#define GREMC_DATAPATH_IDLE_H

#include "datapath/worker.h"

/* After an iteration that found no packets: pause, or sleep with exponential back-off. A sleeping worker is
 * offline, so that it does not delay grace periods. */
void gremc_idle_wait(struct gremc_worker *worker);
/* After an iteration that found packets. */
static inline void gremc_idle_reset(struct gremc_idle *idle)
{
	idle->empty = 0;
	idle->sleep = 1;
}

#endif
