/* SPDX-License-Identifier: BSD-3-Clause */
/* The tx stage: from the replicas in the transmit buffers to the ports. */
#ifndef GREMC_DATAPATH_TX_H
#define GREMC_DATAPATH_TX_H

#include <rte_cycles.h>

#include "datapath/egress.h"

#define GREMC_POLL_BUDGET_US 500 /* for the mbufs of one kind of ring, in one iteration */

/* Returns: the TSC at which a poll of a ring leaves the rest for the next iteration. */
static inline uint64_t gremc_poll_deadline(void)
{
	return rte_rdtsc() + rte_get_tsc_hz() / US_PER_S * GREMC_POLL_BUDGET_US;
}

/* Create the way out by a queue of a port. The caller adds a ring or a backlog.
 * Input:   port: NULL for the way to the host, which has no device.
 * Returns: NULL if no memory is available. */
struct gremc_tx *gremc_tx_create(const struct gremc_port *port, uint16_t queue, int socket);
/* Frees the mbufs in the backlog without counting them. */
void gremc_tx_destroy(struct gremc_tx *tx);

/* Send the contents of the buffer: to the port, whose backlog takes the rest, or to a ring. Replicas for
 * which a full ring or backlog has no space are dropped by name. */
void gremc_tx_flush(struct gremc_egress *egress, struct gremc_tx *tx);

/* Append a replica to the buffer.
 * Input:   `length` bytes; the fields vif and inner_length are set (mbuf.h). gremc_tx_flush() sets vif_serial
 *          where the replica leaves the worker or the iteration.
 * Owner:   takes the mbuf over. */
static inline void gremc_tx_enqueue(struct gremc_egress *egress, struct gremc_tx *tx, struct rte_mbuf *mbuf,
				    uint32_t length)
{
	tx->packet[tx->count++] = mbuf;
	tx->bytes += length;
	if (unlikely(tx->count >= GREMC_BURST))
		gremc_tx_flush(egress, tx);
}

/* Append an inner packet as a replica, whose `headers` bytes are written before it in its own buffer.
 * Owner:   takes the mbuf over. */
static __rte_always_inline void gremc_tx_enqueue_in_place(struct gremc_egress *egress, struct gremc_tx *tx,
							  struct rte_mbuf *mbuf, uint16_t headers,
							  uint32_t vif)
{
	gremc_mbuf_fields(mbuf)->inner_length = mbuf->pkt_len;
	mbuf->data_off -= headers;
	mbuf->data_len += headers;
	mbuf->pkt_len += headers;
	/* Flags of the receiving driver would be requests to the sending one. Those that name the owner of
	 * the buffer stay. */
	mbuf->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
	gremc_mbuf_fields(mbuf)->vif = vif;
	gremc_tx_enqueue(egress, tx, mbuf, mbuf->pkt_len);
}

/* Send a complete frame that the host injected. It counts as a replica of its vif if that still exists.
 * Input:   mbuf->port is the index of a port with a way out.
 * Owner:   takes the mbuf over. */
void gremc_tx_enqueue_frame(struct gremc_egress *egress, struct rte_mbuf *mbuf);

/* Stage: flush all buffers. */
void gremc_stage_tx(struct gremc_egress *egress);

/* Transmit the replicas that other workers enqueued for the owned queues, for at most GREMC_POLL_BUDGET_US.
 * Returns: replicas taken from the rings. */
uint32_t gremc_tx_shared_poll(struct gremc_egress *egress);
/* Drop the packets that are left in the rings of other workers and in the backlogs.
 * Thread:  any, after all workers have ended. */
void gremc_tx_drop_all(struct gremc_egress *egress);

#endif
