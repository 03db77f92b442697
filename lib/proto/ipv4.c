/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 headers that the inline functions do not accept. */
#include <string.h>

#include <rte_branch_prediction.h>

#include "proto/control.h"
#include "proto/ipv4.h"

/* The error of each check, by layer. */
static const struct {
	enum gremc_proto_error truncated, version, ihl, length, checksum;
} layer_reasons[] = {
	[GREMC_IPV4_OUTER] = {GREMC_PROTO_outer_length, GREMC_PROTO_outer_version, GREMC_PROTO_outer_ihl,
			      GREMC_PROTO_outer_length, GREMC_PROTO_outer_checksum},
	[GREMC_IPV4_INNER] = {GREMC_PROTO_inner_truncated, GREMC_PROTO_inner_version, GREMC_PROTO_inner_ihl,
			      GREMC_PROTO_inner_length, GREMC_PROTO_inner_checksum},
};

static inline uint32_t word_load(const uint8_t *data)
{
	uint32_t word;

	memcpy(&word, data, sizeof(word)); /* any alignment */
	return word;
}

/* The checksum of a header of `length` bytes, a multiple of 4 (RFC 1071). A sum of at most 15 words of 32
 * bits does not overflow 64 bits. Returns: 0 if the checksum field is valid. */
static uint16_t ipv4_header_sum(const uint8_t *data, unsigned length)
{
	uint64_t sum = (uint64_t)word_load(data) + word_load(data + 4) + word_load(data + 8) +
		       word_load(data + 12) + word_load(data + 16);

	for (unsigned i = 20; unlikely(i < length); i += 4)
		sum += word_load(data + i);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

enum gremc_proto_error gremc_ipv4_parse_header_slow(const uint8_t *data, size_t length, size_t readable,
						    enum gremc_ipv4_layer layer, bool check_sum,
						    struct gremc_ipv4 *out)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)data;
	unsigned header, total;

	if (unlikely(RTE_MIN(length, readable) < sizeof(*ip)))
		return layer_reasons[layer].truncated;
	if (unlikely(ip->version_ihl >> 4 != 4))
		return layer_reasons[layer].version;
	header = (ip->version_ihl & 0xf) * 4;
	if (unlikely(header < sizeof(*ip) || header > RTE_MIN(length, readable)))
		return layer_reasons[layer].ihl;
	total = rte_be_to_cpu_16(ip->total_length);
	if (unlikely(total < header || total > length))
		return layer_reasons[layer].length;
	if (check_sum && unlikely(ipv4_header_sum(data, header) != 0))
		return layer_reasons[layer].checksum;
	out->header_length = header;
	out->total_length = total;
	return GREMC_PROTO_OK;
}

/* Returns: the drop reason of control traffic; GREMC_PROTO_OK for data. */
static enum gremc_proto_error control_reason(const struct rte_ipv4_hdr *ip)
{
	const uint32_t group = rte_be_to_cpu_32(ip->dst_addr);

#define GREMC_X(row_protocol, row_group, row_length, reason)                                                 \
	if (GREMC_CONTROL_MATCHES(row_protocol, row_group, row_length, ip->next_proto_id, group))            \
		return GREMC_PROTO_##reason;
	GREMC_CONTROL_TABLE(GREMC_X)
#undef GREMC_X
	return GREMC_PROTO_OK;
}

enum gremc_proto_error gremc_ipv4_check_multicast_slow(const struct rte_ipv4_hdr *ip)
{
	uint8_t net = rte_be_to_cpu_32(ip->src_addr) >> 24;
	enum gremc_proto_error error;

	if (unlikely(!gremc_ipv4_is_multicast(ip->dst_addr)))
		return GREMC_PROTO_inner_unicast;
	error = control_reason(ip);
	if (unlikely(error != GREMC_PROTO_OK))
		return error;
	if (unlikely(net == 0 || net == 127 || gremc_ipv4_is_multicast(ip->src_addr) ||
		     ip->src_addr == RTE_BE32(UINT32_MAX)))
		return GREMC_PROTO_bad_source;
	if (unlikely(ip->time_to_live <= 1))
		return GREMC_PROTO_ttl_expired;
	return GREMC_PROTO_OK;
}

/* Order of ECN fields by severity: CE (3), ECT(1) (1), ECT(0) (2), not ECT (0) (RFC 6040, 4.2). */
static unsigned ecn_severity(unsigned ecn)
{
	static const uint8_t order[] = {0, 2, 1, 3};

	return order[ecn];
}

enum gremc_proto_error gremc_ipv4_decap_ecn_slow(struct rte_ipv4_hdr *inner, uint8_t outer_tos)
{
	unsigned in = inner->type_of_service & GREMC_ECN_MASK, out = outer_tos & GREMC_ECN_MASK;
	rte_be16_t before, after;
	uint32_t sum;

	if (in == GREMC_ECN_NOT_ECT)
		return out == GREMC_ECN_CE ? GREMC_PROTO_ecn : GREMC_PROTO_OK;
	if (ecn_severity(out) <= ecn_severity(in))
		return GREMC_PROTO_OK;
	before = rte_cpu_to_be_16(inner->version_ihl << 8 | inner->type_of_service);
	inner->type_of_service = (inner->type_of_service & ~GREMC_ECN_MASK) | out;
	after = rte_cpu_to_be_16(inner->version_ihl << 8 | inner->type_of_service);
	/* RFC 1624, equation 3 */
	sum = (uint16_t)~inner->hdr_checksum + (uint32_t)(uint16_t)~before + after;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	inner->hdr_checksum = (uint16_t)~sum;
	return GREMC_PROTO_OK;
}
