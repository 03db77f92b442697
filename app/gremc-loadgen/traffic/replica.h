/* SPDX-License-Identifier: BSD-3-Clause */
/* Replicas as a correct forwarder sends them, for the benchmark and the unit tests of the receiver. */
#ifndef GREMC_LOADGEN_TRAFFIC_REPLICA_H
#define GREMC_LOADGEN_TRAFFIC_REPLICA_H

#include <rte_ether.h>

#include "traffic/flows.h"
#include "traffic/stamp.h"

/* Source MAC address of every replica, and destination except on a LAN. */
static const struct rte_ether_addr gremc_replica_mac = {.addr_bytes = {2}};

/* Write the frame of one replica.
 * Input:   `frame` holds at least GREMC_TEMPLATE_HEADER + inner bytes; `stamp->flow` is the stream's flow.
 * Returns: the frame's length in bytes. */
uint16_t gremc_replica_write(const struct gremc_flows *flows, uint32_t stream, uint16_t inner,
			     const struct gremc_stamp *stamp, uint8_t *frame);

#endif
