/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_ethdev.h>

#include "base/assert.h"
#include "base/ring.h"
#include "engine/inject.h"

#define SEND_TRIES 1000u

struct rte_mbuf *gremc_engine_mbuf_alloc(struct gremc_engine *engine)
{
	gremc_assert_control_thread();
	return rte_pktmbuf_alloc(engine->lcore[0].tx->pool);
}

int gremc_engine_inject(struct gremc_engine *engine, uint32_t port, struct rte_mbuf *packet)
{
	gremc_assert_control_thread();
	packet->port = (uint16_t)port;
	if (gremc_ring_enqueue(engine->inject, &packet, 1) == 1)
		return 0;
	rte_pktmbuf_free(packet);
	return -ENOBUFS;
}

bool gremc_engine_inject_is_done(const struct gremc_engine *engine)
{
	return rte_ring_empty(engine->inject);
}

void gremc_lcore_injected_send(struct gremc_lcore *lcore)
{
	struct rte_mbuf *packet[GREMC_PACE_BURST];
	unsigned count = gremc_ring_dequeue(lcore->engine->inject, packet, GREMC_PACE_BURST);

	for (unsigned i = 0; i < count; i++) {
		struct gremc_transmitter_port *port = &lcore->tx->port[packet[i]->port];
		unsigned tries = 0;

		while (rte_eth_tx_burst(port->id, port->queue, &packet[i], 1) == 0)
			if (++tries == SEND_TRIES) {
				rte_pktmbuf_free(packet[i]);
				break;
			}
	}
}
