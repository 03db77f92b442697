/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cycles.h>

#include "datapath/options.h"
#include "datapath/segments.h"

/* ---- received packets ---- */

bool gremc_gre_checksum_is_valid(const struct rte_mbuf *mbuf, uint32_t offset, uint32_t length)
{
	/* the sum over a right checksum is -0; it is not +0 because the flags are not zero */
	return gremc_segments_sum(mbuf, offset, length) == UINT16_MAX;
}

bool gremc_checksum_drop(struct gremc_worker *worker, struct rte_mbuf *mbuf,
			 const struct gremc_tunnel_key *key)
{
	uint32_t vif;

	gremc_tunnel_lookup_bulk(worker->vifs, key, 1, &vif);
	if (vif == GREMC_VIF_NONE)
		return false;
	gremc_vif_drop(worker, vif % GREMC_VIFS_MAX, mbuf, GREMC_DROP_gre_checksum);
	return true;
}

/* Parse the GRE header of a frame that the classify stage has accepted. */
static struct gremc_gre frame_gre_parse(const struct rte_mbuf *mbuf)
{
	const uint32_t l2 = gremc_frame_l2_length(mbuf);
	const uint8_t *ip = rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, l2);
	const uint32_t length = (*ip & 0xf) * 4;
	struct gremc_gre gre;
	enum gremc_proto_error error = gremc_gre_parse(ip + length, mbuf->data_len - l2 - length, &gre);

	gremc_assert(error == GREMC_PROTO_OK);
	RTE_SET_USED(error);
	return gre;
}

/* Check the GRE sequence number. Takes the packet over if it returns false. */
static bool packet_check_sequence(struct gremc_worker *worker, const struct gremc_packet *packet,
				  uint32_t vif)
{
	struct gremc_sequence_state *sequence = gremc_sequence_load(worker->vifs, vif);
	enum gremc_sequence mode;
	struct gremc_gre gre;

	mode = sequence ? gremc_u8_load(&sequence->mode) : GREMC_SEQUENCE_OFF;
	if (mode == GREMC_SEQUENCE_OFF) /* changed since the lookup */
		return true;
	gre = frame_gre_parse(packet->mbuf);
	if (!gre.has_sequence) {
		gremc_u64_add(&sequence->unnumbered, 1);
		if (mode == GREMC_SEQUENCE_COUNT)
			return true;
		gremc_vif_drop(worker, vif, packet->mbuf, GREMC_DROP_no_sequence);
		return false;
	}
	if (gremc_sequence_accept(sequence, gre.sequence))
		return true;
	gremc_vif_drop(worker, vif, packet->mbuf, GREMC_DROP_sequence);
	return false;
}

/* Check the policy of the vif. Takes the packet over if it returns false. */
static bool packet_check_policy(struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t vif)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(packet->mbuf, const struct rte_ipv4_hdr *, packet->inner_offset);
	struct gremc_policy *policy = gremc_policy_load(worker->vifs, vif);
	enum gremc_drop reason;
	struct gremc_ipv4 parsed;

	/* decap drops or punts packets that are no multicast data */
	if (policy == NULL ||
	    gremc_ipv4_parse_header((const uint8_t *)ip, packet->inner_space,
				    packet->mbuf->data_len - packet->inner_offset, GREMC_IPV4_INNER,
				    !packet->native, &parsed) != GREMC_PROTO_OK ||
	    gremc_ipv4_check_multicast(ip) != GREMC_PROTO_OK)
		return true;
	reason = gremc_policy_check_input(policy, ip->src_addr, ip->dst_addr);
	if (reason == GREMC_DROP_NONE && gremc_policy_has_rate(&policy->in) &&
	    !gremc_policer_accept(&policy->in, rte_rdtsc(), parsed.total_length))
		reason = GREMC_DROP_policed;
	if (reason == GREMC_DROP_NONE)
		return true;
	gremc_vif_drop_flow_set(worker, vif, reason, ip);
	gremc_vif_drop(worker, vif, packet->mbuf, reason);
	return false;
}

bool gremc_tunnel_input_check(struct gremc_worker *worker, const struct gremc_packet *packet, uint32_t vif)
{
	if (gremc_vif_is_down(worker->vifs, vif)) {
		gremc_vif_drop(worker, vif, packet->mbuf, GREMC_DROP_iif_down);
		return false;
	}
	return packet_check_sequence(worker, packet, vif) && packet_check_policy(worker, packet, vif);
}

/* ---- replicas ---- */

uint16_t gremc_packet_sum(const struct rte_mbuf *packet)
{
	return gremc_segments_sum(packet, 0, packet->pkt_len);
}

uint16_t gremc_replication_sum(struct gremc_worker *worker, const struct rte_mbuf *packet)
{
	struct gremc_sum_cache *cache = &worker->sum_cache;

	/* the packets of a burst have different mbufs; the counters' sequence number distinguishes bursts */
	if (cache->packet != packet || cache->burst != gremc_stats_sequence(worker->stats)) {
		cache->packet = packet;
		cache->burst = gremc_stats_sequence(worker->stats);
		cache->sum = gremc_packet_sum(packet);
	}
	return cache->sum;
}

void gremc_options_write(const struct gremc_vifs *vifs, uint32_t vif, const struct gremc_encap *encap,
			 uint16_t sum, uint8_t *ip)
{
	const uint8_t *head = encap->header + sizeof(struct rte_ipv4_hdr);
	struct gremc_sequence_state *sequence;
	rte_be16_t flags;
	uint32_t number = 0;

	memcpy(&flags, head, sizeof(flags));
	if (flags & RTE_BE16(GREMC_GRE_SEQUENCE)) {
		/* pairs with the release store of the encap key: the numbers exist before the flag */
		gremc_fence_acquire();
		sequence = gremc_sequence_load(vifs, vif);
		gremc_assert(sequence != NULL);
		number = gremc_sequence_take(sequence);
	}
	gremc_gre_options_write(ip + sizeof(struct rte_ipv4_hdr), head, number, sum);
}
