/* SPDX-License-Identifier: BSD-3-Clause */
/* Marking: tables from the DSCP of a packet to a field of its outer header. The replica cache reads them once
 * for all replicas with equal keys, so a replica pays nothing. */
#ifndef GREMC_VIF_MARKING_H
#define GREMC_VIF_MARKING_H

#include <stdint.h>

#include "base/atomic.h"
#include "proto/dscp.h"

struct gremc_vifs;

/* [DSCP] of a tunnel. Immutable once published. */
struct gremc_dscp_table {
	uint8_t value[GREMC_DSCP_COUNT];
};

/* Tables that tunnels use at one time: a configuration has at most half, so that a reload can replace all. */
#define GREMC_DSCP_MAPS_MAX 128u

GREMC_ATOMIC_POINTER(dscp_table, const struct gremc_dscp_table);

/* Set the priority (PCP) in the VLAN tags of frames that the port sends, from the next burst on.
 * Thread:  control thread.
 * Input:   pcp: 0 to 7 for each DSCP of the outer header. */
void gremc_port_pcp_set(struct gremc_vifs *vifs, uint16_t port, const uint8_t pcp[GREMC_DSCP_COUNT]);

#endif
