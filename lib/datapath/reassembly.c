/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cycles.h>
#include <rte_hash_crc.h>
#include <rte_ip_frag.h>
#include <rte_malloc.h>

#include "datapath/reassembly.h"
#include "datapath/segments.h"

#define BUCKETS        64u
#define BUCKET_ENTRIES 4u /* packets */
#define PEER_SLOTS     256u

static_assert((PEER_SLOTS & (PEER_SLOTS - 1)) == 0, "a slot is selected by a mask");

/* The table, and the fragments in it by a hash of their addresses. The table does not report how many it has,
 * so each fragment carries a mark and leaves the table in a packet or in the death row. */
struct gremc_reassembly {
	struct rte_ip_frag_tbl *table;
	uint32_t count;            /* fragments in the table */
	uint16_t peer[PEER_SLOTS]; /* the same by addresses */
	uint64_t max_age;          /* TSC cycles */
	struct rte_ip_frag_death_row dead;
};

/* ---- life ---- */

struct gremc_reassembly *gremc_reassembly_create(int socket)
{
	struct gremc_reassembly *reassembly = gremc_memory_zalloc(sizeof(*reassembly), socket);

	if (reassembly == NULL)
		return NULL;
	reassembly->max_age = rte_get_tsc_hz() / MS_PER_S * GREMC_REASSEMBLY_MS;
	reassembly->table = rte_ip_frag_table_create(BUCKETS, BUCKET_ENTRIES, BUCKETS * BUCKET_ENTRIES,
						     reassembly->max_age, socket);
	if (reassembly->table)
		return reassembly;
	rte_free(reassembly);
	return NULL;
}

void gremc_reassembly_destroy(struct gremc_reassembly *reassembly)
{
	if (reassembly == NULL)
		return;
	rte_ip_frag_table_destroy(reassembly->table);
	rte_free(reassembly);
}

/* ---- a frame ---- */

static struct rte_ipv4_hdr *frame_ip(const struct rte_mbuf *mbuf, uint16_t l2)
{
	return rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, l2);
}

static uint32_t peer_slot(const struct rte_ipv4_hdr *ip)
{
	uint64_t addresses;

	memcpy(&addresses, &ip->src_addr, sizeof(addresses));
	return rte_hash_crc_8byte(addresses, 0) & (PEER_SLOTS - 1);
}

bool gremc_frame_is_reassembled(const struct gremc_worker *worker, const struct rte_mbuf *mbuf)
{
	const struct rte_ipv4_hdr *ip = frame_ip(mbuf, gremc_frame_l2_length(mbuf));

	return gremc_bool_load(&worker->reassembles) &&
	       gremc_tunnel_peer_known(worker->vifs, ip->dst_addr, ip->src_addr);
}

/* ---- fragments ---- */

/* Fragments of a whole packet: its first segments are marked, one in each fragment. */
static uint32_t marks_clear(struct rte_mbuf *mbuf)
{
	uint32_t count = 0;

	for (; mbuf; mbuf = mbuf->next) {
		count += mbuf->packet_type == GREMC_FRAGMENT_MARK;
		mbuf->packet_type = 0;
	}
	return count;
}

static void mark_set(struct rte_mbuf *mbuf)
{
	mbuf->packet_type = GREMC_FRAGMENT_MARK;
	for (mbuf = mbuf->next; mbuf; mbuf = mbuf->next)
		mbuf->packet_type = 0;
}

/* Subtract fragments that leave the table from its counts. */
static void fragments_leave(struct gremc_worker *worker, uint32_t slot, uint32_t fragments)
{
	struct gremc_reassembly *reassembly = worker->reassembly;

	gremc_assert(reassembly->count >= fragments && reassembly->peer[slot] >= fragments);
	reassembly->count -= fragments;
	reassembly->peer[slot] -= (uint16_t)fragments;
}

/* Drop the fragments that the table gave up. Their headers are complete. Returns how many. */
static uint32_t dead_fragments_drop(struct gremc_worker *worker, enum gremc_drop reason)
{
	struct rte_ip_frag_death_row *dead = &worker->reassembly->dead;
	uint32_t dropped = 0;

	for (uint32_t i = 0; i < dead->cnt; i++) {
		/* an entry that failed may have chained some of its fragments */
		const uint32_t fragments = marks_clear(dead->row[i]);

		fragments_leave(worker, peer_slot(frame_ip(dead->row[i], dead->row[i]->l2_len)), fragments);
		dropped += fragments;
		if (gremc_samples_accept(worker->stats->samples, reason))
			gremc_packet_sample(worker->stats->samples, reason, worker->vifs, GREMC_VIF_NONE,
					    dead->row[i], GREMC_STARTS_WITH_FRAME);
		rte_pktmbuf_free(dead->row[i]);
	}
	dead->cnt = 0;
	worker->reassembled -= dropped;
	worker->drops[reason] += dropped;
	worker->dropped_any |= dropped > 0;
	worker->punted_any |= dropped > 0;
	return dropped;
}

/* Cut the frame behind the packet: padding is not payload. */
static void frame_cut_padding(struct rte_mbuf *mbuf, uint32_t length)
{
	if (mbuf->nb_segs > 1)
		gremc_segments_trim(mbuf, length);
	else
		mbuf->data_len = mbuf->pkt_len = length;
}

static void packet_finish(struct rte_mbuf *mbuf)
{
	struct rte_ipv4_hdr *ip = frame_ip(mbuf, mbuf->l2_len);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static bool has_capacity(const struct gremc_reassembly *reassembly, uint32_t slot)
{
	return reassembly->count < GREMC_REASSEMBLY_MBUFS &&
	       reassembly->peer[slot] < GREMC_REASSEMBLY_PEER_MAX;
}

/* The least length of the packet that a fragment implies. */
static uint32_t fragment_end(const struct rte_ipv4_hdr *ip)
{
	const uint16_t field = rte_be_to_cpu_16(ip->fragment_offset);

	return (field & RTE_IPV4_HDR_OFFSET_MASK) * (uint32_t)RTE_IPV4_HDR_OFFSET_UNITS +
	       rte_be_to_cpu_16(ip->total_length);
}

struct rte_mbuf *gremc_reassembly_add(struct gremc_worker *worker, struct rte_mbuf *mbuf)
{
	struct gremc_reassembly *reassembly = worker->reassembly;
	const uint16_t l2 = gremc_frame_l2_length(mbuf);
	struct rte_ipv4_hdr *ip = frame_ip(mbuf, l2);
	const uint32_t slot = peer_slot(ip);
	struct rte_mbuf *whole;

	/* longer than any packet (RFC 791, section 3.1) */
	if (fragment_end(ip) > UINT16_MAX) {
		gremc_packet_drop(worker, mbuf, GREMC_DROP_reassembly_failed);
		return NULL;
	}
	if (!has_capacity(reassembly, slot)) {
		gremc_packet_drop(worker, mbuf, GREMC_DROP_reassembly_full);
		return NULL;
	}
	frame_cut_padding(mbuf, l2 + rte_be_to_cpu_16(ip->total_length));
	mbuf->l2_len = l2;
	mbuf->l3_len = rte_ipv4_hdr_len(ip);
	mark_set(mbuf);
	reassembly->count++;
	reassembly->peer[slot]++;
	worker->reassembled++;
	worker->punted_any = true; /* gremc_worker_account() looks at `reassembled` then */
	worker->has_pending = true;
	whole = rte_ipv4_frag_reassemble_packet(reassembly->table, &reassembly->dead, mbuf, rte_rdtsc(), ip);
	dead_fragments_drop(worker, GREMC_DROP_reassembly_failed);
	if (whole == NULL)
		return NULL;
	fragments_leave(worker, slot, marks_clear(whole));
	worker->reassembled--; /* the packet takes the place of one fragment */
	packet_finish(whole);
	return whole;
}

uint32_t gremc_reassembly_poll(struct gremc_worker *worker)
{
	struct gremc_reassembly *reassembly = worker->reassembly;

	if (reassembly->count == 0)
		return 0;
	rte_ip_frag_table_del_expired_entries(reassembly->table, &reassembly->dead, rte_rdtsc());
	return dead_fragments_drop(worker, GREMC_DROP_reassembly_timeout);
}

bool gremc_reassembly_is_empty(const struct gremc_worker *worker)
{
	return worker->reassembly->count == 0;
}

void gremc_reassembly_drop_all(struct gremc_worker *worker)
{
	struct gremc_reassembly *reassembly = worker->reassembly;
	const uint64_t later = rte_rdtsc() + 2 * reassembly->max_age;

	/* the death row holds the fragments of some packets at a time */
	for (uint32_t left = UINT32_MAX; reassembly->count > 0 && reassembly->count < left;) {
		left = reassembly->count;
		rte_ip_frag_table_del_expired_entries(reassembly->table, &reassembly->dead, later);
		dead_fragments_drop(worker, GREMC_DROP_reassembly_timeout);
	}
}
