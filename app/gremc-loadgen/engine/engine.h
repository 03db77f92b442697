/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine: the lcores that send and receive, and their ports.
 *
 * A single polling lcore does both in turn. With several lcores the first `tx_lcores` send and the others
 * receive. The control thread sets their phase in one word. While all lcores confirm GREMC_PHASE_REST the
 * control thread owns everything here. */
#ifndef GREMC_LOADGEN_ENGINE_ENGINE_H
#define GREMC_LOADGEN_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ring.h>

#include "base/atomic.h"
#include "config/config.h"
#include "port/port.h"
#include "receive/receiver.h"
#include "traffic/flows.h"
#include "transmit/transmitter.h"

/* Which devices play the networks around a port of the forwarder. */
struct gremc_port_map {
	char rx[GREMC_DEVICE_SIZE], tx[GREMC_DEVICE_SIZE];
	struct rte_ether_addr forwarder; /* MAC address of the forwarder's port */
	bool has_mac;
};

struct gremc_engine_options {
	struct gremc_port_map map[GREMC_CONFIG_PORTS_MAX]; /* by index of the forwarder's port */
	unsigned tx_lcores;                                /* of several lcores */
	uint16_t inner_max;                                /* bytes of the largest inner packet */
	double link_wait;                                  /* seconds for links to come up */
	uint8_t ttl_step; /* by which the forwarder decrements the inner TTL */
};

struct gremc_lcore {
	struct gremc_engine *engine;
	unsigned lcore, number;
	struct gremc_transmitter *tx; /* NULL: does not send */
	struct gremc_receiver *rx;    /* NULL: does not receive */
	gremc_atomic_u64 phase;       /* command that the lcore follows; written by it, read by control */
	/* Written by the lcore; read by the control thread while the lcores rest. */
	uint32_t full_rounds; /* consecutive rounds of the loop in which an RX queue returned a full burst */
	uint64_t longest_round; /* cycles */
	uint64_t stalled;       /* cycles of all rounds that took a millisecond or longer */
} __rte_cache_aligned;

struct gremc_engine {
	/* generation << 2 | phase; written by the control thread, read by all lcores */
	gremc_atomic_u64 command;
	const struct gremc_config *config; /* the forwarder's; borrowed */
	struct gremc_flows *flows;         /* borrowed */
	struct gremc_engine_options options;
	struct gremc_config own;   /* the engine's devices as ports */
	struct gremc_ports *ports; /* of `own` */
	/* By index of the forwarder's port: index in `ports`; GREMC_CONFIG_NONE: no device plays this port.
	 */
	uint32_t rx_port[GREMC_CONFIG_PORTS_MAX], tx_port[GREMC_CONFIG_PORTS_MAX];
	struct gremc_lcore *lcore;
	uint32_t lcore_count, tx_count, rx_count;
	uint32_t rx_ring;             /* frames that the smallest RX queue holds between two polls */
	struct rte_ring *arp;         /* received ARP packets; lcores to control */
	struct rte_ring *inject;      /* packets of the control thread; control to lcore 0 */
	struct gremc_site_macs *macs; /* [site] */
	double closed_fanout;         /* closed loop: mean number of replicas per packet; 0: open loop */
	uint64_t *sequence;           /* [flow] packets sent in this trial */
	uint64_t arp_answered;        /* ARP requests; private to the control thread */
	uint64_t hz;                  /* of the TSC */
};

#endif
