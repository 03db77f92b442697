/* SPDX-License-Identifier: BSD-3-Clause */
/* An engine of peers with a clock of the test's own, which records its calls. */
#ifndef GREMC_TESTS_UNIT_PEER_WORLD_H
#define GREMC_TESTS_UNIT_PEER_WORLD_H

#include "peer/peer.h"
#include "test.h"

#define VIFS   70000u
#define SECOND UINT64_C(1000000000)
#define LOCAL  RTE_BE32(0x0a000001)
#define REMOTE RTE_BE32(0x0a000002)

struct world {
	struct gremc_peers *peers;
	uint64_t now;
	uint32_t sent[VIFS], died[VIFS], revived[VIFS];
	uint64_t packets[VIFS]; /* that the peer has sent */
	uint8_t packet[64];     /* the last one that the engine sent */
	uint16_t length;
	uint32_t answered;
	int send_rc;
	uint32_t calls; /* of the function that sends */
	uint16_t path_mtu[VIFS];
	uint32_t path_mtu_changes;
};

/* Create the engine: a struct world in *state. */
int peer_world_set_up(void **state);
/* Free it. */
int peer_world_tear_down(void **state);
#define PEER(test) cmocka_unit_test_setup_teardown(test, peer_world_set_up, peer_world_tear_down)
/* Returns: the state of a vif, which the engine has. */
struct gremc_peer_info info_read(const struct world *world, uint32_t vif);

#endif
