/* SPDX-License-Identifier: BSD-3-Clause */
/* Packet sizes: one size, or a mix of sizes in a fixed order. */
#ifndef GREMC_LOADGEN_TRAFFIC_MIX_H
#define GREMC_LOADGEN_TRAFFIC_MIX_H

#include <stdbool.h>
#include <stdint.h>

#define GREMC_SIZES_MAX   8
#define GREMC_PATTERN_MAX 16
#define GREMC_MIX_NAME    32

struct gremc_packet_size {
	uint16_t bytes;
	bool outer; /* bytes of the whole Ethernet frame with FCS (RFC 2544); otherwise of the inner IP packet
		     */
};

struct gremc_mix {
	char name[GREMC_MIX_NAME]; /* as the user wrote it */
	bool outer;
	struct gremc_packet_size size[GREMC_SIZES_MAX];
	uint8_t size_count;
	uint8_t pattern[GREMC_PATTERN_MAX]; /* index of the size of each packet in turn */
	uint8_t pattern_count;
};

#endif
