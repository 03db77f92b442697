/* SPDX-License-Identifier: BSD-3-Clause */
/* The stages that check a burst of frames, in order. Each stage prefetches the data of the next one:
 *
 *   1  gremc_frames_parse()          headers, checksums and stamp         receive/frame_parse.c
 *   2  gremc_frames_flow_check()     inner headers of the flow            receive/frame_check.c
 *   3  gremc_frames_stream_find()    stream, port and MAC addresses
 *   4  gremc_frames_verdict_count()  payload, sequence, delay, counters */
#ifndef GREMC_LOADGEN_RECEIVE_FRAME_H
#define GREMC_LOADGEN_RECEIVE_FRAME_H

#include <assert.h>

#include "receive/receiver.h"

/* Values of gremc_rx_frame.fault other than the faults. */
enum gremc_frame_verdict {
	GREMC_FRAME_GOOD = GREMC_FAULT_COUNT, /* no fault so far */
	GREMC_FRAME_CONTROL                   /* control traffic */
};

static_assert(GREMC_FRAME_CONTROL <= UINT8_MAX, "gremc_rx_frame.fault holds every verdict");

/* All: thread: the receiver's lcore. Input: `count` is at most GREMC_RX_BURST. */

/* Fill in rx->frame, except the stream, for frames that arrived on `port`. */
void gremc_frames_parse(struct gremc_receiver *rx, uint16_t port, struct rte_mbuf **packet, unsigned count);
/* Compare the inner headers with those of the flow. */
void gremc_frames_flow_check(struct gremc_receiver *rx, unsigned count);
/* Find the stream, and check that it belongs to `port` and has the right MAC addresses. */
void gremc_frames_stream_find(struct gremc_receiver *rx, uint16_t port, unsigned count);
/* Check payload and sequence, and count the verdicts. */
void gremc_frames_verdict_count(struct gremc_receiver *rx, uint64_t now, unsigned count);

#endif
