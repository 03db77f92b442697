/* SPDX-License-Identifier: BSD-3-Clause */
/* GRE headers with any optional field. */
#include <string.h>

#include <rte_branch_prediction.h>

#include "proto/gre_parse.h"

enum gremc_proto_error gremc_gre_parse_slow(const uint8_t *data, size_t length, struct gremc_gre *gre)
{
	rte_be16_t word[2];
	rte_be32_t field;
	unsigned flags, at = 4;

	if (unlikely(length < 4))
		return GREMC_PROTO_gre_truncated;
	memcpy(word, data, sizeof(word));
	flags = rte_be_to_cpu_16(word[0]);
	if (unlikely(flags & (GREMC_GRE_ROUTING | GREMC_GRE_MBZ | GREMC_GRE_VERSION))) {
		/* The version comes first because it defines the other bits. */
		if (flags & GREMC_GRE_VERSION)
			return GREMC_PROTO_gre_version;
		return flags & GREMC_GRE_ROUTING ? GREMC_PROTO_gre_routing : GREMC_PROTO_gre_flags;
	}
	gre->protocol = rte_be_to_cpu_16(word[1]);
	gre->has_key = flags & GREMC_GRE_KEY;
	gre->has_checksum = flags & GREMC_GRE_CHECKSUM;
	gre->has_sequence = flags & GREMC_GRE_SEQUENCE;
	gre->key = gre->sequence = 0;
	gre->length = 4 + 4 * (gre->has_checksum + gre->has_key + gre->has_sequence);
	if (unlikely(length < gre->length))
		return GREMC_PROTO_gre_truncated;
	/* the order is checksum, key, sequence number (RFC 2890, 2) */
	at += gre->has_checksum ? 4 : 0;
	if (gre->has_key) {
		memcpy(&field, data + at, sizeof(field));
		gre->key = rte_be_to_cpu_32(field);
		at += 4;
	}
	if (gre->has_sequence) {
		memcpy(&field, data + at, sizeof(field));
		gre->sequence = rte_be_to_cpu_32(field);
	}
	return GREMC_PROTO_OK;
}
