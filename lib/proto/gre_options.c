/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "proto/gre.h"
#include "proto/gre_options.h"

unsigned gremc_gre_options_write(uint8_t *gre, const uint8_t *head, uint32_t sequence, uint16_t payload_sum)
{
	const rte_be32_t number = rte_cpu_to_be_32(sequence);
	unsigned length = 4;
	rte_be16_t flags;

	memcpy(&flags, head, sizeof(flags));
	memcpy(gre, head, 4);
	if (flags & RTE_BE16(GREMC_GRE_CHECKSUM)) {
		/* zero during the computation; Reserved1 is sent as zero (RFC 2784, 2.3) */
		memset(gre + length, 0, 4);
		length += 4;
	}
	if (flags & RTE_BE16(GREMC_GRE_KEY)) {
		memcpy(gre + length, head + 4, 4);
		length += 4;
	}
	if (flags & RTE_BE16(GREMC_GRE_SEQUENCE)) {
		memcpy(gre + length, &number, sizeof(number));
		length += 4;
	}
	if (flags & RTE_BE16(GREMC_GRE_CHECKSUM)) {
		uint32_t sum = (uint32_t)rte_raw_cksum(gre, length) + payload_sum;
		uint16_t checksum;

		sum = (sum & 0xffff) + (sum >> 16);
		checksum = (uint16_t)~sum;
		memcpy(gre + 4, &checksum, sizeof(checksum));
	}
	return length;
}
