/* SPDX-License-Identifier: BSD-3-Clause */
/* The surroundings of the load generator's unit tests: the configuration of a small forwarder, its flows, a
 * receiver, and replicas as the forwarder must send them. */
#ifndef GREMC_TESTS_UNIT_LOADGEN_WORLD_H
#define GREMC_TESTS_UNIT_LOADGEN_WORLD_H

#include <rte_mbuf.h>

#include "config/config.h"
#include "receive/receiver.h"
#include "traffic/flows.h"

#include "test.h"

#define WORLD_TRIAL_ID      7
#define LOADGEN_WORLD_DELAY 2000 /* cycles between sending and receiving of a replica */
#define NO_FAULT            GREMC_FAULT_COUNT

struct loadgen_world {
	struct gremc_config *config;
	struct gremc_flows *flows;
	struct gremc_receiver *rx;
	struct rte_mempool *pool;
	struct gremc_site_macs macs[8];
};

/* Start the EAL without huge pages: the set-up of a test group. */
int loadgen_eal_start(void **state);

/* Owner:   the caller; gremc_config_free(). */
struct gremc_config *loadgen_config_load(const char *text);
/* Create flows; options that are 0 become 1.
 * Owner:   the caller; gremc_flows_destroy(). */
struct gremc_flows *loadgen_flows_create(const struct gremc_config *config,
					 struct gremc_flows_options options);

/* Create everything for a configuration. */
void loadgen_world_open(struct loadgen_world *world, const char *text);
/* Release everything; fails if an mbuf leaked. */
void loadgen_world_close(struct loadgen_world *world);

/* Returns: the replica of packet `sequence` of a flow at its receiver `member`. */
struct rte_mbuf *replica_alloc(struct loadgen_world *world, uint32_t flow, uint32_t member, uint64_t sequence,
			       uint16_t inner);
/* Returns: the first byte of the frame. */
uint8_t *mbuf_bytes(struct rte_mbuf *packet);
/* Check a frame that arrived on `port`, and free it. */
void frame_receive(struct loadgen_world *world, uint16_t port, struct rte_mbuf *packet);
/* Assert that this fault, and no other one, was found `times` times since the last call. */
void expect_only_fault(struct loadgen_world *world, unsigned fault, uint64_t times);

#endif
