/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the stages of receiving. */
#ifndef GREMC_LOADGEN_RECEIVE_STAGES_H
#define GREMC_LOADGEN_RECEIVE_STAGES_H

#include "receive.h"

/* Of struct gremc_rx_frame.fault, beside the faults. */
#define FRAME_GOOD    GREMC_FAULT_COUNT       /* good so far */
#define FRAME_CONTROL (GREMC_FAULT_COUNT + 1) /* not a test packet, and rightly here */

/* receive_parse.c: fill in rx->seen, all but the stream, of `count` frames that came in by `port`. */
void gremc_receiver_parse(struct gremc_receiver *rx, uint16_t port, struct rte_mbuf **packet, unsigned count);

#endif
