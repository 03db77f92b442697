/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzer of the parsers, in the order in which a frame passes them. The heap buffer ends with the frame, so a
 * sanitizer detects reads past its end. Accepted headers must be consistent. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/proto.h"

static void inner_packet_check(uint8_t *bytes, size_t length)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)bytes;
	struct gremc_ipv4 parsed;

	if (gremc_ipv4_parse_header(bytes, length, length, GREMC_IPV4_INNER, false, &parsed) !=
	    GREMC_PROTO_OK)
		return;
	/* the fuzzer is unlikely to find a valid checksum */
	ip->hdr_checksum = 0;
	ip->hdr_checksum = ~rte_raw_cksum(bytes, parsed.header_length);
	fuzz_require(gremc_ipv4_parse_header(bytes, length, length, GREMC_IPV4_INNER, true, &parsed) ==
		     GREMC_PROTO_OK);
	fuzz_require(parsed.header_length >= 20 && parsed.header_length <= parsed.total_length);
	fuzz_require(parsed.total_length <= length);
	if (gremc_ipv4_check_multicast(ip) != GREMC_PROTO_OK)
		return;
	fuzz_require(ip->time_to_live >= 2 && gremc_ipv4_is_multicast(ip->dst_addr));
	if (gremc_ipv4_decap_ecn(ip, bytes[length - 1]) != GREMC_PROTO_OK)
		return;
	gremc_ipv4_decrement_ttl(ip);
	/* both functions update the checksum */
	fuzz_require(gremc_ipv4_parse_header(bytes, length, length, GREMC_IPV4_INNER, true, &parsed) ==
		     GREMC_PROTO_OK);
}

/* The header that a tunnel with these options sends has the same fields, and a right checksum. */
static void gre_header_check(const uint8_t *bytes, const struct gremc_gre *gre, size_t remaining)
{
	const rte_be32_t key = rte_cpu_to_be_32(gre->key);
	uint8_t head[8], header[GREMC_GRE_MAX_LENGTH];
	const uint8_t *payload = bytes + gre->length;
	struct gremc_gre again;
	uint16_t sum;

	memcpy(head, bytes, 4);
	memcpy(head + 4, &key, sizeof(key));
	sum = rte_raw_cksum(payload, remaining - gre->length);
	fuzz_require(gremc_gre_options_write(header, head, gre->sequence, sum) == gre->length);
	fuzz_require(gremc_gre_parse(header, gre->length, &again) == GREMC_PROTO_OK);
	fuzz_require(again.key == gre->key && again.has_key == gre->has_key &&
		     again.sequence == gre->sequence && again.has_sequence == gre->has_sequence &&
		     again.has_checksum == gre->has_checksum && again.protocol == gre->protocol);
	if (gre->has_checksum) {
		const uint32_t whole = (uint32_t)rte_raw_cksum(header, gre->length) + sum;

		fuzz_require((whole & 0xffff) + (whole >> 16) == UINT16_MAX);
	}
}

static void outer_packet_check(uint8_t *bytes, size_t length)
{
	struct gremc_ipv4 parsed;
	struct gremc_gre gre;
	size_t at, remaining;

	if (gremc_ipv4_parse_header(bytes, length, length, GREMC_IPV4_OUTER, false, &parsed) !=
	    GREMC_PROTO_OK)
		return;
	remaining = parsed.total_length - parsed.header_length;
	if (gremc_gre_parse(bytes + parsed.header_length, remaining, &gre) != GREMC_PROTO_OK)
		return;
	fuzz_require(gre.length >= 4 && gre.length <= GREMC_GRE_MAX_LENGTH && gre.length <= remaining);
	fuzz_require(gre.length == 4 + 4 * (gre.has_checksum + gre.has_key + gre.has_sequence));
	gre_header_check(bytes + parsed.header_length, &gre, remaining);
	at = parsed.header_length + gre.length;
	inner_packet_check(bytes + at, parsed.total_length - at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	outer_packet_check(copy, size);
	memcpy(copy, data, size);
	inner_packet_check(copy, size);
	free(copy);
	return 0;
}
