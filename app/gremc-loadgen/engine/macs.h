/* SPDX-License-Identifier: BSD-3-Clause */
/* MAC addresses of the sites and of the forwarder's ports. */
#ifndef GREMC_LOADGEN_ENGINE_MACS_H
#define GREMC_LOADGEN_ENGINE_MACS_H

#include "engine/engine.h"

/* Returns: the source MAC address of packets from a site: that of its next hop in the forwarder's
 * configuration, otherwise that of the engine's device. */
struct rte_ether_addr gremc_engine_site_mac(const struct gremc_engine *engine, uint32_t site);
/* Check the MAC addresses of replicas from now on.
 * Thread:  control thread, while the lcores rest, after gremc_engine_macs_resolve(). */
void gremc_engine_macs_expect(struct gremc_engine *engine);

#endif
