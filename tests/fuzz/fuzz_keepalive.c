/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzer of GRE keepalives. The first bytes are the options of the tunnel, the rest is the inner packet. The
 * heap buffer ends with the packet, so a sanitizer detects reads past its end. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/keepalive.h"
#include "proto/proto.h"

#define OPTION_BYTES 9 /* both addresses, and the key */

static struct gremc_tunnel_options options_read(const uint8_t *data)
{
	struct gremc_tunnel_options options = {.has_output_key = data[8] & 1,
					       .output_key = data[8] & 1 ? data[8] : 0};

	memcpy(&options.local, data, sizeof(options.local));
	memcpy(&options.remote, data + 4, sizeof(options.remote));
	return options;
}

/* A request: its addresses are those of the tunnel, and its turn leaves a valid header. */
static void keepalive_request_check(uint8_t *packet, size_t length,
				    const struct gremc_tunnel_options *options)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)packet;
	struct gremc_ipv4 parsed;
	const uint8_t ttl = ip->time_to_live;

	fuzz_require(ip->src_addr == options->local && ip->dst_addr == options->remote);
	fuzz_require(gremc_keepalive_turn(packet) == (ttl > 1));
	fuzz_require(ip->time_to_live == ttl - (ttl > 1));
	fuzz_require(gremc_ipv4_parse_header(packet, length, length, GREMC_IPV4_INNER, true, &parsed) ==
		     GREMC_PROTO_OK);
}

/* The program's own keepalive is one for the peer, with the addresses exchanged. */
static void own_keepalive_check(const struct gremc_tunnel_options *options)
{
	const struct gremc_tunnel_options theirs = {.local = options->remote,
						    .remote = options->local,
						    .has_input_key = options->has_output_key,
						    .input_key = options->output_key};
	uint8_t packet[GREMC_KEEPALIVE_MAX];
	const uint16_t length = gremc_keepalive_build(packet, &theirs, 1);

	fuzz_require(gremc_keepalive_is_request(packet, length, options));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gremc_tunnel_options options;
	struct gremc_ipv4 parsed;
	size_t length;
	uint8_t *packet;

	if (size < OPTION_BYTES + sizeof(struct rte_ipv4_hdr))
		return 0;
	options = options_read(data);
	own_keepalive_check(&options);
	length = size - OPTION_BYTES;
	packet = malloc(length);
	if (packet == NULL)
		return 0;
	memcpy(packet, data + OPTION_BYTES, length);
	if (gremc_ipv4_parse_header(packet, length, length, GREMC_IPV4_INNER, false, &parsed) ==
	    GREMC_PROTO_OK) {
		/* the fuzzer is unlikely to find a valid checksum, and the addresses */
		memcpy(packet + offsetof(struct rte_ipv4_hdr, src_addr), &options.local, 4);
		memcpy(packet + offsetof(struct rte_ipv4_hdr, dst_addr), &options.remote, 4);
		((struct rte_ipv4_hdr *)packet)->hdr_checksum = 0;
		((struct rte_ipv4_hdr *)packet)->hdr_checksum = ~rte_raw_cksum(packet, parsed.header_length);
		if (gremc_keepalive_is_request(packet, length, &options))
			keepalive_request_check(packet, length, &options);
	}
	free(packet);
	return 0;
}
