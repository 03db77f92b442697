/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>

#include <rte_cycles.h>

#include "datapath/options.h"
#include "datapath/segments.h"

/* ---- received packets ---- */

bool gremc_gre_checksum_is_valid(const struct rte_mbuf *mbuf, uint32_t offset, uint32_t length)
{
	/* the sum over a right checksum is -0; it is not +0 because the flags are not zero */
	return gremc_segments_sum(mbuf, offset, length) == UINT16_MAX;
}

bool gremc_udp_checksum_is_valid(const struct rte_mbuf *mbuf, uint32_t offset, const struct rte_ipv4_hdr *ip,
				 uint16_t length)
{
	const uint32_t sum =
		(uint32_t)gremc_udp_pseudo_sum(ip, length) + gremc_segments_sum(mbuf, offset, length);

	return (sum & 0xffff) + (sum >> 16) == UINT16_MAX;
}

bool gremc_checksum_drop(struct gremc_worker *worker, struct rte_mbuf *mbuf,
			 const struct gremc_tunnel_key *key, enum gremc_drop reason)
{
	uint32_t vif;

	gremc_tunnel_lookup_bulk(worker->vifs, key, 1, &vif);
	if (vif == GREMC_VIF_NONE)
		return false;
	gremc_vif_drop(worker, vif % GREMC_VIFS_MAX, mbuf, reason);
	return true;
}

/* Parse the GRE header of a frame that the classify stage has accepted. */
static struct gremc_gre frame_gre_parse(const struct rte_mbuf *mbuf)
{
	const uint32_t l2 = gremc_frame_l2_length(mbuf);
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(mbuf, const struct rte_ipv4_hdr *, l2);
	const uint32_t at = l2 + rte_ipv4_hdr_len(ip) +
			    (ip->next_proto_id == IPPROTO_UDP ? sizeof(struct rte_udp_hdr) : 0);
	struct gremc_gre gre;
	enum gremc_proto_error error = gremc_gre_parse(rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, at),
						       mbuf->data_len - at, &gre);

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

struct gremc_digest *gremc_replication_digest(struct gremc_worker *worker, const struct rte_mbuf *packet)
{
	struct gremc_digest_cache *cache = &worker->digest_cache;

	/* the packets of a burst have different mbufs; the counters' sequence number distinguishes bursts */
	if (cache->packet != packet || cache->burst != gremc_stats_sequence(worker->stats)) {
		cache->packet = packet;
		cache->burst = gremc_stats_sequence(worker->stats);
		cache->digest = (struct gremc_digest){0};
	}
	return &cache->digest;
}

static uint16_t digest_sum(struct gremc_digest *digest, const struct rte_mbuf *packet)
{
	if (!digest->has_sum)
		digest->sum = gremc_segments_sum(packet, 0, packet->pkt_len);
	digest->has_sum = true;
	return digest->sum;
}

static uint16_t digest_source_port(struct gremc_digest *digest, const struct rte_mbuf *packet)
{
	if (digest->source_port == 0)
		digest->source_port = gremc_udp_source_port(
			rte_pktmbuf_mtod(packet, const struct rte_ipv4_hdr *), packet->data_len);
	return digest->source_port;
}

/* The next sequence number of the tunnel. */
static uint32_t sequence_number_take(const struct gremc_vifs *vifs, uint32_t vif)
{
	struct gremc_sequence_state *sequence;

	/* pairs with the release store of the encap key: the numbers exist before the flag */
	gremc_fence_acquire();
	sequence = gremc_sequence_load(vifs, vif);
	gremc_assert(sequence != NULL);
	return gremc_sequence_take(sequence);
}

/* Write the GRE header. Returns its length in bytes. */
static unsigned gre_options_write(const struct gremc_vifs *vifs, uint32_t vif, const uint8_t *head,
				  const struct rte_mbuf *packet, struct gremc_digest *digest, uint8_t *gre)
{
	rte_be16_t flags;

	memcpy(&flags, head, sizeof(flags));
	return gremc_gre_options_write(
		gre, head, flags & RTE_BE16(GREMC_GRE_SEQUENCE) ? sequence_number_take(vifs, vif) : 0,
		flags & RTE_BE16(GREMC_GRE_CHECKSUM) ? digest_sum(digest, packet) : 0);
}

void gremc_options_write(const struct gremc_vifs *vifs, uint32_t vif, const struct gremc_encap *encap,
			 const struct rte_mbuf *packet, struct gremc_digest *digest, uint8_t *ip)
{
	const struct rte_ipv4_hdr *header = (const struct rte_ipv4_hdr *)ip;
	const uint8_t *head = encap->header + sizeof(*header);
	struct rte_udp_hdr udp;
	unsigned length;
	uint16_t sum;

	if (((const struct rte_ipv4_hdr *)encap->header)->next_proto_id != IPPROTO_UDP) {
		gre_options_write(vifs, vif, head, packet, digest, ip + sizeof(*header));
		return;
	}
	memcpy(&udp, head, sizeof(udp));
	length = gre_options_write(vifs, vif, head + sizeof(udp), packet, digest,
				   ip + sizeof(*header) + sizeof(udp));
	if (udp.dgram_cksum == GREMC_ENCAP_UDP_CHECKSUM)
		sum = digest_sum(digest, packet);
	gremc_udp_write(header, (struct rte_udp_hdr *)(ip + sizeof(*header)),
			digest_source_port(digest, packet), rte_be_to_cpu_16(udp.dst_port), length,
			udp.dgram_cksum == GREMC_ENCAP_UDP_CHECKSUM ? &sum : NULL);
}
