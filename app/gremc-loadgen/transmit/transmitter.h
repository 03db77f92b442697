/* SPDX-License-Identifier: BSD-3-Clause */
/* The transmitter of one lcore: builds the packets of its flows in turn, each from its template, with a
 * stamp, in bursts of up to 32. The TSC is read once per burst: the time in a stamp is the time at which the
 * burst was begun, at most the time to build 32 packets (below a microsecond) before the device received the
 * packet.
 *
 * A device that accepts no packets is offered the same packets again, in order, until it accepts them. No
 * packet is skipped, so every sequence number that was used has left. */
#ifndef GREMC_LOADGEN_TRANSMIT_TRANSMITTER_H
#define GREMC_LOADGEN_TRANSMIT_TRANSMITTER_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/atomic.h"
#include "port/port.h"
#include "traffic/template.h"
#include "transmit/pace.h"

#define GREMC_TX_PENDING (2 * GREMC_PACE_BURST)
#define GREMC_TX_POOL    4096u /* mbufs beyond those that the devices' rings hold */

static_assert(GREMC_TX_PENDING >= GREMC_PACE_BURST, "a port holds a whole burst that its device rejects");

/* A port and the packets that its device has not accepted yet. */
struct gremc_transmitter_port {
	uint16_t id, queue; /* ethdev */
	uint16_t first, count;
	struct rte_mbuf *pending[GREMC_TX_PENDING];
};

struct gremc_transmitter {
	struct gremc_pace pace;
	struct rte_mempool *pool;
	/* The plan of the trial. Written by the control thread while the lcores rest; borrowed. */
	const struct gremc_template *templates; /* [size class * template_stride + flow] */
	uint32_t template_stride;               /* flows */
	const uint32_t *order;                  /* flows in the order in which they are sent, repeatedly */
	uint32_t order_count;
	const uint8_t *sizes; /* size classes in the order in which they are used, repeatedly */
	uint32_t size_count;
	uint64_t *sequence; /* [flow] next sequence number; one lcore only sends a flow */
	uint64_t packets;   /* to send */
	uint32_t trial_id;
	/* Written by the lcore; read by the control thread while the lcores rest. */
	uint32_t order_at, size_at;
	uint64_t bytes;       /* of frames built, without FCS */
	uint64_t no_mbufs;    /* bursts that found no buffers: the devices hold all of them */
	uint64_t first, last; /* TSC of the first and the last burst */
	uint64_t blocked;     /* cycles during which a device did not accept due packets */
	uint64_t blocked_at;  /* TSC since when a device accepts none; 0: devices accept packets */
	/* Written by the lcore; read at any time by the control thread and, in a closed loop, by all lcores.
	 */
	gremc_atomic_u64 made;    /* packets built */
	gremc_atomic_u64 taken;   /* packets that the devices accepted */
	gremc_atomic_u64 pending; /* packets built that no device has accepted */
	uint16_t port_count;
	struct gremc_transmitter_port port[GREMC_CONFIG_PORTS_MAX]; /* by index of the forwarder's port */
} __rte_cache_aligned;

/* Send the packets that are due at `now`.
 * Thread:  the transmitter's lcore.
 * Returns: number of packets built. */
unsigned gremc_transmitter_poll(struct gremc_transmitter *tx, uint64_t now);
/* Offer pending packets to their devices again.
 * Thread:  the transmitter's lcore.
 * Returns: number of packets that are still pending. */
unsigned gremc_transmitter_pending_flush(struct gremc_transmitter *tx);
/* Thread:  any.
 * Returns: whether the devices have accepted all packets of the trial. */
static inline bool gremc_transmitter_is_done(const struct gremc_transmitter *tx)
{
	return gremc_u64_load(&tx->made) == tx->packets && gremc_u64_load(&tx->pending) == 0;
}
/* Free the packets that no device accepted, at the end of a trial that was cut short.
 * Thread:  control thread, while the lcores rest. */
void gremc_transmitter_pending_free(struct gremc_transmitter *tx);
/* Reset the counters for the next trial.
 * Thread:  control thread, while the lcores rest. */
void gremc_transmitter_reset(struct gremc_transmitter *tx);

/* Build `count` packets at `now`.
 * Thread:  the transmitter's lcore.
 * Returns: 0; the mbufs are the caller's and their `port` is a port index.
 * Errors:  -ENOBUFS; no packet is built. */
int gremc_transmitter_packets_build(struct gremc_transmitter *tx, uint64_t now, struct rte_mbuf **packet,
				    unsigned count);

#endif
