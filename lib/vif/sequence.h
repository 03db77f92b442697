/* SPDX-License-Identifier: BSD-3-Clause */
/* The GRE sequence numbers of one tunnel (RFC 2890, 2.2), shared by all workers and nodes.
 *
 * Workers change the numbers by atomic operations without a loop over other packets. Every received number of
 * the window is recorded, so loss, reordering and duplicates are counted exactly within it. */
#ifndef GREMC_VIF_SEQUENCE_H
#define GREMC_VIF_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "base/atomic.h"
#include "proto/tunnel.h"

#define GREMC_SEQUENCE_WINDOW  2048u /* numbers: bursts of a tunnel on several workers overlap by fewer */
#define GREMC_SEQUENCE_RESTART 64u   /* numbers behind the window in a row: the peer has restarted */
#define GREMC_SEQUENCE_JUMP    (1u << 24) /* numbers ahead: the peer has restarted, nothing is lost */

/* Received packets. Name and text: telemetry. */
#define GREMC_SEQUENCE_COUNTERS(X)                                                                           \
	X(received, "packets with a sequence number")                                                        \
	X(missing, "numbers that have not arrived")                                                          \
	X(reordered, "packets behind a later one")                                                           \
	X(duplicates, "packets whose number has arrived before")                                             \
	X(late, "packets too far behind to tell reordered ones from duplicates")                             \
	X(restarts, "times that the peer began again with other numbers")                                    \
	X(unnumbered, "packets without a sequence number")

struct gremc_sequence_state {
	gremc_atomic_u8 mode; /* enum gremc_sequence. Writer: the control thread. Readers: workers. */
	/* Number of the next packet sent. Writers: all that send by the tunnel. */
	gremc_atomic_u32 next __rte_cache_aligned;
	/* GREMC_SEQUENCE_STARTED and the highest number received; 0: none. Writers and readers: workers. */
	gremc_atomic_u64 last __rte_cache_aligned;
	/* The number that `last` began with. Writers and readers: workers. */
	gremc_atomic_u32 first;
	/* Packets behind the window since the last one inside. Writers and readers: workers. */
	gremc_atomic_u32 late_runs;
	/* Writers: workers. Readers: telemetry. */
#define GREMC_X(name, text) gremc_atomic_u64 name;
	GREMC_SEQUENCE_COUNTERS(GREMC_X)
#undef GREMC_X
	/* [number % window] the tag of the number that was received last. Writers and readers: workers. */
	gremc_atomic_u16 seen[GREMC_SEQUENCE_WINDOW] __rte_cache_aligned;
};

#define GREMC_SEQUENCE_STARTED (UINT64_C(1) << 32)

/* Record the number of a received packet.
 * Thread:  any worker.
 * Returns: whether the packet is accepted: false with GREMC_SEQUENCE_STRICT if the number is not above the
 *          highest one (RFC 2890, 2.2).
 * Note:    a peer that restarts begins with 0. After GREMC_SEQUENCE_RESTART packets in a row that are behind
 *          the window its numbers count from there, so that a restart does not end the tunnel. */
bool gremc_sequence_accept(struct gremc_sequence_state *sequence, uint32_t number);

/* The number of the next packet sent, from 0 on.
 * Thread:  any that sends. */
static inline uint32_t gremc_sequence_take(struct gremc_sequence_state *sequence)
{
	return gremc_u32_add(&sequence->next, 1);
}

#endif
