/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "base/ring.h"
#include "engine/create.h"
#include "engine/inject.h"
#include "engine/links.h"
#include "receive/poll.h"
#include "transmit/pattern_pool.h"

#define ARP_RING 256u

static int lcore_transmitter_create(struct gremc_engine *engine, struct gremc_lcore *lcore,
				    struct gremc_errors *errors)
{
	unsigned mbufs = GREMC_TX_POOL - 1;
	char name[RTE_MEMPOOL_NAMESIZE];
	struct gremc_transmitter *tx = rte_zmalloc("gremc_tx", sizeof(*tx), RTE_CACHE_LINE_SIZE);

	lcore->tx = tx;
	if (tx == NULL)
		goto no_memory;
	tx->port_count = (uint16_t)engine->config->port_count;
	for (uint32_t i = 0; i < engine->config->port_count; i++) {
		const struct gremc_port *port;

		if (engine->tx_port[i] == GREMC_CONFIG_NONE)
			continue;
		port = engine->ports->port[engine->tx_port[i]];
		if (lcore->number >= port->tx_queues) {
			gremc_errors_add(
				errors, NULL, 0, 0,
				"port %s: `%s` has %u TX queues for %u sending lcores: give it more, or use --tx-lcores %u",
				engine->config->ports[i].name, port->device, port->tx_queues,
				engine->tx_count, port->tx_queues);
			return -1;
		}
		tx->port[i].id = port->id;
		tx->port[i].queue = (uint16_t)lcore->number;
		mbufs += port->tx_descriptors;
	}
	snprintf(name, sizeof(name), "gen_%u", lcore->lcore);
	tx->pool = gremc_pattern_pool_create(name, mbufs, engine->options.inner_max,
					     (int)rte_lcore_to_socket_id(lcore->lcore));
	if (tx->pool)
		return 0;
no_memory:
	gremc_errors_add(errors, NULL, 0, 0,
			 "no memory for the packets to send: give DPDK more (-m or --socket-mem)");
	return -1;
}

static int lcore_receiver_create(struct gremc_engine *engine, struct gremc_lcore *lcore,
				 struct gremc_errors *errors)
{
	struct gremc_receiver *rx = rte_zmalloc("gremc_rx", sizeof(*rx), RTE_CACHE_LINE_SIZE);

	lcore->rx = rx;
	if (rx == NULL || gremc_receiver_init(rx, engine->flows)) {
		gremc_errors_add(errors, NULL, 0, 0,
				 "no memory for the receivers: give DPDK more (-m or --socket-mem)");
		return -1;
	}
	rx->arp = engine->arp;
	rx->macs = engine->macs;
	rx->ttl_step = engine->options.ttl_step;
	return 0;
}

/* Receiver w polls the queues that the port assigns to worker w. */
static void receiver_queues_assign(struct gremc_engine *engine)
{
	for (uint32_t i = 0; i < engine->config->port_count; i++) {
		const struct gremc_port *port;

		if (engine->rx_port[i] == GREMC_CONFIG_NONE)
			continue;
		port = engine->ports->port[engine->rx_port[i]];
		for (uint16_t q = 0; q < port->rx_queues; q++) {
			uint32_t receiver = port->rx_worker[q] % engine->rx_count;
			struct gremc_receiver *rx =
				engine->lcore[engine->lcore_count - engine->rx_count + receiver].rx;

			if (rx->queue_count < RTE_DIM(rx->queue))
				rx->queue[rx->queue_count++] = (struct gremc_receiver_queue){
					.id = port->id, .queue = q, .port = (uint16_t)i};
		}
	}
}

static int lcores_create(struct gremc_engine *engine, const unsigned *lcores, struct gremc_errors *errors)
{
	for (uint32_t i = 0; i < engine->lcore_count; i++) {
		struct gremc_lcore *lcore = &engine->lcore[i];

		*lcore = (struct gremc_lcore){.engine = engine, .lcore = lcores[i], .number = i};
		if (i < engine->tx_count && lcore_transmitter_create(engine, lcore, errors))
			return -1;
		if (i >= engine->lcore_count - engine->rx_count &&
		    lcore_receiver_create(engine, lcore, errors))
			return -1;
	}
	receiver_queues_assign(engine);
	return 0;
}

static int engine_rings_create(struct gremc_engine *engine, struct gremc_errors *errors)
{
	engine->arp = rte_ring_create("gen_arp", ARP_RING, SOCKET_ID_ANY, RING_F_SC_DEQ);
	engine->inject = rte_ring_create("gen_inject", GREMC_INJECT_RING, SOCKET_ID_ANY,
					 RING_F_SP_ENQ | RING_F_SC_DEQ);
	engine->sequence = calloc(GREMC_FLOWS_MAX, sizeof(*engine->sequence));
	engine->macs = calloc(engine->flows->site_count, sizeof(*engine->macs));
	if (engine->arp && engine->inject && engine->sequence && engine->macs)
		return 0;
	gremc_errors_add(errors, NULL, 0, 0, "out of memory: give DPDK more (-m or --socket-mem)");
	return -1;
}

/* One lcore sends and receives; of several the first `tx_lcores` send and the others receive. */
static void lcore_roles_assign(struct gremc_engine *engine, unsigned count)
{
	unsigned senders = RTE_MAX(1u, engine->options.tx_lcores);

	engine->lcore_count = count;
	engine->tx_count = count == 1 ? 1 : RTE_MIN(senders, count - 1);
	engine->rx_count = count == 1 ? 1 : count - engine->tx_count;
}

struct gremc_engine *gremc_engine_create(const struct gremc_config *config, struct gremc_flows *flows,
					 const struct gremc_engine_options *options,
					 struct gremc_errors *errors)
{
	unsigned lcores[GREMC_WORKERS_MAX], count = gremc_polling_lcores_get(lcores);
	struct gremc_engine *engine = rte_zmalloc("gremc_engine", sizeof(*engine), RTE_CACHE_LINE_SIZE);

	if (engine == NULL) {
		gremc_errors_add(errors, NULL, 0, 0, "out of memory: give DPDK more (-m or --socket-mem)");
		return NULL;
	}
	engine->config = config;
	engine->flows = flows;
	engine->options = *options;
	engine->hz = rte_get_tsc_hz();
	lcore_roles_assign(engine, count);
	engine->lcore = rte_zmalloc("gremc_lcores", sizeof(*engine->lcore) * count, RTE_CACHE_LINE_SIZE);
	if (engine->lcore && engine_rings_create(engine, errors) == 0 &&
	    gremc_engine_ports_open(engine, lcores, RTE_MAX(engine->tx_count, engine->rx_count), errors) ==
		    0 &&
	    lcores_create(engine, lcores, errors) == 0)
		return engine;
	gremc_engine_destroy(engine);
	return NULL;
}

static void control_ring_free(struct rte_ring *ring)
{
	struct rte_mbuf *packet;

	while (ring && gremc_ring_dequeue(ring, &packet, 1) == 1)
		rte_pktmbuf_free(packet);
	rte_ring_free(ring);
}

unsigned gremc_engine_destroy(struct gremc_engine *engine)
{
	unsigned missing;

	control_ring_free(engine->arp);
	control_ring_free(engine->inject);
	missing = engine->ports ? gremc_ports_close(engine->ports) : 0;
	for (uint32_t i = 0; engine->lcore && i < engine->lcore_count; i++) {
		struct gremc_lcore *lcore = &engine->lcore[i];

		if (lcore->tx) {
			gremc_transmitter_pending_free(lcore->tx);
			rte_mempool_free(lcore->tx->pool);
			rte_free(lcore->tx);
		}
		if (lcore->rx) {
			gremc_receiver_fini(lcore->rx);
			rte_free(lcore->rx);
		}
	}
	free(engine->own.ports);
	free(engine->sequence);
	free(engine->macs);
	rte_free(engine->lcore);
	rte_free(engine);
	return missing;
}
