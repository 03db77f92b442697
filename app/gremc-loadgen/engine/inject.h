/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets of the control thread (ARP, IGMP), which lcore 0 sends. */
#ifndef GREMC_LOADGEN_ENGINE_INJECT_H
#define GREMC_LOADGEN_ENGINE_INJECT_H

#include "engine/engine.h"

#define GREMC_INJECT_RING 1024u

/* Thread:  control thread.
 * Returns: a buffer for gremc_engine_inject(); NULL if none is left. */
struct rte_mbuf *gremc_engine_mbuf_alloc(struct gremc_engine *engine);
/* Send a packet to the forwarder's port `port`.
 * Thread:  control thread.
 * Owner:   the engine, also on failure.
 * Errors:  -ENOBUFS. */
int gremc_engine_inject(struct gremc_engine *engine, uint32_t port, struct rte_mbuf *packet);
/* Thread:  control thread.
 * Returns: whether lcore 0 has taken all injected packets. */
bool gremc_engine_inject_is_done(const struct gremc_engine *engine);
/* Send the injected packets.
 * Thread:  lcore 0. */
void gremc_lcore_injected_send(struct gremc_lcore *lcore);

#endif
