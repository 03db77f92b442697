/* SPDX-License-Identifier: BSD-3-Clause */
/* Replicas whose next hop has no MAC address yet. A few wait for it: of each such next hop the newest
 * packets, each held once for all its interfaces, and sent to them in order when the address is known. What
 * is too old, too much, or by then leads elsewhere is lost as no_adjacency. All of it belongs to one worker.
 *
 * The fast path asks one bit of an adjacency (`ready`) and comes here without it. That bit follows the
 * address by a grace period, so that what waits goes before what the fast path sends by itself
 * (vif/adjacency.c). */
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "datapath/pending.h"
#include "datapath/replica.h"

/* A packet, and who waits for it. */
struct kept {
	struct rte_mbuf *mbuf;         /* the inner packet, our own */
	const struct rte_mbuf *source; /* in the burst `burst`: what it is a copy of */
	uint32_t burst;
	uint32_t count;
	uint64_t since; /* TSC */
	uint32_t vif[GREMC_PENDING_REPLICAS], serial[GREMC_PENDING_REPLICAS];
};

/* The packets of one next hop, oldest first. */
struct hop {
	uint32_t adjacency;
	uint32_t first, count;
	struct kept kept[GREMC_PENDING_PACKETS];
};

struct gremc_pending {
	uint32_t hop_count;
	uint32_t burst; /* number of the present one */
	uint32_t timed; /* that of the burst that began at `now`, or a little later */
	uint64_t now;
	uint32_t full, full_burst;                 /* the adjacency of which no more can wait in this burst */
	uint64_t patience, freshness;              /* TSC */
	struct hop *hop[GREMC_PENDING_NEIGHBOURS]; /* [0, hop_count) are in use */
	struct hop place[GREMC_PENDING_NEIGHBOURS];
};

struct gremc_pending *gremc_pending_create(int socket)
{
	struct gremc_pending *wait =
		rte_zmalloc_socket("gremc_pending", sizeof(*wait), RTE_CACHE_LINE_SIZE, socket);

	for (uint32_t i = 0; wait && i < GREMC_PENDING_NEIGHBOURS; i++)
		wait->hop[i] = &wait->place[i];
	if (wait) {
		wait->patience = GREMC_PENDING_SECONDS * rte_get_tsc_hz();
		wait->freshness = rte_get_tsc_hz() / GREMC_PENDING_REPLACE_HZ;
		wait->burst = 1;
	}
	return wait;
}

void gremc_pending_destroy(struct gremc_pending *wait)
{
	for (uint32_t i = 0; wait && i < wait->hop_count; i++)
		for (uint32_t k = 0; k < wait->hop[i]->count; k++)
			rte_pktmbuf_free(
				wait->hop[i]->kept[(wait->hop[i]->first + k) % GREMC_PENDING_PACKETS].mbuf);
	rte_free(wait);
}

/* ---- one replica ---- */

static inline const struct gremc_adjacency *adjacency_load(const struct gremc_worker *worker, uint32_t index)
{
	return __atomic_load_n(&worker->vifs->adjacency[index], __ATOMIC_ACQUIRE);
}

static bool mbuf_fits_headers(const struct gremc_worker *worker, const struct rte_mbuf *mbuf, uint32_t vif)
{
	const struct gremc_encap encap = gremc_encap_read(worker->vifs, vif);
	const struct gremc_tx *tx = worker->tx[adjacency_load(worker, encap.adjacency)->port];

	return mbuf->data_off >= GREMC_L2_MAX + encap.header_length && mbuf->nb_segs <= tx->max_segments;
}

/* In one buffer where it fits into one of ours, with room for headers. NULL: there is none. */
static struct rte_mbuf *pending_mbuf_copy(struct gremc_worker *worker, const struct rte_mbuf *packet)
{
	struct rte_mbuf *copy;

	if (GREMC_L2_MAX + GREMC_ENCAP_HEADER_MAX + packet->pkt_len > worker->header_capacity)
		return gremc_packet_copy(worker, packet);
	copy = rte_pktmbuf_alloc(worker->header_pool);
	if (copy == NULL)
		return NULL;
	gremc_segments_copy(rte_pktmbuf_mtod(copy, uint8_t *), packet);
	copy->data_len = packet->pkt_len;
	copy->pkt_len = packet->pkt_len;
	return copy;
}

/* By the vif's present adjacency, which is resolved. The replica is counted; takes the packet over. */
static void pending_replica_send(struct gremc_worker *worker, struct rte_mbuf *mbuf, uint32_t vif)
{
	const struct gremc_inner inner = {rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *), GREMC_VIF_NONE,
					  mbuf->pkt_len};
	const struct gremc_encap encap = gremc_encap_read(worker->vifs, vif);
	const struct gremc_adjacency *adjacency = adjacency_load(worker, encap.adjacency);
	enum gremc_transmitter_pending_free loss = GREMC_TX_DROP_no_mbuf;
	struct gremc_outer_fields outer;

	if (!mbuf_fits_headers(worker, mbuf, vif))
		goto lost;
	if (inner.length > encap.mtu) {
		loss = GREMC_TX_DROP_too_big;
		goto lost;
	}
	if (!adjacency->resolved) {
		loss = adjacency->down ? GREMC_TX_DROP_oif_down : GREMC_TX_DROP_no_adjacency;
		goto lost;
	}
	outer = gremc_outer_fields_make(&encap, inner.length, inner.ip->type_of_service);
	gremc_encap_prepend(rte_pktmbuf_mtod(mbuf, uint8_t *), &encap, adjacency, &outer, &inner,
			    &worker->ip_id);
	gremc_replica_enqueue_in_place(worker, worker->tx[adjacency->port], mbuf,
				       adjacency->l2_length + encap.header_length, vif);
	return;
lost:
	gremc_replica_count_drop(worker, vif, loss, inner.length);
	rte_pktmbuf_free(mbuf);
}

static void pending_replica_send_copy(struct gremc_worker *worker, const struct rte_mbuf *packet,
				      uint32_t vif)
{
	struct rte_mbuf *copy = pending_mbuf_copy(worker, packet);

	if (copy)
		pending_replica_send(worker, copy, vif);
	else
		gremc_replica_count_drop(worker, vif, GREMC_TX_DROP_no_mbuf, packet->pkt_len);
}

/* Has this burst brought so many for the next hop that the others are lost? Then nothing else is asked, so
 * that a flood costs less than what is forwarded. */
static inline bool pending_is_full(const struct gremc_pending *wait, uint32_t adjacency)
{
	return wait->full_burst == wait->burst && wait->full == adjacency;
}

/* ---- what waits ---- */

static inline struct kept *pending_packet_at(struct hop *hop, uint32_t i)
{
	return &hop->kept[(hop->first + i) % GREMC_PENDING_PACKETS];
}

/* It waits no more: whether it is sent or lost, the vif has wanted it. false: lost with its vif. */
static bool pending_replica_end(struct gremc_worker *worker, const struct kept *kept, uint32_t i)
{
	const uint32_t vif = kept->vif[i];

	worker->waiting--;
	worker->lost_any = true; /* so that it is accounted */
	if (unlikely(!gremc_vif_is(worker->vifs, vif, kept->serial[i]))) {
		worker->loss[GREMC_TX_DROP_no_adjacency]++;
		return false;
	}
	gremc_counter_pair_add(&worker->stats->vif_hot[vif].tx_packets, 1, kept->mbuf->pkt_len);
	return true;
}

static void pending_drop_oldest(struct gremc_worker *worker, struct hop *hop)
{
	struct kept *kept = pending_packet_at(hop, 0);

	for (uint32_t i = 0; i < kept->count; i++)
		if (pending_replica_end(worker, kept, i))
			gremc_replica_count_drop(worker, kept->vif[i], GREMC_TX_DROP_no_adjacency,
						 kept->mbuf->pkt_len);
	rte_pktmbuf_free(kept->mbuf);
	hop->first++;
	hop->count--;
}

/* The last replica takes the buffer. One whose tunnel goes by another next hop by now is late: what came
 * after it may be on its way. */
static void pending_send_oldest(struct gremc_worker *worker, struct hop *hop)
{
	struct kept *kept = pending_packet_at(hop, 0);
	uint32_t last = GREMC_VIF_NONE;

	for (uint32_t i = 0; i < kept->count; i++) {
		const uint32_t vif = kept->vif[i];

		if (!pending_replica_end(worker, kept, i))
			continue;
		if (worker->vifs->encap[vif].adjacency != hop->adjacency) {
			gremc_replica_count_drop(worker, vif, GREMC_TX_DROP_no_adjacency,
						 kept->mbuf->pkt_len);
			continue;
		}
		if (last != GREMC_VIF_NONE)
			pending_replica_send_copy(worker, kept->mbuf, last);
		last = vif;
	}
	if (last == GREMC_VIF_NONE)
		rte_pktmbuf_free(kept->mbuf);
	else if (mbuf_fits_headers(worker, kept->mbuf, last))
		pending_replica_send(worker, kept->mbuf, last);
	else {
		pending_replica_send_copy(worker, kept->mbuf, last);
		rte_pktmbuf_free(kept->mbuf);
	}
	hop->first++;
	hop->count--;
}

static uint32_t pending_send_all(struct gremc_worker *worker, struct hop *hop)
{
	const uint32_t count = hop->count;

	while (hop->count > 0)
		pending_send_oldest(worker, hop);
	return count;
}

static struct hop *pending_neighbour_find(const struct gremc_pending *wait, uint32_t adjacency)
{
	for (uint32_t i = 0; i < wait->hop_count; i++)
		if (wait->hop[i]->adjacency == adjacency)
			return wait->hop[i];
	return NULL;
}

static struct hop *pending_neighbour_get(struct gremc_pending *wait, uint32_t adjacency)
{
	struct hop *hop = pending_neighbour_find(wait, adjacency);

	if (hop || wait->hop_count == GREMC_PENDING_NEIGHBOURS)
		return hop;
	hop = wait->hop[wait->hop_count++];
	hop->adjacency = adjacency;
	hop->first = hop->count = 0;
	return hop;
}

static inline uint64_t pending_burst_time(struct gremc_pending *wait)
{
	if (wait->timed != wait->burst) {
		wait->timed = wait->burst;
		wait->now = rte_rdtsc();
	}
	return wait->now;
}

/* The packet's place among those of the hop: where other replicas of it wait, or a new one. NULL: no buffer,
 * or so many that are fresh wait already. `own`: a new one takes the packet itself if it can. */
static struct kept *pending_packet_get(struct gremc_worker *worker, struct hop *hop, uint32_t vif,
				       struct rte_mbuf *packet, bool own)
{
	struct kept *kept = hop->count ? pending_packet_at(hop, hop->count - 1) : NULL;
	struct rte_mbuf *mbuf;

	if (kept && kept->source == packet && kept->burst == worker->wait->burst &&
	    kept->count < GREMC_PENDING_REPLICAS)
		return kept;
	if (hop->count == GREMC_PENDING_PACKETS) {
		/* a flood must not cost more than what is forwarded */
		if (pending_burst_time(worker->wait) - pending_packet_at(hop, 0)->since <
		    worker->wait->freshness)
			return NULL;
		pending_drop_oldest(worker, hop);
	}
	own = own && mbuf_fits_headers(worker, packet, vif);
	mbuf = own ? packet : pending_mbuf_copy(worker, packet);
	if (mbuf == NULL)
		return NULL;
	kept = pending_packet_at(hop, hop->count++);
	kept->mbuf = mbuf;
	kept->source = own ? NULL : packet;
	kept->burst = worker->wait->burst;
	kept->since = pending_burst_time(worker->wait);
	kept->count = 0;
	return kept;
}

/* One more replica waits, or is lost. true: `own`, and the packet is taken over. */
static bool pending_replica_add(struct gremc_worker *worker, uint32_t adjacency, uint32_t vif,
				struct rte_mbuf *packet, bool own)
{
	struct hop *hop = pending_neighbour_get(worker->wait, adjacency);
	struct kept *kept = hop ? pending_packet_get(worker, hop, vif, packet, own) : NULL;

	if (unlikely(kept == NULL)) {
		worker->wait->full = adjacency;
		worker->wait->full_burst = worker->wait->burst;
		gremc_replica_count_drop(worker, vif, GREMC_TX_DROP_no_adjacency, packet->pkt_len);
		return false;
	}
	kept->vif[kept->count] = vif;
	kept->serial[kept->count++] = gremc_vif_serial(worker->vifs, vif);
	/* of the vif's counters it is no part until it is sent or lost */
	gremc_counter_pair_add(&worker->stats->vif_hot[vif].tx_packets, -1ull, -(uint64_t)packet->pkt_len);
	worker->waiting++;
	worker->lost_any = true;
	worker->waits = true;
	return kept->mbuf == packet;
}

/* Is the next hop known after all? Then what waits for it has gone first. */
static bool pending_neighbour_is_resolved(struct gremc_worker *worker, uint32_t adjacency)
{
	struct hop *hop;

	if (!adjacency_load(worker, adjacency)->resolved)
		return false;
	hop = pending_neighbour_find(worker->wait, adjacency);
	if (hop)
		pending_send_all(worker, hop);
	return true;
}

void gremc_pending_add_copy(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *packet)
{
	const uint32_t adjacency = worker->vifs->encap[vif].adjacency;

	if (pending_is_full(worker->wait, adjacency))
		gremc_replica_count_drop(worker, vif, GREMC_TX_DROP_no_adjacency, packet->pkt_len);
	else if (pending_neighbour_is_resolved(worker, adjacency))
		pending_replica_send_copy(worker, packet, vif);
	else
		pending_replica_add(worker, adjacency, vif, packet, false);
}

void gremc_pending_add_packet(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *packet)
{
	const uint32_t adjacency = worker->vifs->encap[vif].adjacency;

	if (likely(pending_is_full(worker->wait, adjacency))) {
		gremc_replica_count_drop(worker, vif, GREMC_TX_DROP_no_adjacency, packet->pkt_len);
	} else if (!pending_neighbour_is_resolved(worker, adjacency)) {
		if (pending_replica_add(worker, adjacency, vif, packet, true))
			return;
	} else if (mbuf_fits_headers(worker, packet, vif)) {
		pending_replica_send(worker, packet, vif);
		return;
	} else {
		pending_replica_send_copy(worker, packet, vif);
	}
	/* with all the others of the burst */
	gremc_burst_done(&worker->burst, packet);
}

/* ---- once a burst, and between them ---- */

void gremc_pending_account(struct gremc_worker *worker, struct gremc_totals *totals)
{
	gremc_counter_add(&totals->waiting, (uint64_t)(int64_t)(int32_t)worker->waiting);
	worker->waiting = 0;
	/* a buffer of this burst may come again in the next one */
	worker->wait->burst++;
}

static void pending_neighbour_free(struct gremc_pending *wait, uint32_t i)
{
	struct hop *hop = wait->hop[i];

	wait->hop[i] = wait->hop[--wait->hop_count];
	wait->hop[wait->hop_count] = hop;
}

uint32_t gremc_pending_poll(struct gremc_worker *worker)
{
	struct gremc_pending *wait = worker->wait;
	const uint64_t now = rte_rdtsc();
	uint32_t done = 0;

	for (uint32_t i = wait->hop_count; i-- > 0;) {
		struct hop *hop = wait->hop[i];
		const struct gremc_adjacency *adjacency = adjacency_load(worker, hop->adjacency);

		if (adjacency && adjacency->resolved)
			done += pending_send_all(worker, hop);
		for (; hop->count > 0 && now - pending_packet_at(hop, 0)->since > wait->patience; done++)
			pending_drop_oldest(worker, hop);
		if (hop->count == 0)
			pending_neighbour_free(wait, i);
	}
	worker->waits = wait->hop_count > 0;
	if (done) {
		gremc_stage_tx(worker);
		gremc_worker_account(worker, NULL);
	}
	return done;
}

void gremc_pending_drop_all(struct gremc_worker *worker)
{
	struct gremc_pending *wait = worker->wait;

	for (; wait->hop_count > 0; wait->hop_count--)
		while (wait->hop[wait->hop_count - 1]->count > 0)
			pending_drop_oldest(worker, wait->hop[wait->hop_count - 1]);
	worker->waits = false;
	gremc_worker_account(worker, NULL);
}
