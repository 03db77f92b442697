/* SPDX-License-Identifier: BSD-3-Clause */
/* IGMP membership reports (RFC 2236, 3376) as a site sends them in its tunnel. */
#ifndef GREMC_LOADGEN_IGMP_H
#define GREMC_LOADGEN_IGMP_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>

#include "engine.h"

#define GREMC_IGMP_MOST 44u /* IPv4 header with Router Alert 24, report with one record and source 20 */

/* Write the IP packet of one report; version 2 or 3. source 0: any; with a source (version 3) the pair is
 * joined or left. Returns its length. Pure. */
uint16_t gremc_igmp_write(uint8_t *packet, unsigned version, bool join, rte_be32_t reporter, rte_be32_t group,
			  rte_be32_t source);
/* Have site `site`, which is a tunnel, send it. Control thread. 0; -ENOBUFS. */
int gremc_igmp_send(struct gremc_engine *engine, uint32_t site, unsigned version, bool join, rte_be32_t group,
		    rte_be32_t source);

#endif
