/* SPDX-License-Identifier: BSD-3-Clause */
/* The transmitting side of one lcore: packets of its flows in turn, each from its template, stamped, in
 * bursts of up to 32. The TSC is read once a burst: a stamp's time is when the burst was begun, which is at
 * most the time that it takes to make it (32 packets, under a microsecond) before the device got the packet.
 * Beside it stands for how long the packet was due by then.
 *
 * A device that does not take packets is offered the same ones again, in order, until it does: nothing is
 * ever skipped, so a sequence number that was used has left. */
#ifndef GREMC_LOADGEN_TRANSMIT_H
#define GREMC_LOADGEN_TRANSMIT_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "pace.h"
#include "port/port.h"
#include "template.h"

#define GREMC_TX_PENDING (2 * GREMC_PACE_BURST)
#define GREMC_TX_POOL    4096u /* mbufs beyond those that the devices' rings hold */

/* Packets that a port has yet to take. */
struct gremc_transmitter_port {
	uint16_t id, queue; /* ethdev; id RTE_MAX_ETHPORTS: we do not send here */
	uint16_t first, count;
	struct rte_mbuf *pending[GREMC_TX_PENDING];
};

struct gremc_transmitter {
	struct gremc_pace pace;
	struct rte_mempool *pool;
	/* of the trial; borrowed from the control thread */
	const struct gremc_template *templates; /* [size class * flows + flow] */
	uint32_t template_stride;               /* flows */
	const uint32_t *order; /* flows, in the order in which they are sent, again and again */
	uint32_t order_count;
	const uint8_t *sizes; /* size classes, in the order in which they are used */
	uint32_t size_count;
	uint64_t *sequence; /* [flow]; a flow is sent by one lcore only */
	uint64_t packets;   /* to send */
	uint32_t trial_id;
	/* what happened */
	uint32_t order_at, size_at;
	uint64_t made;        /* packets stamped */
	uint64_t taken;       /* by the devices */
	uint64_t bytes;       /* of frames without FCS, of those that were made */
	uint64_t no_mbufs;    /* bursts that found no buffers: the devices hold them all */
	uint64_t first, last; /* TSC of the first and the last burst */
	uint64_t blocked;     /* cycles in which a device did not take what was due */
	uint64_t blocked_at;  /* TSC since when it does not; 0: it does */
	uint16_t pending;
	uint16_t port_count;
	struct gremc_transmitter_port port[GREMC_CONFIG_PORTS_MAX]; /* by index of the forwarder's port */
} __rte_cache_aligned;

/* A pool whose buffers hold the pattern. NULL: rte_errno. */
struct rte_mempool *gremc_pattern_pool_create(const char *name, unsigned count, uint16_t inner, int socket);
/* Write the pattern again: something that shares our memory may have changed it. */
void gremc_pattern_pool_refill(struct rte_mempool *pool);

/* Send what is due at `now`. Returns how many packets were made. */
unsigned gremc_transmitter_poll(struct gremc_transmitter *tx, uint64_t now);
/* Offer the devices once more what they have not taken. Returns how many still wait. */
unsigned gremc_transmitter_pending_flush(struct gremc_transmitter *tx);
/* All sent and taken? */
static inline bool gremc_transmitter_is_done(const struct gremc_transmitter *tx)
{
	return tx->made == tx->packets && tx->pending == 0;
}
/* Free what no device has taken, at the end of a trial that was cut short. */
void gremc_transmitter_pending_free(struct gremc_transmitter *tx);

/* Make `count` packets at `now` into `packet`; the port index of each is in its mbuf's port. 0 or -ENOBUFS.
 */
int gremc_transmitter_packets_build(struct gremc_transmitter *tx, uint64_t now, struct rte_mbuf **packet,
				    unsigned count);

#endif
