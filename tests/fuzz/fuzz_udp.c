/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzer of the UDP header of GRE-in-UDP: the parser, the source port of an inner packet, and the written
 * header. The heap buffer ends with the packet, so a sanitizer detects reads past its end. */
#include <stdlib.h>
#include <string.h>

#include "proto/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_require(bool condition)
{
	if (!condition)
		abort();
}

/* A header that is written before the payload of a parsed one has a right checksum and the same ports. */
static void header_write_check(const uint8_t *datagram, const struct gremc_udp *udp)
{
	const unsigned payload = (unsigned)(udp->length - sizeof(struct rte_udp_hdr));
	const struct rte_ipv4_hdr ip = {.total_length = rte_cpu_to_be_16((uint16_t)(20 + udp->length)),
					.src_addr = RTE_BE32(0xc0000201),
					.dst_addr = RTE_BE32(0xc6336401)};
	uint8_t *copy = malloc(udp->length);
	const uint16_t none = 0;
	struct gremc_udp again;
	uint32_t sum;

	if (copy == NULL)
		return;
	memcpy(copy, datagram, udp->length);
	gremc_udp_write(&ip, (struct rte_udp_hdr *)copy, udp->source, udp->destination, payload, &none);
	fuzz_require(gremc_udp_parse(copy, udp->length, udp->length, &again) == GREMC_PROTO_OK);
	fuzz_require(again.source == udp->source && again.destination == udp->destination);
	fuzz_require(again.length == udp->length && again.checksum != 0);
	sum = (uint32_t)gremc_udp_pseudo_sum(&ip, udp->length) + rte_raw_cksum(copy, udp->length);
	fuzz_require((sum & 0xffff) + (sum >> 16) == UINT16_MAX);
	free(copy);
}

static void inner_packet_check(const uint8_t *bytes, size_t length)
{
	struct gremc_ipv4 parsed;
	uint16_t port;

	if (gremc_ipv4_parse_header(bytes, length, length, GREMC_IPV4_INNER, false, &parsed) !=
	    GREMC_PROTO_OK)
		return;
	port = gremc_udp_source_port((const struct rte_ipv4_hdr *)bytes, length);
	fuzz_require(port >= GREMC_UDP_SOURCE_BASE);
	fuzz_require(port == gremc_udp_source_port((const struct rte_ipv4_hdr *)bytes, length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct gremc_udp udp;
	struct gremc_gre gre;

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	if (gremc_udp_parse(copy, size, size, &udp) == GREMC_PROTO_OK) {
		fuzz_require(udp.length >= sizeof(struct rte_udp_hdr) && udp.length <= size);
		header_write_check(copy, &udp);
		if (gremc_gre_parse(copy + 8, udp.length - 8u, &gre) == GREMC_PROTO_OK)
			inner_packet_check(copy + 8 + gre.length, udp.length - 8u - gre.length);
	}
	inner_packet_check(copy, size);
	free(copy);
	return 0;
}
