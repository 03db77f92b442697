/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzer of ICMP reports about packets of tunnels. The heap buffer ends with the packet, so a sanitizer
 * detects reads past its end. An accepted report quotes a GRE packet, and implies an MTU that IPv4 allows. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/icmp.h"
#include "proto/proto.h"

static void report_check(const uint8_t *packet, const struct gremc_icmp_error *error)
{
	const uint32_t header = rte_ipv4_hdr_len((const struct rte_ipv4_hdr *)packet);

	fuzz_require(packet[9] == IPPROTO_ICMP && packet[header] == GREMC_ICMP_UNREACHABLE);
	fuzz_require(error->code == packet[header + 1]);
	fuzz_require(error->code == GREMC_ICMP_FRAGMENTATION_NEEDED || error->next_hop_mtu == 0);
	fuzz_require(error->next_hop_mtu ? gremc_icmp_error_mtu(error) == error->next_hop_mtu
					 : gremc_icmp_error_mtu(error) >= 68);
	fuzz_require(error->has_key || error->key == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gremc_icmp_error error;
	struct gremc_ipv4 parsed;
	uint8_t *packet = malloc(size ? size : 1);

	if (packet == NULL)
		return 0;
	memcpy(packet, data, size);
	if (gremc_ipv4_parse_header(packet, size, size, GREMC_IPV4_OUTER, false, &parsed) == GREMC_PROTO_OK) {
		/* the fuzzer is unlikely to find a valid checksum */
		if (parsed.total_length >= parsed.header_length + 4) {
			uint8_t *message = packet + parsed.header_length;
			uint16_t sum = 0;

			memcpy(message + 2, &sum, sizeof(sum));
			sum = (uint16_t)~rte_raw_cksum(message, parsed.total_length - parsed.header_length);
			memcpy(message + 2, &sum, sizeof(sum));
		}
		if (gremc_icmp_error_parse(packet, size, &error))
			report_check(packet, &error);
	}
	free(packet);
	return 0;
}
