/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_ip.h>
#include <rte_udp.h>

#include "proto/proto.h"
#include "traffic/replica.h"
#include "traffic/template.h"

#define INNER_HEADERS (sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr))

/* A packet that the site sends, with addresses and keys exchanged, is one that it receives. */
static struct gremc_site site_reverse(const struct gremc_site *site)
{
	struct gremc_site back = *site;

	back.site = site->forwarder;
	back.forwarder = site->site;
	back.has_in = site->has_out;
	back.in_key = site->out_key;
	return back;
}

uint16_t gremc_replica_write(const struct gremc_flows *flows, uint32_t stream, uint16_t inner,
			     const struct gremc_stamp *stamp, uint8_t *frame)
{
	struct gremc_site site = site_reverse(&flows->site[flows->stream[stream].site]);
	struct gremc_flow flow = flows->flow[stamp->flow];
	struct gremc_flows one = {.site = &site, .flow = &flow};
	struct gremc_template made;
	uint8_t *payload;
	uint16_t sum;

	flow.from = 0;
	gremc_template_build(&made, &one, 0, inner, &gremc_replica_mac, &gremc_replica_mac);
	payload = frame + made.header_length;
	memcpy(frame, made.header + GREMC_TEMPLATE_HEADER - made.header_length, made.header_length);
	memcpy(payload, gremc_pattern, made.payload);
	gremc_stamp_write(payload, stamp);
	sum = (uint16_t)~gremc_sum_fold(made.udp_sum + gremc_stamp_sum(payload));
	sum = sum ? sum : UINT16_MAX;
	memcpy(payload - sizeof(sum), &sum, sizeof(sum));
	gremc_ipv4_decrement_ttl((struct rte_ipv4_hdr *)(payload - INNER_HEADERS));
	return made.header_length + made.payload;
}
