/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared ports of a fake device with flow rules. No virtual device has them, so the linker replaces rte_flow
 * (--wrap). */
#ifndef GREMC_TESTS_UNIT_STEER_WORLD_H
#define GREMC_TESTS_UNIT_STEER_WORLD_H

#include "port/steering.h"
#include "port_world.h"
#include "steer/set_priv.h"

/* ---- the device ---- */

#define RULES 64

/* A rule of the device. */
struct rule_copy {
	bool used;
	rte_be32_t address, mask, source;
	uint8_t protocol;
	uint16_t vlan; /* 0: no VLAN item */
	uint16_t port; /* UDP destination; 0: no UDP item */
	bool gre, rss;
	bool type; /* the GRE item matches IPv4, and a key or none */
	bool has_key;
	uint32_t key;
	uint32_t level, queues;
};

/* Cleared for each test. */
extern struct flow_device {
	bool real; /* use the library's functions */
	bool isolated;
	bool no_gre, no_inner, no_rss, no_type, no_key, no_pair; /* missing capabilities */
	unsigned free;                                           /* space for rules */
	struct rule_copy rule_copy[RULES];
} flow_device;

/* Returns: the number of rules of the device. */
unsigned rules_count(void);
/* Returns: the rule with this destination address, or NULL. */
const struct rule_copy *rule_find(const char *text);

/* ---- the configuration ---- */

extern struct gremc_config_tunnel steer_tunnels[4]; /* config.tunnels */
extern struct gremc_config_mroute steer_mroutes[4]; /* config.mroutes */

/* Set an empty configuration and a device with all capabilities; port_world_tear_down() follows. */
int steer_set_up(void **state);
#define TEST(test) cmocka_unit_test_setup_teardown(test, steer_set_up, port_world_tear_down)
/* Parse an IPv4 address. */
rte_be32_t address_parse(const char *text);
/* Add a tunnel from this address to 198.51.100.1. */
void config_add_tunnel(const char *local);
/* The same with a key. */
void config_add_keyed_tunnel(const char *local, uint32_t key);
/* Add an mroute. from: the number of a vif; UINT32_MAX: any. */
void config_add_mroute(const char *group, uint32_t from);
/* Add the shared port wan with this number of queues. */
struct gremc_config_port *isolated_port_add(unsigned queues);

#endif
