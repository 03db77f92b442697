/* SPDX-License-Identifier: BSD-3-Clause */
/* Replicas whose next hop has no MAC address yet. For each such next hop the worker holds the newest packets,
 * each once for all of its vifs, and sends them in order when the address is resolved. Packets that are too
 * old or too many, and replicas of tunnels that use another next hop by then, are dropped as no_adjacency.
 *
 * The fast path reads only the bit `ready` of an adjacency. That bit is set a grace period after `resolved`,
 * so that the packets here leave before those that the fast path sends by itself (vif/adjacency.c). */
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "datapath/decision.h"
#include "datapath/encap.h"
#include "datapath/marking.h"
#include "datapath/options.h"
#include "datapath/pending.h"
#include "datapath/segments.h"
#include "datapath/tx.h"

/* A packet and the vifs that it waits for. */
struct pending_packet {
	struct rte_mbuf *mbuf;         /* the inner packet, owned */
	const struct rte_mbuf *source; /* the mbuf that it was copied from, in burst number `burst` */
	uint32_t burst;
	uint32_t count; /* of vifs */
	uint64_t since; /* TSC */
	uint32_t vif[GREMC_PENDING_REPLICAS], serial[GREMC_PENDING_REPLICAS];
};

/* The packets of one next hop, oldest first. */
struct pending_neighbour {
	uint32_t adjacency;
	uint32_t first, count;
	struct pending_packet packet[GREMC_PENDING_PACKETS];
};

struct gremc_pending {
	uint32_t neighbour_count;
	uint32_t burst; /* number of the present burst */
	uint32_t timed; /* number of the burst to which `now` belongs */
	uint64_t now;   /* TSC */
	/* in burst number `full_burst`, no more packets can wait for adjacency `full` */
	uint32_t full, full_burst;
	uint64_t max_age, freshness;                                   /* TSC cycles */
	struct pending_neighbour *neighbour[GREMC_PENDING_NEIGHBOURS]; /* [0, neighbour_count) are in use */
	struct pending_neighbour slot[GREMC_PENDING_NEIGHBOURS];
};

struct gremc_pending *gremc_pending_create(int socket)
{
	struct gremc_pending *pending =
		rte_zmalloc_socket("gremc_pending", sizeof(*pending), RTE_CACHE_LINE_SIZE, socket);

	for (uint32_t i = 0; pending && i < GREMC_PENDING_NEIGHBOURS; i++)
		pending->neighbour[i] = &pending->slot[i];
	if (pending) {
		pending->max_age = GREMC_PENDING_SECONDS * rte_get_tsc_hz();
		pending->freshness = rte_get_tsc_hz() / GREMC_PENDING_REPLACE_HZ;
		pending->burst = 1;
	}
	return pending;
}

void gremc_pending_destroy(struct gremc_pending *pending)
{
	for (uint32_t i = 0; pending && i < pending->neighbour_count; i++)
		for (uint32_t k = 0; k < pending->neighbour[i]->count; k++)
			rte_pktmbuf_free(
				pending->neighbour[i]
					->packet[(pending->neighbour[i]->first + k) % GREMC_PENDING_PACKETS]
					.mbuf);
	rte_free(pending);
}

/* ---- one replica ---- */

static bool mbuf_fits_headers(const struct gremc_worker *worker, const struct rte_mbuf *mbuf, uint32_t vif)
{
	const struct gremc_encap encap = gremc_encap_read(worker->vifs, vif);
	const struct gremc_tx *tx =
		worker->egress.tx[gremc_adjacency_load(worker->vifs, encap.adjacency)->port];

	/* a reserved adjacency has no port */
	return tx && mbuf->data_off >= GREMC_L2_MAX + encap.header_length &&
	       mbuf->nb_segs <= tx->max_segments;
}

/* Copies in the packet's pool are not safe where its buffers lie outside of the mbufs (pinned:
 * rte_pktmbuf_copy() clears the flag), or are too small for the headers. */
static struct rte_mempool *packet_copy_pool(const struct gremc_worker *worker, const struct rte_mbuf *packet)
{
	struct rte_mempool *pool = packet->pool;

	if (unlikely(rte_pktmbuf_priv_flags(pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF ||
		     rte_pktmbuf_data_room_size(pool) <= RTE_PKTMBUF_HEADROOM + GREMC_HEADERS_MAX))
		return worker->header_pool;
	return pool;
}

/* A copy with headroom for the headers, in one header mbuf if it fits. NULL: the pool is empty. */
static struct rte_mbuf *pending_mbuf_copy(struct gremc_worker *worker, const struct rte_mbuf *packet)
{
	struct rte_mbuf *copy;

	if (GREMC_L2_MAX + GREMC_ENCAP_HEADER_MAX + packet->pkt_len > worker->header_capacity)
		return gremc_segments_clone(packet, packet_copy_pool(worker, packet));
	copy = rte_pktmbuf_alloc(worker->header_pool);
	if (copy == NULL)
		return NULL;
	gremc_segments_copy(rte_pktmbuf_mtod(copy, uint8_t *), packet);
	copy->data_len = packet->pkt_len;
	copy->pkt_len = packet->pkt_len;
	return copy;
}

/* Send a counted replica by the vif's present adjacency, or drop it. Takes the mbuf over. */
static void pending_replica_send(struct gremc_worker *worker, struct rte_mbuf *mbuf, uint32_t vif)
{
	const struct gremc_inner inner = {rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *), GREMC_VIF_NONE,
					  mbuf->pkt_len};
	const struct gremc_encap encap = gremc_encap_read(worker->vifs, vif);
	const struct gremc_adjacency *adjacency = gremc_adjacency_load(worker->vifs, encap.adjacency);
	enum gremc_tx_drop reason = GREMC_TX_DROP_no_mbuf;
	struct gremc_adjacency marked;
	struct gremc_outer_fields outer;
	struct gremc_digest digest = {0};
	uint8_t outer_tos;

	if (!adjacency->resolved) {
		reason = gremc_adjacency_drop_reason(adjacency);
		goto drop;
	}
	if (!mbuf_fits_headers(worker, mbuf, vif))
		goto drop;
	if (inner.length > encap.mtu) {
		reason = GREMC_TX_DROP_too_big;
		goto drop;
	}
	outer_tos = gremc_outer_tos(worker->vifs, &encap, inner.ip->type_of_service);
	adjacency = gremc_adjacency_mark(worker->vifs, adjacency, outer_tos, &marked);
	outer = gremc_outer_fields_make(&encap, inner.length, outer_tos);
	gremc_encap_prepend(rte_pktmbuf_mtod(mbuf, uint8_t *), &encap, adjacency, &outer, &inner,
			    &worker->ids);
	if (encap.flags & GREMC_ENCAP_OPTIONS)
		gremc_options_write(worker->vifs, vif, &encap, mbuf, &digest,
				    rte_pktmbuf_mtod(mbuf, uint8_t *) - encap.header_length);
	gremc_tx_enqueue_in_place(&worker->egress, worker->egress.tx[adjacency->port], mbuf,
				  adjacency->l2_length + encap.header_length, vif);
	return;
drop:
	gremc_egress_count_drop(&worker->egress, vif, reason, mbuf);
	rte_pktmbuf_free(mbuf);
}

static void pending_replica_send_copy(struct gremc_worker *worker, const struct rte_mbuf *packet,
				      uint32_t vif)
{
	struct rte_mbuf *copy = pending_mbuf_copy(worker, packet);

	if (copy)
		pending_replica_send(worker, copy, vif);
	else
		gremc_egress_count_drop(&worker->egress, vif, GREMC_TX_DROP_no_mbuf, packet);
}

/* Whether this burst has already filled the next hop. Then the rest of its packets are dropped without
 * another check, so that a flood costs less than forwarding it. */
static inline bool pending_is_full(const struct gremc_pending *pending, uint32_t adjacency)
{
	return pending->full_burst == pending->burst && pending->full == adjacency;
}

/* ---- the packets of a next hop ---- */

static inline struct pending_packet *pending_packet_at(struct pending_neighbour *neighbour, uint32_t i)
{
	return &neighbour->packet[(neighbour->first + i) % GREMC_PENDING_PACKETS];
}

/* End the wait of a replica. It counts for its vif, whether it is sent or dropped.
 * Returns: false if the vif has been removed: the replica is dropped. */
static bool pending_replica_end(struct gremc_worker *worker, const struct pending_packet *entry, uint32_t i)
{
	const uint32_t vif = entry->vif[i];

	worker->waiting--;
	worker->pending_changed = true; /* so that it is accounted */
	if (unlikely(!gremc_vif_is(worker->vifs, vif, entry->serial[i]))) {
		gremc_egress_count_reason(&worker->egress, GREMC_VIF_NONE, GREMC_TX_DROP_no_adjacency,
					  entry->mbuf, GREMC_STARTS_WITH_IP);
		return false;
	}
	gremc_counter_pair_add(&worker->stats->vif_hot[vif].tx_packets, 1, entry->mbuf->pkt_len);
	return true;
}

static void pending_drop_oldest(struct gremc_worker *worker, struct pending_neighbour *neighbour)
{
	struct pending_packet *entry = pending_packet_at(neighbour, 0);

	for (uint32_t i = 0; i < entry->count; i++)
		if (pending_replica_end(worker, entry, i))
			gremc_egress_count_drop(&worker->egress, entry->vif[i], GREMC_TX_DROP_no_adjacency,
						entry->mbuf);
	rte_pktmbuf_free(entry->mbuf);
	neighbour->first++;
	neighbour->count--;
}

/* The last replica takes the mbuf. A replica whose tunnel uses another next hop by now is dropped: later
 * packets of the tunnel may have left already. */
static void pending_send_oldest(struct gremc_worker *worker, struct pending_neighbour *neighbour)
{
	struct pending_packet *entry = pending_packet_at(neighbour, 0);
	uint32_t last = GREMC_VIF_NONE;

	for (uint32_t i = 0; i < entry->count; i++) {
		const uint32_t vif = entry->vif[i];

		if (!pending_replica_end(worker, entry, i))
			continue;
		if (worker->vifs->encap[vif].adjacency != neighbour->adjacency) {
			gremc_egress_count_drop(&worker->egress, vif, GREMC_TX_DROP_no_adjacency,
						entry->mbuf);
			continue;
		}
		if (last != GREMC_VIF_NONE)
			pending_replica_send_copy(worker, entry->mbuf, last);
		last = vif;
	}
	if (last == GREMC_VIF_NONE)
		rte_pktmbuf_free(entry->mbuf);
	else if (mbuf_fits_headers(worker, entry->mbuf, last))
		pending_replica_send(worker, entry->mbuf, last);
	else {
		pending_replica_send_copy(worker, entry->mbuf, last);
		rte_pktmbuf_free(entry->mbuf);
	}
	neighbour->first++;
	neighbour->count--;
}

static uint32_t pending_send_all(struct gremc_worker *worker, struct pending_neighbour *neighbour)
{
	const uint32_t count = neighbour->count;

	while (neighbour->count > 0)
		pending_send_oldest(worker, neighbour);
	return count;
}

static struct pending_neighbour *pending_neighbour_find(const struct gremc_pending *pending,
							uint32_t adjacency)
{
	for (uint32_t i = 0; i < pending->neighbour_count; i++)
		if (pending->neighbour[i]->adjacency == adjacency)
			return pending->neighbour[i];
	return NULL;
}

static struct pending_neighbour *pending_neighbour_get(struct gremc_pending *pending, uint32_t adjacency)
{
	struct pending_neighbour *neighbour = pending_neighbour_find(pending, adjacency);

	if (neighbour || pending->neighbour_count == GREMC_PENDING_NEIGHBOURS)
		return neighbour;
	neighbour = pending->neighbour[pending->neighbour_count++];
	neighbour->adjacency = adjacency;
	neighbour->first = neighbour->count = 0;
	return neighbour;
}

static inline uint64_t pending_burst_time(struct gremc_pending *pending)
{
	if (pending->timed != pending->burst) {
		pending->timed = pending->burst;
		pending->now = rte_rdtsc();
	}
	return pending->now;
}

/* The entry of the packet: the one where its other replicas wait, or a new one. A new one takes the mbuf
 * itself if `own` and if the headers fit. NULL: no free mbuf, or only fresh packets wait. */
static struct pending_packet *pending_packet_get(struct gremc_worker *worker,
						 struct pending_neighbour *neighbour, uint32_t vif,
						 struct rte_mbuf *packet, bool own)
{
	struct pending_packet *entry =
		neighbour->count ? pending_packet_at(neighbour, neighbour->count - 1) : NULL;
	struct rte_mbuf *mbuf;

	if (entry && entry->source == packet && entry->burst == worker->pending->burst &&
	    entry->count < GREMC_PENDING_REPLICAS)
		return entry;
	if (neighbour->count == GREMC_PENDING_PACKETS) {
		/* a flood must not cost more than forwarding it */
		if (pending_burst_time(worker->pending) - pending_packet_at(neighbour, 0)->since <
		    worker->pending->freshness)
			return NULL;
		pending_drop_oldest(worker, neighbour);
	}
	own = own && mbuf_fits_headers(worker, packet, vif);
	mbuf = own ? packet : pending_mbuf_copy(worker, packet);
	if (mbuf == NULL)
		return NULL;
	entry = pending_packet_at(neighbour, neighbour->count++);
	entry->mbuf = mbuf;
	entry->source = own ? NULL : packet;
	entry->burst = worker->pending->burst;
	entry->since = pending_burst_time(worker->pending);
	entry->count = 0;
	return entry;
}

/* Let one more replica wait, or drop it. Returns true if the entry took the mbuf (`own`). */
static bool pending_replica_add(struct gremc_worker *worker, uint32_t adjacency, uint32_t vif,
				struct rte_mbuf *packet, bool own)
{
	struct pending_neighbour *neighbour = pending_neighbour_get(worker->pending, adjacency);
	struct pending_packet *entry =
		neighbour ? pending_packet_get(worker, neighbour, vif, packet, own) : NULL;

	if (unlikely(entry == NULL)) {
		worker->pending->full = adjacency;
		worker->pending->full_burst = worker->pending->burst;
		worker->pending_changed = true; /* so that the burst number changes */
		gremc_egress_count_drop(&worker->egress, vif, GREMC_TX_DROP_no_adjacency, packet);
		return false;
	}
	entry->vif[entry->count] = vif;
	entry->serial[entry->count++] = gremc_vif_serial(worker->vifs, vif);
	/* it counts for its vif again when it is sent or dropped: pending_replica_end() */
	gremc_counter_pair_add(&worker->stats->vif_hot[vif].tx_packets, -1ull, -(uint64_t)packet->pkt_len);
	worker->waiting++;
	worker->pending_changed = true;
	worker->has_pending = true;
	return entry->mbuf == packet;
}

/* Whether the adjacency is resolved meanwhile. If so, sends the packets that wait for it. */
static bool pending_neighbour_is_resolved(struct gremc_worker *worker, uint32_t adjacency)
{
	struct pending_neighbour *neighbour;

	if (!gremc_adjacency_load(worker->vifs, adjacency)->resolved)
		return false;
	neighbour = pending_neighbour_find(worker->pending, adjacency);
	if (neighbour)
		pending_send_all(worker, neighbour);
	return true;
}

void gremc_pending_add_copy(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *packet)
{
	const uint32_t adjacency = worker->vifs->encap[vif].adjacency;

	if (pending_is_full(worker->pending, adjacency))
		gremc_egress_count_drop(&worker->egress, vif, GREMC_TX_DROP_no_adjacency, packet);
	else if (pending_neighbour_is_resolved(worker, adjacency))
		pending_replica_send_copy(worker, packet, vif);
	else
		pending_replica_add(worker, adjacency, vif, packet, false);
}

void gremc_pending_add_packet(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *packet)
{
	const uint32_t adjacency = worker->vifs->encap[vif].adjacency;

	if (likely(pending_is_full(worker->pending, adjacency))) {
		gremc_egress_count_drop(&worker->egress, vif, GREMC_TX_DROP_no_adjacency, packet);
	} else if (!pending_neighbour_is_resolved(worker, adjacency)) {
		if (pending_replica_add(worker, adjacency, vif, packet, true))
			return;
	} else if (mbuf_fits_headers(worker, packet, vif)) {
		pending_replica_send(worker, packet, vif);
		return;
	} else {
		pending_replica_send_copy(worker, packet, vif);
	}
	gremc_burst_done(&worker->burst, packet);
}

/* ---- once a burst, once an iteration ---- */

void gremc_pending_account(struct gremc_worker *worker)
{
	gremc_counter_add(&worker->stats->totals.waiting, (uint64_t)(int64_t)(int32_t)worker->waiting);
	worker->waiting = 0;
	worker->pending_changed = false;
	/* the next burst may reuse an mbuf of this one for another packet: pending_packet.source */
	worker->pending->burst++;
}

static void pending_neighbour_free(struct gremc_pending *pending, uint32_t i)
{
	struct pending_neighbour *neighbour = pending->neighbour[i];

	pending->neighbour[i] = pending->neighbour[--pending->neighbour_count];
	pending->neighbour[pending->neighbour_count] = neighbour;
}

uint32_t gremc_pending_poll(struct gremc_worker *worker)
{
	struct gremc_pending *pending = worker->pending;
	const uint64_t now = rte_rdtsc();
	uint32_t done = 0;

	for (uint32_t i = pending->neighbour_count; i-- > 0;) {
		struct pending_neighbour *neighbour = pending->neighbour[i];
		const struct gremc_adjacency *adjacency =
			gremc_adjacency_load(worker->vifs, neighbour->adjacency);

		if (adjacency && adjacency->resolved)
			done += pending_send_all(worker, neighbour);
		for (;
		     neighbour->count > 0 && now - pending_packet_at(neighbour, 0)->since > pending->max_age;
		     done++)
			pending_drop_oldest(worker, neighbour);
		if (neighbour->count == 0)
			pending_neighbour_free(pending, i);
	}
	worker->has_pending = pending->neighbour_count > 0;
	return done;
}

void gremc_pending_drop_all(struct gremc_worker *worker)
{
	struct gremc_pending *pending = worker->pending;

	for (; pending->neighbour_count > 0; pending->neighbour_count--)
		while (pending->neighbour[pending->neighbour_count - 1]->count > 0)
			pending_drop_oldest(worker, pending->neighbour[pending->neighbour_count - 1]);
	worker->has_pending = false;
}
