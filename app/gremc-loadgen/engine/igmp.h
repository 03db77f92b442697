/* SPDX-License-Identifier: BSD-3-Clause */
/* IGMP membership reports (RFC 2236, RFC 3376) as a site sends them through its tunnel. */
#ifndef GREMC_LOADGEN_ENGINE_IGMP_H
#define GREMC_LOADGEN_ENGINE_IGMP_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

/* Bytes: IPv4 header with Router Alert 24, report with one record and one source 20. */
#define GREMC_IGMP_LENGTH 44u

struct gremc_site_report {
	unsigned version; /* 2 or 3 */
	bool join;        /* otherwise leave */
	rte_be32_t group;
	rte_be32_t source; /* version 3: joins or leaves (source, group); 0: any source */
};

/* Write the IP packet of a report.
 * Input:   `packet` holds GREMC_IGMP_LENGTH bytes; `reporter` is the source address.
 * Returns: its length in bytes. */
uint16_t gremc_igmp_write(uint8_t *packet, rte_be32_t reporter, const struct gremc_site_report *report);
/* Send a report from the tunnel's site `site`.
 * Thread:  control thread.
 * Errors:  -ENOBUFS. */
int gremc_igmp_send(struct gremc_engine *engine, uint32_t site, const struct gremc_site_report *report);

#endif
