/* SPDX-License-Identifier: BSD-3-Clause */
/* A frame's way through the parsers, each on a heap buffer that ends where the frame does. What a parser
 * accepts must be consistent; the sanitizers see what it reads. */
#include <stdlib.h>
#include <string.h>

#include "proto/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void inner(uint8_t *bytes, size_t length)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)bytes;
	struct gremc_ipv4 parsed;

	if (gremc_ipv4_parse_header(bytes, length, length, GREMC_IPV4_INNER, false, &parsed) !=
	    GREMC_PROTO_OK)
		return;
	/* a checksum that the fuzzer would hardly guess */
	ip->hdr_checksum = 0;
	ip->hdr_checksum = ~rte_raw_cksum(bytes, parsed.header_length);
	require(gremc_ipv4_parse_header(bytes, length, length, GREMC_IPV4_INNER, true, &parsed) ==
		GREMC_PROTO_OK);
	require(parsed.header_length >= 20 && parsed.header_length <= parsed.total_length);
	require(parsed.total_length <= length);
	if (gremc_ipv4_check_multicast(ip) != GREMC_PROTO_OK)
		return;
	require(ip->time_to_live >= 2 && gremc_ipv4_is_multicast(ip->dst_addr));
	if (gremc_ipv4_decap_ecn(ip, bytes[length - 1]) != GREMC_PROTO_OK)
		return;
	gremc_ipv4_decrement_ttl(ip);
	/* both changes left the checksum right */
	require(gremc_ipv4_parse_header(bytes, length, length, GREMC_IPV4_INNER, true, &parsed) ==
		GREMC_PROTO_OK);
}

static void outer(uint8_t *bytes, size_t length)
{
	struct gremc_ipv4 parsed;
	struct gremc_gre gre;
	size_t at, room;

	if (gremc_ipv4_parse_header(bytes, length, length, GREMC_IPV4_OUTER, false, &parsed) !=
	    GREMC_PROTO_OK)
		return;
	room = parsed.total_length - parsed.header_length;
	if (gremc_gre_parse(bytes + parsed.header_length, room, &gre) != GREMC_PROTO_OK)
		return;
	require(gre.length >= 4 && gre.length <= GREMC_GRE_MAX_LENGTH && gre.length <= room);
	at = parsed.header_length + gre.length;
	inner(bytes + at, parsed.total_length - at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	outer(copy, size);
	memcpy(copy, data, size);
	inner(copy, size);
	free(copy);
	return 0;
}
