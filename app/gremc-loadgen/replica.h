/* SPDX-License-Identifier: BSD-3-Clause */
/* A replica as a correct forwarder sends it: for the benchmark of our own checks, and for their tests. */
#ifndef GREMC_LOADGEN_REPLICA_H
#define GREMC_LOADGEN_REPLICA_H

#include <rte_ether.h>

#include "flows.h"
#include "stamp.h"

static const struct rte_ether_addr gremc_replica_mac = {.addr_bytes = {2}};

/* Write the frame of stream number `stream` into `frame`, which has room for GREMC_TEMPLATE_HEADER + inner
 * bytes. The stamp's flow must be the stream's. Both MAC addresses are gremc_replica_mac, but for a group's.
 * Returns its length. Pure. */
uint16_t gremc_replica_write(const struct gremc_flows *flows, uint32_t stream, uint16_t inner,
			     const struct gremc_stamp *stamp, uint8_t *frame);

#endif
