/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_cycles.h>

#include "datapath/sample.h"

static_assert(GREMC_SAMPLE_VIF_NONE == GREMC_VIF_NONE, "a sample names a vif as the data path does");

void gremc_packet_sample(struct gremc_samples *samples, unsigned reason, const struct gremc_vifs *vifs,
			 uint32_t vif, const struct rte_mbuf *mbuf, struct gremc_packet_start start)
{
	const uint16_t headers = RTE_MIN(start.headers, GREMC_SAMPLE_BYTES);
	const uint32_t data = RTE_MIN(mbuf->pkt_len, GREMC_SAMPLE_BYTES - headers);
	struct gremc_sample sample = {.time = rte_rdtsc(),
				      .vif = vif,
				      .serial = vif == GREMC_VIF_NONE ? 0 : gremc_vif_serial(vifs, vif),
				      .reason = reason,
				      .length = RTE_MIN(mbuf->pkt_len + start.headers, UINT16_MAX),
				      .count = headers + data,
				      .is_ip = start.is_ip};
	const uint8_t *bytes;

	gremc_assert(start.headers <= rte_pktmbuf_headroom(mbuf));
	memcpy(sample.bytes, rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, -(int)start.headers), headers);
	bytes = rte_pktmbuf_read(mbuf, 0, data, sample.bytes + headers);
	if (bytes && bytes != sample.bytes + headers)
		memcpy(sample.bytes + headers, bytes, data);
	gremc_samples_add(samples, &sample);
}
