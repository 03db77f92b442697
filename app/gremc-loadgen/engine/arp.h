/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP: answers for the sites, and requests for the forwarder's MAC addresses. All by the control thread; the
 * lcores only carry the packets through two bounded rings, so a flood of requests does not delay them. */
#ifndef GREMC_LOADGEN_ENGINE_ARP_H
#define GREMC_LOADGEN_ENGINE_ARP_H

#include "engine/engine.h"

/* Handle the ARP packets that the lcores received: answer requests and learn MAC addresses.
 * Thread:  control thread, at least every few milliseconds. */
void gremc_engine_arp_poll(struct gremc_engine *engine);
/* Find the MAC address of each forwarder port with tunnels, unless the user gave it.
 * Thread:  control thread, while the lcores drain.
 * Returns: 0, or non-zero with the reasons in *errors. */
int gremc_engine_macs_resolve(struct gremc_engine *engine, struct gremc_errors *errors);

#endif
