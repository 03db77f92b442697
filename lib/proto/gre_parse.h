/* SPDX-License-Identifier: BSD-3-Clause */
/* The parser of GRE headers. */
#ifndef GREMC_PROTO_GRE_PARSE_H
#define GREMC_PROTO_GRE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>

#include "proto/error.h"
#include "proto/gre.h"

struct gremc_gre {
	uint32_t key;      /* host order; 0 when has_key is false */
	uint32_t sequence; /* host order; 0 when has_sequence is false */
	uint16_t protocol; /* EtherType, host order */
	uint8_t length;    /* header bytes, 4 to 16 */
	bool has_key, has_sequence;
	bool has_checksum; /* the parser does not verify it: it covers the payload, too */
};

/* gremc_gre_parse() for all headers, out of line. */
enum gremc_proto_error gremc_gre_parse_slow(const uint8_t *data, size_t length, struct gremc_gre *gre);

/* The flags that select the layout of a header. The others are ignored. */
#define GREMC_GRE_FLAGS                                                                                      \
	(GREMC_GRE_CHECKSUM | GREMC_GRE_ROUTING | GREMC_GRE_KEY | GREMC_GRE_SEQUENCE | GREMC_GRE_MBZ |       \
	 GREMC_GRE_VERSION)

/* Parse the GRE header at the start of `length` readable bytes. Inline for headers that have no optional
 * field but the key.
 * Input:   data of any alignment.
 * Output:  on GREMC_PROTO_OK *gre; the caller checks its protocol type.
 * Returns: GREMC_PROTO_OK or the first error.
 * RFC:     2784, 2890. */
static inline enum gremc_proto_error gremc_gre_parse(const uint8_t *data, size_t length,
						     struct gremc_gre *gre)
{
	struct {
		rte_be16_t flags, protocol;
		rte_be32_t key;
	} header;

	if (unlikely(length < sizeof(header)))
		goto slow;
	memcpy(&header, data, sizeof(header));
	header.flags &= RTE_BE16(GREMC_GRE_FLAGS);
	if (unlikely(header.flags & ~RTE_BE16(GREMC_GRE_KEY)))
		goto slow;
	gre->has_key = header.flags != 0;
	gre->key = gre->has_key ? rte_be_to_cpu_32(header.key) : 0;
	gre->protocol = rte_be_to_cpu_16(header.protocol);
	gre->length = gre->has_key ? 8 : 4;
	gre->has_sequence = gre->has_checksum = false;
	gre->sequence = 0;
	return GREMC_PROTO_OK;
slow : {
	struct gremc_gre other = {0}; /* keeps *gre in registers */
	enum gremc_proto_error error = gremc_gre_parse_slow(data, length, &other);

	*gre = other;
	return error;
}
}

#endif
