/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzer of the membership engine. The input is a list of (interface, wait, length, bytes of a packet). Every
 * second packet gets valid checksums, TTL and protocol, which the fuzzer is unlikely to find. The state must
 * stay bounded and the requests valid. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "igmp/igmp.h"

#define MAX_GROUPS  20u
#define MAX_SOURCES 5u

static void igmp_require(bool condition)
{
	if (!condition)
		abort();
}

static int sent_packet_check(void *argument, uint32_t interface, const uint8_t *packet, size_t length)
{
	struct gremc_igmp_message message;

	(void)argument;
	igmp_require(interface <= 3 && length <= RTE_ETHER_MTU);
	igmp_require(gremc_igmp_parse(packet, length, &message) == GREMC_IGMP_OK);
	return 0;
}

static int igmp_request_check(void *argument, uint32_t interface, const struct gremc_addr *from,
			      const struct gremc_addr *to, enum gremc_igmp_request request)
{
	const rte_be32_t source = gremc_addr_to_ipv4(from), group = gremc_addr_to_ipv4(to);

	(void)argument;
	igmp_require(interface < 3 && gremc_ipv4_is_multicast(group) &&
		     !gremc_ipv4_is_link_local_group(group));
	igmp_require(source || (request != GREMC_IGMP_EXCLUDE && !gremc_ipv4_is_ssm(group)));
	return 0;
}

/* Write a valid IP header and both checksums. */
static void packet_repair(uint8_t *packet, size_t length)
{
	uint16_t sum;
	size_t header;

	if (length < 28)
		return;
	packet[0] = 0x45 + (packet[0] & 1 && length >= 32);
	header = (packet[0] & 0xf) * 4u;
	packet[2] = (uint8_t)(length >> 8);
	packet[3] = (uint8_t)length;
	packet[6] = packet[7] = 0;
	packet[8] = 1;
	packet[9] = 2;
	memset(packet + 10, 0, 2);
	sum = (uint16_t)~rte_raw_cksum(packet, header);
	memcpy(packet + 10, &sum, 2);
	memset(packet + header + 2, 0, 2);
	sum = (uint16_t)~rte_raw_cksum(packet + header, length - header);
	memcpy(packet + header + 2, &sum, 2);
}

static struct gremc_igmp *engine_create(void)
{
	static const struct gremc_igmp_settings settings = {2, 125000, 10000, 1000, 0};
	static const struct gremc_igmp_callbacks callbacks = {.send = sent_packet_check,
							      .change = igmp_request_check};
	struct gremc_igmp_policy policy = {.mode = GREMC_IGMP_QUERIER,
					   .version = 3,
					   .address = GREMC_ADDR_IPV4(RTE_BE32(0x0a000001)),
					   .max_groups = MAX_GROUPS,
					   .max_sources = MAX_SOURCES};
	struct gremc_igmp *igmp = gremc_igmp_create(&settings, &callbacks, 1000);

	igmp_require(igmp && gremc_igmp_interface_set(igmp, 0, &policy, 1000) == 0);
	policy.fast_leave = true;
	igmp_require(gremc_igmp_interface_set(igmp, 1, &policy, 1000) == 0);
	policy.version = 2;
	igmp_require(gremc_igmp_interface_set(igmp, 2, &policy, 1000) == 0);
	policy.mode = GREMC_IGMP_UPSTREAM;
	policy.version = 3;
	igmp_require(gremc_igmp_interface_set(igmp, 3, &policy, 1000) == 0);
	return igmp;
}

static void bounds_check(struct gremc_igmp *igmp)
{
	struct gremc_igmp_group_info infos[64];
	uint32_t total, n = gremc_igmp_groups_list(igmp, 0, infos, 64, &total);

	igmp_require(n == total && total <= 3 * MAX_GROUPS);
	for (uint32_t i = 0; i < n; i++)
		igmp_require(infos[i].source_count <= MAX_SOURCES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gremc_igmp *igmp = engine_create();
	uint64_t now = 1000;

	while (size >= 3) {
		size_t length = RTE_MIN((size_t)data[2], size - 3);
		uint8_t *packet = malloc(length ? length : 1);

		igmp_require(packet != NULL);
		memcpy(packet, data + 3, length);
		if (data[0] & 4)
			packet_repair(packet, length);
		now += (uint64_t)data[1] * data[1] * 16;
		gremc_igmp_input(igmp, data[0] & 3, packet, length, now);
		free(packet);
		data += 3 + length;
		size -= 3 + length;
	}
	bounds_check(igmp);
	gremc_igmp_timers_run(igmp, now + 600000);
	bounds_check(igmp);
	gremc_igmp_destroy(igmp);
	return 0;
}
