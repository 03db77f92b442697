/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "base/ring.h"
#include "engine.h"
#include "stamp.h"

#define PHASE_MASK     3u
#define REST_MICRO     50u
#define ANSWER_SECONDS 2
#define ARP_RING       256u
#define ARP_EACH       64u  /* packets that one round of the control thread takes */
#define WINDOW         0.75 /* of a receive queue, in a closed loop */

/* ---- the loop ---- */

static void lcore_injected_send(struct gremc_lcore *lcore)
{
	struct rte_mbuf *packet[GREMC_PACE_BURST];
	unsigned count = gremc_ring_dequeue(lcore->engine->inject, packet, GREMC_PACE_BURST);

	for (unsigned i = 0; i < count; i++) {
		struct gremc_transmitter_port *port = &lcore->tx->port[packet[i]->port];
		unsigned tries = 0;

		while (rte_eth_tx_burst(port->id, port->queue, &packet[i], 1) == 0)
			if (++tries == 1000) {
				rte_pktmbuf_free(packet[i]);
				break;
			}
		lcore->injected_at = rte_rdtsc();
	}
	if (count)
		__atomic_store_n(&lcore->injected, lcore->injected + count, __ATOMIC_RELEASE);
}

static void lcore_command_accept(struct gremc_lcore *lcore, uint32_t command)
{
	struct gremc_transmitter *tx = lcore->tx;

	if ((command & PHASE_MASK) == GREMC_PHASE_SEND && tx) {
		/* The clock of the schedule starts here, not when the control thread said so. */
		tx->pace.start = tx->pace.not_yet = rte_rdtsc();
	}
	if ((command & PHASE_MASK) == GREMC_PHASE_SEND)
		lcore->longest = lcore->held = 0;
	__atomic_store_n(&lcore->answer, command, __ATOMIC_RELEASE);
}

/* What has come is taken before more is sent: a burst comes back as often as its fan-out, and where we cannot
 * check so much, it is the sending that has to fall short, and not our own queue that has to overflow. When a
 * whole ring has been taken without a pause, there is no more to be saved. */
static bool lcore_must_receive(struct gremc_lcore *lcore)
{
	lcore->rounds = gremc_receiver_poll(lcore->rx) ? lcore->rounds + 1 : 0;
	return lcore->rounds > 0 && lcore->rounds * GREMC_RX_BURST < lcore->engine->rx_ring;
}

/* In a closed loop: is as much under way as may be? */
static bool closed_window_is_full(const struct gremc_engine *engine)
{
	uint64_t made = 0, frames = 0;

	if (likely(engine->closed_fanout <= 0))
		return false;
	for (uint32_t i = 0; i < engine->lcore_count; i++) {
		const struct gremc_lcore *lcore = &engine->lcore[i];

		if (lcore->tx)
			made += __atomic_load_n(&lcore->tx->made, __ATOMIC_RELAXED);
		if (lcore->rx)
			frames += __atomic_load_n(&lcore->rx->counters.frames, __ATOMIC_RELAXED);
	}
	return (double)made * engine->closed_fanout > (double)frames + WINDOW * engine->rx_ring;
}

static void lcore_round(struct gremc_lcore *lcore, bool sending)
{
	struct gremc_transmitter *tx = lcore->tx;
	bool behind = lcore->rx && lcore_must_receive(lcore);

	if (tx == NULL)
		return;
	if (lcore->number == 0 && !rte_ring_empty(lcore->engine->inject))
		lcore_injected_send(lcore);
	if (sending && !behind && !closed_window_is_full(lcore->engine))
		gremc_transmitter_poll(tx, rte_rdtsc());
	else if (!sending && tx->pending)
		gremc_transmitter_pending_flush(tx);
}

void gremc_lcore_loop(struct gremc_lcore *lcore)
{
	const struct gremc_engine *engine = lcore->engine;
	uint64_t last = rte_rdtsc(), now, pause = engine->hz / GREMC_HELD_UP;
	uint32_t command;

	while ((command = __atomic_load_n(&engine->command, __ATOMIC_ACQUIRE)) != GREMC_PHASE_QUIT) {
		if (unlikely(command != lcore->answer)) {
			lcore_command_accept(lcore, command);
			last = rte_rdtsc();
		}
		if ((command & PHASE_MASK) == GREMC_PHASE_REST) {
			if (lcore->tx && lcore->number == 0)
				lcore_injected_send(lcore);
			usleep(REST_MICRO);
			continue;
		}
		lcore_round(lcore, (command & PHASE_MASK) == GREMC_PHASE_SEND);
		now = rte_rdtsc();
		if (unlikely(now - last > lcore->longest))
			lcore->longest = now - last;
		if (unlikely(now - last > pause))
			lcore->held += now - last;
		last = now;
	}
}

/* ---- the control thread's side ---- */

static bool lcores_have_answered(const struct gremc_engine *engine, uint32_t command)
{
	for (uint32_t i = 0; i < engine->lcore_count; i++)
		if (__atomic_load_n(&engine->lcore[i].answer, __ATOMIC_ACQUIRE) != command)
			return false;
	return true;
}

int gremc_engine_phase_set(struct gremc_engine *engine, enum gremc_phase phase)
{
	uint32_t command = (engine->command & ~PHASE_MASK) + PHASE_MASK + 1 + phase;
	uint64_t end = rte_rdtsc() + ANSWER_SECONDS * engine->hz;

	__atomic_store_n(&engine->command, command, __ATOMIC_RELEASE);
	while (!lcores_have_answered(engine, command)) {
		if (rte_rdtsc() > end)
			return -ETIMEDOUT;
		usleep(20);
	}
	return 0;
}

void gremc_engine_arp_poll(struct gremc_engine *engine)
{
	struct rte_mbuf *packet;

	for (unsigned i = 0; i < ARP_EACH && gremc_ring_dequeue(engine->arp, &packet, 1) == 1; i++)
		gremc_arp_receive(engine, packet);
}

struct rte_mbuf *gremc_engine_mbuf_alloc(struct gremc_engine *engine)
{
	return rte_pktmbuf_alloc(engine->lcore[0].tx->pool);
}

int gremc_engine_inject(struct gremc_engine *engine, uint32_t port, struct rte_mbuf *packet)
{
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

struct rte_ether_addr gremc_engine_site_mac(const struct gremc_engine *engine, uint32_t site)
{
	const struct gremc_site *s = &engine->flows->site[site];
	const struct gremc_config_port *port = &engine->config->ports[s->port];
	const struct rte_ether_addr *mac = NULL;
	rte_be32_t next_hop;

	if (!s->native) {
		mac = gremc_config_neighbor_find(port, s->site);
		if (mac == NULL && gremc_config_route_lookup(port, s->site, &next_hop) == 0)
			mac = gremc_config_neighbor_find(port, next_hop);
	}
	return mac ? *mac : engine->ports->port[engine->tx_port[s->port]]->mac;
}

void gremc_engine_macs_expect(struct gremc_engine *engine)
{
	for (uint32_t i = 0; i < engine->flows->site_count; i++) {
		const struct gremc_site *site = &engine->flows->site[i];
		const struct gremc_port_map *map = &engine->options.map[site->port];

		if (!site->used || engine->rx_port[site->port] == GREMC_CONFIG_NONE)
			continue;
		if (!site->native)
			engine->macs[i].target = gremc_engine_site_mac(engine, i);
		if (map->has_mac)
			engine->macs[i].source = map->forwarder;
	}
}

/* ---- life ---- */

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
				"port %s: `%s` has %u TX queues, and %u lcores send; give it more, or --tx-lcores %u",
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
			 "no memory for the packets to send; give DPDK more (-m or --socket-mem)");
	return -1;
}

static int lcore_receiver_create(struct gremc_engine *engine, struct gremc_lcore *lcore,
				 struct gremc_errors *errors)
{
	struct gremc_receiver *rx = rte_zmalloc("gremc_rx", sizeof(*rx), RTE_CACHE_LINE_SIZE);

	lcore->rx = rx;
	if (rx == NULL || gremc_receiver_init(rx, engine->flows)) {
		gremc_errors_add(errors, NULL, 0, 0,
				 "no memory for the receivers; give DPDK more (-m or --socket-mem)");
		return -1;
	}
	rx->arp = engine->arp;
	rx->macs = engine->macs;
	rx->ttl_step = engine->options.ttl_step;
	return 0;
}

/* The queues that port's worker w polls are those of receiver w. */
static void engine_rxqs_assign(struct gremc_engine *engine)
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
	engine_rxqs_assign(engine);
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
	gremc_errors_add(errors, NULL, 0, 0, "out of memory; give DPDK more (-m or --socket-mem)");
	return -1;
}

/* Roles: one lcore does both; of several the first `tx_lcores` send, the others receive. */
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
		gremc_errors_add(errors, NULL, 0, 0, "out of memory; give DPDK more (-m or --socket-mem)");
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
