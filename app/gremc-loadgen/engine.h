/* SPDX-License-Identifier: BSD-3-Clause */
/* The lcores that send and receive, and the ports that they do it by.
 *
 * One polling lcore does both in turn. Of several, the first ones (`tx_lcores`) send and the others receive.
 * The control thread tells them what to do by one word; while all of them have answered that they rest,
 * everything here is the control thread's. */
#ifndef GREMC_LOADGEN_ENGINE_H
#define GREMC_LOADGEN_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ring.h>

#include "config/config.h"
#include "flows.h"
#include "port/port.h"
#include "receive.h"
#include "transmit.h"

#define GREMC_INJECT_RING 1024u /* packets that the control thread has sent: ARP, IGMP */
#define GREMC_HELD_UP     1000u /* the part of a second that a round of the loop takes when it is held up */

enum gremc_phase { GREMC_PHASE_REST, GREMC_PHASE_SEND, GREMC_PHASE_DRAIN, GREMC_PHASE_QUIT };

/* Which devices play the networks around the forwarder's port. */
struct gremc_port_map {
	char rx[GREMC_DEVICE_SIZE], tx[GREMC_DEVICE_SIZE];
	struct rte_ether_addr forwarder; /* MAC of the forwarder's port */
	bool has_mac;
};

struct gremc_engine_options {
	struct gremc_port_map map[GREMC_CONFIG_PORTS_MAX]; /* by the forwarder's port */
	unsigned tx_lcores;                                /* of several */
	uint16_t inner_max;                                /* largest inner packet that will be sent */
	double link_wait;                                  /* seconds for links to come up */
	uint8_t ttl_step;
};

struct gremc_lcore {
	struct gremc_engine *engine;
	unsigned lcore, number;
	struct gremc_transmitter *tx;   /* NULL: does not send */
	struct gremc_receiver *rx;      /* NULL: does not receive */
	uint32_t answer;                /* the command that it follows; store-release */
	uint32_t rounds;                /* of the loop in a row in which a receive queue gave a full burst */
	uint64_t longest;               /* cycles between two rounds of the loop: it was held up so long */
	uint64_t held;                  /* cycles of all rounds that took longer than hz / GREMC_HELD_UP */
	uint64_t injected, injected_at; /* packets of the inject ring that left; TSC of the last */
} __rte_cache_aligned;

struct gremc_engine {
	uint32_t command;                  /* generation << 2 | phase; the control thread's, store-release */
	const struct gremc_config *config; /* the forwarder's */
	struct gremc_flows *flows;
	struct gremc_engine_options options;
	struct gremc_config own;   /* our devices as ports */
	struct gremc_ports *ports; /* of `own` */
	uint32_t rx_port[GREMC_CONFIG_PORTS_MAX],
		tx_port[GREMC_CONFIG_PORTS_MAX]; /* in `ports`; NONE: not played */
	struct gremc_lcore *lcore;
	uint32_t lcore_count, tx_count, rx_count;
	uint32_t rx_ring; /* frames that the smallest receive queue holds while nobody looks */
	struct rte_ring *arp, *inject;
	struct gremc_site_macs *macs; /* [site], heap */
	double closed_fanout;         /* closed loop: replicas of a packet, mean; 0: open */
	uint64_t *sequence;           /* [flow] sent so far in this trial */
	uint64_t arp_answered;        /* requests; the control thread's */
	uint64_t hz;
};

/* Open the ports, wait for their links, find the forwarder's MACs, equip the lcores. NULL: reasons in
 * *errors. */
struct gremc_engine *gremc_engine_create(const struct gremc_config *config, struct gremc_flows *flows,
					 const struct gremc_engine_options *options,
					 struct gremc_errors *errors);
/* The lcores have returned. Returns how many mbufs are missing. */
unsigned gremc_engine_destroy(struct gremc_engine *engine);

/* The polling loop; returns after gremc_engine_quit(). */
void gremc_lcore_loop(struct gremc_lcore *lcore);

/* Control thread. Tell all, and wait until all have answered: 0, or -ETIMEDOUT when one has not within two
 * seconds. */
int gremc_engine_phase_set(struct gremc_engine *engine, enum gremc_phase phase);
static inline void gremc_engine_quit(struct gremc_engine *engine)
{
	__atomic_store_n(&engine->command, GREMC_PHASE_QUIT, __ATOMIC_RELEASE);
}
/* Control thread, often: answer ARP, learn MACs. */
void gremc_engine_arp_poll(struct gremc_engine *engine);
/* A buffer for gremc_engine_inject(); NULL: none left. */
struct rte_mbuf *gremc_engine_mbuf_alloc(struct gremc_engine *engine);
/* Have a packet sent by the forwarder's port `port`. 0 or -ENOBUFS: it is freed. */
int gremc_engine_inject(struct gremc_engine *engine, uint32_t port, struct rte_mbuf *packet);
/* All that was injected has left? */
bool gremc_engine_inject_is_done(const struct gremc_engine *engine);
/* The MAC that packets of a site come from: that of its next hop in the forwarder's configuration, else our
 * own. */
struct rte_ether_addr gremc_engine_site_mac(const struct gremc_engine *engine, uint32_t site);
/* The forwarder's MACs are known now: from here on replicas must have the right ones. While the lcores rest.
 */
void gremc_engine_macs_expect(struct gremc_engine *engine);
/* NULL: all links are up. Otherwise the name of a port whose link is down. */
const char *gremc_engine_link_down(const struct gremc_engine *engine);

/* Is any of our devices one without a wire (memif, veth)? The speed that it says it has means nothing. */
bool gremc_engine_is_virtual(const struct gremc_engine *engine);
/* Frames, since the start, for which the receive queues had no room, where a device counts them. */
uint64_t gremc_engine_rx_missed(const struct gremc_engine *engine);

/* links.c: open `own`'s devices; wait for links. */
int gremc_engine_ports_open(struct gremc_engine *engine, const unsigned *lcores, unsigned count,
			    struct gremc_errors *errors);
int gremc_engine_links_wait(struct gremc_engine *engine, struct gremc_errors *errors);
/* arp.c */
int gremc_engine_macs_resolve(struct gremc_engine *engine, struct gremc_errors *errors);
void gremc_arp_receive(struct gremc_engine *engine, struct rte_mbuf *packet);

#endif
