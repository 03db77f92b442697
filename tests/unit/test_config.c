/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>

#include "config_helpers.h"

static struct gremc_config *config_load_or_fail(const char *text)
{
	struct gremc_errors errors = {0};
	struct gremc_config *config = gremc_config_load_memory("f", text, strlen(text), &errors);

	if (config == NULL)
		fail_msg("refused:\n%s\n%s", text, errors.text);
	assert_int_equal(errors.count, 0);
	assert_null(errors.text);
	return config;
}

/* ---- values ---- */

#define PORTS                                                                                                \
	"ethernets:\n"                                                                                       \
	"  wan0: {device: 0000:01:00.0}\n"                                                                   \
	"  wan1: {device: '01:00.A'}\n"                                                                      \
	"  lan0: {device: net_af_packet0, multicast: yes, mtu: 9000, vlan: 4094, host: On}\n"                \
	"bonds:\n"                                                                                           \
	"  bond0:\n"                                                                                         \
	"    interfaces: [wan1, wan0]\n"                                                                     \
	"    parameters: {mode: 802.3ad}\n"                                                                  \
	"    addresses: [147.75.64.13/31, \"192.0.2.1/24\"]\n"                                               \
	"    gateway4: 147.75.64.12\n"                                                                       \
	"    routes:\n"                                                                                      \
	"      - {to: 10.0.0.0/8, via: 192.0.2.8}\n"                                                         \
	"      - {to: 10.1.0.0/16, via: 192.0.2.16}\n"                                                       \
	"    neighbors:\n"                                                                                   \
	"      192.0.2.200: 02:00:00:00:00:C8\n"                                                             \
	"      147.75.64.12: 02:00:00:00:00:0c\n"                                                            \
	"      192.0.2.2: 00:00:00:00:00:02\n"                                                               \
	"  bond1: {device: net_bonding7}\n"

#define TUNNELS                                                                                              \
	"tunnels:\n"                                                                                         \
	"  gre1: {local: 147.75.64.13, remote: 147.75.69.141}\n"                                             \
	"  gre2: {mode: gre, local: 192.0.2.1, remote: 192.0.2.2, key: 42, ttl: 255, tos: 184, df: false,\n" \
	"         mtu: 1400, addresses: [10.100.126.3], peer: 10.88.152.3, host: true}\n"                    \
	"  gre3: {local: 192.0.2.1, remote: 192.0.2.2, key: {input: 1.2.3.4, output: 4294967295},\n"         \
	"         ttl: inherit, tos: inherit, df: inherit, addresses: [10.0.0.1/24]}\n"                      \
	"  gre4: {local: 192.0.2.1, remote: 192.0.2.2, key: {output: 0x10}, tos: 0xb8}\n"                    \
	"  gre5: {local: 192.0.2.1, remote: 192.0.2.2, key: 0}\n"

#define MROUTES                                                                                              \
	"mroutes:\n"                                                                                         \
	"  - {group: 232.1.1.1, source: 10.1.1.1, from: [gre1], to: [lan0, gre3, gre2]}\n"                   \
	"  - {group: 239.0.0.0/8, from: any, to: all, order: rotate}\n"                                      \
	"  - {group: 239.1.1.1, from: lan0, to: gre5, order: fixed}\n"                                       \
	"  - {group: 224.0.0.0/4, from: all, to: any}\n"

#define SETTINGS                                                                                             \
	"settings: {copy-threshold: 0, tx-retries: 1000, rx-descriptors: 64, tx-descriptors: 32768,\n"       \
	"           max-sleep: 20000, idle: no}\n"

static void test_reads_ports(void **state)
{
	struct gremc_config *config = config_load_or_fail(PORTS);
	const struct gremc_config_port *wan0 = &config->ports[0], *wan1 = &config->ports[1],
				       *lan0 = &config->ports[2], *bond0 = &config->ports[3],
				       *bond1 = &config->ports[4];

	(void)state;
	assert_int_equal(config->port_count, 5);
	assert_string_equal(wan0->name, "wan0");
	assert_string_equal(wan0->device, "0000:01:00.0");
	assert_string_equal(wan1->device, "0000:01:00.a"); /* the spelling of the EAL */
	assert_int_equal(wan0->member_of, 3);
	assert_int_equal(wan1->member_of, 3);
	assert_false(wan0->is_bond || wan0->multicast || wan0->host);
	assert_int_equal(wan0->mtu, 0);
	assert_int_equal(wan0->vlan, 0);

	assert_string_equal(lan0->name, "lan0");
	assert_string_equal(lan0->device, "net_af_packet0");
	assert_true(lan0->multicast && lan0->host);
	assert_int_equal(lan0->mtu, 9000);
	assert_int_equal(lan0->vlan, 4094);
	assert_int_equal(lan0->member_of, GREMC_CONFIG_NONE);
	assert_int_equal(lan0->address_count, 0);

	assert_string_equal(bond0->name, "bond0");
	assert_string_equal(bond0->device, "");
	assert_true(bond0->is_bond);
	assert_int_equal(bond0->mode, GREMC_BOND_8023AD);
	assert_int_equal(bond0->member_count, 2);
	assert_int_equal(bond0->members[0], 1);
	assert_int_equal(bond0->members[1], 0);
	assert_int_equal(bond0->address_count, 2);
	assert_int_equal(bond0->addresses[0].address.ipv4, ipv4_of_text("147.75.64.13"));
	assert_int_equal(bond0->addresses[0].length, 31);
	assert_int_equal(bond0->addresses[1].address.ipv4, ipv4_of_text("192.0.2.1"));
	assert_int_equal(bond0->addresses[1].length, 24);

	assert_string_equal(bond1->device, "net_bonding7");
	assert_false(bond1->is_bond);
	gremc_config_free(config);
}

static void test_reads_routes_and_neighbors(void **state)
{
	struct gremc_config *config = config_load_or_fail(PORTS);
	const struct gremc_config_port *bond0 = &config->ports[3];

	(void)state;
	assert_int_equal(bond0->route_count, 3);
	assert_int_equal(bond0->routes[0].to.length, 16);
	assert_int_equal(bond0->routes[0].to.address.ipv4, ipv4_of_text("10.1.0.0"));
	assert_int_equal(bond0->routes[0].via.ipv4, ipv4_of_text("192.0.2.16"));
	assert_int_equal(bond0->routes[1].to.length, 8);
	assert_int_equal(bond0->routes[2].to.length, 0);
	assert_int_equal(bond0->routes[2].to.address.ipv4, 0);
	assert_int_equal(bond0->routes[2].via.ipv4, ipv4_of_text("147.75.64.12"));
	assert_int_equal(bond0->neighbor_count, 3);
	assert_int_equal(bond0->neighbors[0].address.ipv4, ipv4_of_text("147.75.64.12"));
	assert_int_equal(bond0->neighbors[1].address.ipv4, ipv4_of_text("192.0.2.2"));
	assert_int_equal(bond0->neighbors[2].address.ipv4, ipv4_of_text("192.0.2.200"));
	assert_memory_equal(&bond0->neighbors[2].mac, "\x02\0\0\0\0\xc8", 6);
	gremc_config_free(config);
}

static void test_reads_bond_modes(void **state)
{
	static const struct {
		const char *name;
		enum gremc_bond_mode mode;
	} modes[] = {{"balance-rr", GREMC_BOND_BALANCE_RR},
		     {"active-backup", GREMC_BOND_ACTIVE_BACKUP},
		     {"balance-xor", GREMC_BOND_BALANCE_XOR},
		     {"broadcast", GREMC_BOND_BROADCAST},
		     {"802.3ad", GREMC_BOND_8023AD}};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(modes); i++) {
		struct gremc_config *config;
		char text[160];

		snprintf(
			text, sizeof(text),
			"ethernets: {a: {device: d}}\nbonds: {b: {interfaces: [a], parameters: {mode: %s}}}\n",
			modes[i].name);
		config = config_load_or_fail(text);
		assert_int_equal(config->ports[1].mode, modes[i].mode);
		gremc_config_free(config);
	}
}

static void test_reads_liveness(void **state)
{
	struct gremc_config *config = config_load_or_fail(
		PORTS
		"tunnels:\n"
		"  a: {local: 192.0.2.1, remote: 192.0.2.2}\n"
		"  b: {local: 192.0.2.1, remote: 192.0.2.3, keepalive: {}}\n"
		"  c: {local: 192.0.2.1, remote: 192.0.2.4, keepalive: {interval: 5, retries: 7}}\n"
		"  d: {local: 192.0.2.1, remote: 192.0.2.5, liveness: traffic}\n"
		"  e: {local: 192.0.2.1, remote: 192.0.2.6, liveness: off, keepalive: {interval: 1}}\n");
	const struct gremc_config_liveness expected[] = {
		{0, 0, false, GREMC_LIVENESS_OFF},      {10, 3, true, GREMC_LIVENESS_KEEPALIVE},
		{5, 7, true, GREMC_LIVENESS_KEEPALIVE}, {10, 3, false, GREMC_LIVENESS_TRAFFIC},
		{1, 3, true, GREMC_LIVENESS_OFF},
	};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(expected); i++) {
		const struct gremc_config_liveness *liveness = &config->tunnels[i].liveness;

		assert_int_equal(liveness->interval, expected[i].interval);
		assert_int_equal(liveness->retries, expected[i].retries);
		assert_int_equal(liveness->sends, expected[i].sends);
		assert_int_equal(liveness->sign, expected[i].sign);
	}
	gremc_config_free(config);
}

static void test_reads_gre_in_udp(void **state)
{
	struct gremc_config *config = config_load_or_fail(
		PORTS "tunnels:\n"
		      "  a: {local: 192.0.2.1, remote: 192.0.2.2}\n"
		      "  b: {mode: gre-udp, local: 192.0.2.1, remote: 192.0.2.2}\n"
		      "  c: {port: 65535, udp-checksum: true, mode: gre-udp, local: 192.0.2.1, remote: "
		      "192.0.2.2}\n"
		      "  d: {mode: gre-udp, local: 192.0.2.1, remote: 192.0.2.2, key: 0}\n");
	const struct gremc_config_tunnel *t = config->tunnels;

	(void)state;
	assert_int_equal(t[0].options.udp_port, 0);
	assert_int_equal(t[1].options.udp_port, 4754);
	assert_false(t[1].options.udp_checksum);
	assert_int_equal(t[2].options.udp_port, 65535);
	assert_true(t[2].options.udp_checksum);
	assert_int_equal(gremc_tunnel_overhead(&t[3].options), 36);
	gremc_config_free(config);
}

static void test_reads_tunnels(void **state)
{
	struct gremc_config *config = config_load_or_fail(PORTS TUNNELS);
	const struct gremc_config_tunnel *t = config->tunnels;

	(void)state;
	assert_int_equal(config->tunnel_count, 5);
	assert_string_equal(t[0].name, "gre1");
	assert_int_equal(t[0].options.local, ipv4_of_text("147.75.64.13"));
	assert_int_equal(t[0].options.remote, ipv4_of_text("147.75.69.141"));
	assert_int_equal(t[0].port, 3);
	assert_int_equal(t[0].options.ttl, 64);
	assert_int_equal(t[0].options.tos, 0);
	assert_int_equal(t[0].options.df, GREMC_DF_SET);
	assert_int_equal(t[0].options.mtu, 0);
	assert_int_equal(t[0].address.length, 0);
	assert_int_equal(t[0].address.address.ipv4, 0);
	assert_int_equal(t[0].peer.ipv4, 0);
	assert_false(t[0].options.has_input_key || t[0].options.has_output_key || t[0].options.tos_inherit ||
		     t[0].host);

	assert_true(t[1].options.has_input_key && t[1].options.has_output_key && t[1].host);
	assert_int_equal(t[1].options.input_key, 42);
	assert_int_equal(t[1].options.output_key, 42);
	assert_int_equal(t[1].options.ttl, 255);
	assert_int_equal(t[1].options.tos, 184);
	assert_int_equal(t[1].options.df, GREMC_DF_CLEAR);
	assert_int_equal(t[1].options.mtu, 1400);
	assert_int_equal(t[1].address.address.ipv4, ipv4_of_text("10.100.126.3"));
	assert_int_equal(t[1].address.length, 32);
	assert_int_equal(t[1].peer.ipv4, ipv4_of_text("10.88.152.3"));

	assert_int_equal(t[2].options.input_key, 0x01020304);
	assert_int_equal(t[2].options.output_key, UINT32_MAX);
	assert_int_equal(t[2].options.ttl, 0);
	assert_true(t[2].options.tos_inherit);
	assert_int_equal(t[2].options.df, GREMC_DF_INHERIT);
	assert_int_equal(t[2].address.length, 24);

	assert_false(t[3].options.has_input_key);
	assert_true(t[3].options.has_output_key);
	assert_int_equal(t[3].options.output_key, 16);
	assert_int_equal(t[3].options.tos, 184);
	assert_true(t[4].options.has_input_key && t[4].options.has_output_key); /* a key of 0 is a key */
	assert_int_equal(t[4].options.input_key, 0);
	gremc_config_free(config);
}

/* Every name of a DSCP, and numbers; DSCPs without an entry are those of `tos`. */
static void test_reads_marking(void **state)
{
	struct gremc_config *config = config_load_or_fail(
		"ethernets:\n"
		"  a: {device: d, vlan: 5, addresses: [192.0.2.1/24], pcp: {ef: 7, 0x0a: 3}}\n"
		"  b: {device: e, vlan: 5, pcp: dscp}\n"
		"  c: {device: f, vlan: 5, pcp: 6}\n"
		"  d: {device: g, vlan: 5}\n"
		"tunnels:\n"
		"  t: {local: 192.0.2.1, remote: 192.0.2.2, ecn: compatibility, tos: 8, dscp-map: &names {be: be,\n"
		"      le: le, cs1: cs1, cs2: cs2, cs3: cs3, cs4: cs4, cs5: cs5, cs6: cs6, cs7: cs7, af11: af11,\n"
		"      af12: af12, af13: af13, af21: af21, af22: af22, af23: af23, af31: af31, af32: af32,\n"
		"      af33: af33, af41: af41, af42: af42, af43: af43, va: va, ef: ef}}\n"
		"  u: {local: 192.0.2.1, remote: 192.0.2.3, dscp-map: {46: 0x22, cs0: df}, tos: inherit}\n"
		"  v: {local: 192.0.2.1, remote: 192.0.2.4, dscp-map: *names}\n");
	const struct gremc_config_tunnel *t = config->tunnels;

	(void)state;
	assert_int_equal(t[0].options.ecn, GREMC_ECN_COMPATIBILITY);
	assert_int_equal(t[1].options.ecn, GREMC_ECN_NORMAL);
	assert_true(t[0].options.has_dscp_map && t[1].options.has_dscp_map);
	/* the names are those of the DSCPs with a standard meaning: class selectors, AF, VA, EF and LE */
	for (unsigned dscp = 0; dscp < GREMC_DSCP_COUNT; dscp++) {
		const bool is_af = dscp % 2 == 0 && dscp >= 10 && dscp <= 38 && dscp % 8 != 0;
		const bool is_named = dscp % 8 == 0 || is_af || dscp == 1 || dscp == 44 || dscp == 46;

		assert_int_equal(t[0].options.dscp_map[dscp], is_named ? dscp : 2);
		assert_int_equal(t[1].options.dscp_map[dscp], dscp == 46 ? 34 : dscp);
		assert_int_equal(t[2].options.dscp_map[dscp], is_named ? dscp : 0);
		assert_int_equal(config->ports[0].pcp[dscp], dscp == 46 ? 7 : dscp == 10 ? 3 : 0);
		assert_int_equal(config->ports[1].pcp[dscp], dscp / 8);
		assert_int_equal(config->ports[2].pcp[dscp], 6);
		assert_int_equal(config->ports[3].pcp[dscp], 0);
	}
	gremc_config_free(config);
}

static void test_reads_mroutes(void **state)
{
	struct gremc_config *config =
		config_load_or_fail(MROUTES PORTS TUNNELS); /* the order of sections is free */
	const struct gremc_config_mroute *m = config->mroutes;

	(void)state;
	assert_int_equal(config->mroute_count, 4);
	assert_int_equal(m[0].source.ipv4, ipv4_of_text("10.1.1.1"));
	assert_int_equal(m[0].group.address.ipv4, ipv4_of_text("232.1.1.1"));
	assert_int_equal(m[0].group.length, 32);
	assert_false(m[0].from_any || m[0].to_all);
	assert_int_equal(m[0].from_count, 1);
	assert_int_equal(m[0].from[0], 0);
	assert_int_equal(m[0].to_count, 3);
	assert_int_equal(m[0].to[0], 1);
	assert_int_equal(m[0].to[1], 2);
	assert_int_equal(m[0].to[2], 5 + 2); /* lan0, behind the tunnels */
	assert_int_equal(m[1].source.ipv4, 0);
	assert_int_equal(m[1].group.length, 8);
	assert_true(m[1].from_any && m[1].to_all);
	assert_int_equal(m[1].from_count + m[1].to_count, 0);
	assert_int_equal(m[0].order, GREMC_ORDER_FIXED);
	assert_int_equal(m[1].order, GREMC_ORDER_ROTATE);
	assert_int_equal(m[2].order, GREMC_ORDER_FIXED);
	assert_int_equal(m[2].from[0], 7);
	assert_int_equal(m[2].to[0], 4);
	assert_true(m[3].from_any && m[3].to_all);
	assert_int_equal(m[3].group.length, 4);
	gremc_config_free(config);
}

/* Mroutes with one source and group are linked in the order of the file. */
static void test_links_mroutes_with_one_key(void **state)
{
	struct gremc_config *config = config_load_or_fail(
		PORTS TUNNELS "mroutes:\n"
			      "  - {group: 239.1.1.1, from: gre1, to: all}\n"
			      "  - {group: 239.1.1.1, source: 10.1.1.1, from: gre1, to: all}\n"
			      "  - {group: 239.1.1.1, from: [gre2, lan0], to: gre5}\n"
			      "  - {group: 239.1.1.0/24, from: gre1, to: all}\n"
			      "  - {group: 239.1.1.1, from: gre3, to: gre1}\n");
	const struct gremc_config_mroute *m = config->mroutes;

	(void)state;
	assert_int_equal(m[0].next, 2);
	assert_int_equal(m[2].next, 4);
	assert_int_equal(m[4].next, 0);
	assert_int_equal(m[1].next + m[3].next, 0);
	assert_true(m[2].is_branch && m[4].is_branch);
	assert_false(m[0].is_branch || m[1].is_branch || m[3].is_branch);
	gremc_config_free(config);
}

static void test_reads_settings(void **state)
{
	struct gremc_config *config = config_load_or_fail(PORTS);
	const struct gremc_config_settings *s = &config->settings;

	(void)state;
	assert_int_equal(s->copy_threshold, 256);
	assert_int_equal(s->tx_retries, 1000);
	assert_int_equal(s->rx_descriptors, 1024);
	assert_int_equal(s->tx_descriptors, 1024);
	assert_int_equal(s->max_sleep, 2000);
	assert_true(s->idle);
	gremc_config_free(config);

	config = config_load_or_fail(PORTS SETTINGS);
	s = &config->settings;
	assert_int_equal(s->copy_threshold, 0);
	assert_int_equal(s->tx_retries, 1000);
	assert_int_equal(s->rx_descriptors, 64);
	assert_int_equal(s->tx_descriptors, 32768);
	assert_int_equal(s->max_sleep, 20000);
	assert_false(s->idle);
	gremc_config_free(config);
}

static void test_accepts_netplan_and_yaml_syntax(void **state)
{
	struct gremc_config *config;

	(void)state;
	config = config_load_or_fail(
		"network:\n  version: 2\n  ethernets: {p: {device: d, addresses: [192.0.2.1/24]}}\n"
		"  tunnels: {g: {local: 192.0.2.1, remote: 192.0.2.2}}\n"
		"mroutes: [{group: 239.1.1.1, from: g, to: g}]\n");
	assert_int_equal(config->tunnel_count, 1);
	assert_int_equal(config->mroutes[0].to[0], 0);
	gremc_config_free(config);
	/* sections whose lines are all comments, and aliases */
	config = config_load_or_fail(
		"ethernets: {a: {device: d, multicast: true}, b: {device: e, multicast: true}}\n"
		"tunnels:\n  # none\nsettings:\nmroutes:\n"
		"  - {group: 239.1.1.1, from: any, to: &both [a, b]}\n"
		"  - {group: 239.1.1.2, from: any, to: *both}\n");
	assert_int_equal(config->mroutes[1].to_count, 2);
	gremc_config_free(config);
	/* a byte order mark, CRLF */
	config = config_load_or_fail("\xef\xbb\xbf"
				     "ethernets:\r\n  a: {device: d}\r\n");
	assert_string_equal(config->ports[0].device, "d");
	gremc_config_free(config);
}

/* ---- lookups and reload ---- */

static void test_finds_next_hops_and_neighbors(void **state)
{
	struct gremc_config *config = config_load_or_fail(PORTS);
	const struct gremc_config_port *lan0 = &config->ports[2], *bond0 = &config->ports[3];
	rte_be32_t next_hop = 0;

	(void)state;
	assert_int_equal(gremc_config_route_lookup(bond0, ipv4_of_text("192.0.2.77"), &next_hop), 0);
	assert_int_equal(next_hop, ipv4_of_text("192.0.2.77"));
	assert_int_equal(gremc_config_route_lookup(bond0, ipv4_of_text("10.1.255.255"), &next_hop), 0);
	assert_int_equal(next_hop, ipv4_of_text("192.0.2.16"));
	assert_int_equal(gremc_config_route_lookup(bond0, ipv4_of_text("10.2.0.0"), &next_hop), 0);
	assert_int_equal(next_hop, ipv4_of_text("192.0.2.8"));
	assert_int_equal(gremc_config_route_lookup(bond0, ipv4_of_text("147.75.64.14"), &next_hop), 0);
	assert_int_equal(next_hop, ipv4_of_text("147.75.64.12"));
	assert_int_equal(gremc_config_route_lookup(lan0, ipv4_of_text("10.2.0.0"), &next_hop), -ENETUNREACH);

	assert_int_equal(gremc_config_neighbor_find(bond0, ipv4_of_text("147.75.64.12"))->addr_bytes[5],
			 0x0c);
	assert_int_equal(gremc_config_neighbor_find(bond0, ipv4_of_text("192.0.2.2"))->addr_bytes[5], 2);
	assert_int_equal(gremc_config_neighbor_find(bond0, ipv4_of_text("192.0.2.200"))->addr_bytes[5], 0xc8);
	assert_null(gremc_config_neighbor_find(bond0, ipv4_of_text("192.0.2.3")));
	assert_null(gremc_config_neighbor_find(bond0, ipv4_of_text("255.255.255.255")));
	assert_null(gremc_config_neighbor_find(lan0, ipv4_of_text("192.0.2.2")));
	gremc_config_free(config);
}

static void restart_check_texts(const char *running_text, const char *wanted_text, const char *wanted_errors)
{
	struct gremc_config *running = config_load_or_fail(running_text),
			    *wanted = config_load_or_fail(wanted_text);
	struct gremc_errors errors = {0};
	unsigned count = gremc_config_restart_check(running, wanted, "f", &errors);

	assert_int_equal(count, errors.count);
	assert_string_equal(errors.text ? errors.text : "", wanted_errors);
	gremc_errors_fini(&errors);
	gremc_config_free(running);
	gremc_config_free(wanted);
}

static void test_reports_changes_that_need_a_restart(void **state)
{
	(void)state;
	restart_check_texts(PORTS TUNNELS MROUTES, PORTS TUNNELS MROUTES, "");
	restart_check_texts(PORTS TUNNELS MROUTES,
			    PORTS "settings: {idle: no, max-sleep: 1, copy-threshold: 1, tx-retries: 1}\n",
			    "");
	restart_check_texts(
		"ethernets: {a: {device: d}}\n",
		"ethernets: {a: {device: d, host: true, addresses: [192.0.2.1/24], gateway4: 192.0.2.2,\n"
		"  neighbors: {192.0.2.2: 02:00:00:00:00:02}}}\n",
		"");
	restart_check_texts("ethernets: {a: {device: d}}\n",
			    "ethernets: {a: {device: e, mtu: 1400, vlan: 5, multicast: yes}}\n",
			    "f: restart dpdk-gremc to change `device` of a\n"
			    "f: restart dpdk-gremc to change `mtu` of a\n"
			    "f: restart dpdk-gremc to change `vlan` of a\n"
			    "f: restart dpdk-gremc to change `multicast` of a\n");
	restart_check_texts("ethernets: {a: {device: d}, b: {device: e}}\n",
			    "ethernets: {b: {device: e}, a: {device: d}}\n",
			    "f: restart dpdk-gremc to change the ports from a, b to b, a\n");
	restart_check_texts(
		"ethernets: {a: {device: d}}\n", PORTS,
		"f: restart dpdk-gremc to change the ports from a to wan0, wan1, lan0, bond0, bond1\n");
	restart_check_texts("ethernets: {a: {device: d}, b: {device: e}}\n"
			    "bonds: {c: {interfaces: [a], parameters: {mode: 802.3ad}}}\n",
			    "ethernets: {a: {device: d}, b: {device: e}}\n"
			    "bonds: {c: {interfaces: [a, b], parameters: {mode: broadcast}}}\n",
			    "f: restart dpdk-gremc to change `interfaces` of c\n"
			    "f: restart dpdk-gremc to change `mode` of c\n");
	restart_check_texts(PORTS, PORTS SETTINGS,
			    "f: restart dpdk-gremc to change `rx-descriptors` from 1024 to 64\n"
			    "f: restart dpdk-gremc to change `tx-descriptors` from 1024 to 32768\n");
}

/* ---- files of the package ---- */

static void test_docs_contain_every_key(void **state)
{
	static const char begin[] = "<!-- keys: begin -->\n```text\n", end[] = "```\n<!-- keys: end -->";
	char *docs = read_source("docs/config.md"), *first = strstr(docs, begin), *last = strstr(docs, end),
	     *help;
	size_t size;
	FILE *out = open_memstream(&help, &size);

	(void)state;
	gremc_config_help(out);
	fclose(out);
	assert_non_null(first);
	assert_non_null(last);
	*last = '\0';
	if (strcmp(first + strlen(begin), help))
		fail_msg(
			"docs/config.md differs from the table of keys; put the output of --help-config between "
			"its markers:\n%s",
			help);
	free(help);
	free(docs);
}

/* Returns true if the man page contains the word; hyphens are escaped in roff. */
static bool man_page_has_word(const char *page, const char *word)
{
	const size_t length = strlen(word);

	for (const char *at = strstr(page, word); at; at = strstr(at + 1, word))
		if (strchr(" \n.,(\"`", at[-1]) && !isalnum((unsigned char)at[length]) && at[length] != '-')
			return true;
	return false;
}

static void test_man_page_contains_every_key(void **state)
{
	char *page = read_source("docs/man/dpdk-gremc.yaml.5"), *to = page;

	(void)state;
	for (const char *from = page; (*to = *from) != '\0'; from++)
		to += *from != '\\';
	for (const struct key *key = gremc_config_keys; key < gremc_config_keys + KEY_COUNT; key++)
		if (!man_page_has_word(page, key->name))
			fail_msg("dpdk-gremc.yaml.5 has no `%s`", key->name);
	free(page);
}

static void test_docs_example_loads(void **state)
{
	char *docs = read_source("docs/config.md"), *first = strstr(docs, "```yaml\n"), *last;

	(void)state;
	assert_non_null(first);
	first += strlen("```yaml\n");
	last = strstr(first, "```");
	assert_non_null(last);
	*last = '\0';
	gremc_config_free(config_load_or_fail(first));
	free(docs);
}

static void test_examples_load(void **state)
{
	static const char *const examples[] = {
		"config/two-sites.yaml", "config/hub.yaml",   "config/edge.yaml",   "config/lab.yaml",
		"config/igmp.yaml",      "config/proxy.yaml", "config/kernel.yaml", "config/shared-nic.yaml"};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(examples); i++) {
		char *path = source_path(examples[i]);
		struct gremc_errors errors = {0};
		struct gremc_config *config = gremc_config_load(path, NULL, &errors);

		if (config == NULL)
			fail_msg("%s", errors.text);
		/* an example is complete: each tunnel has a route to its remote */
		for (uint32_t j = 0; j < config->tunnel_count; j++) {
			const struct gremc_config_tunnel *tunnel = &config->tunnels[j];
			const struct gremc_config_port *port = &config->ports[tunnel->port];
			rte_be32_t next_hop;

			if (port->interface[0])
				continue; /* a route of the kernel */
			assert_int_equal(gremc_config_route_lookup(port, tunnel->options.remote, &next_hop),
					 0);
			assert_true(port->host || gremc_config_neighbor_find(port, next_hop));
		}
		assert_true(config->mroute_count > 0 || config->kernel_mroutes || config->tunnels[0].igmp);
		gremc_config_free(config);
		free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_ports),
		cmocka_unit_test(test_reads_routes_and_neighbors),
		cmocka_unit_test(test_reads_bond_modes),
		cmocka_unit_test(test_reads_liveness),
		cmocka_unit_test(test_reads_gre_in_udp),
		cmocka_unit_test(test_reads_tunnels),
		cmocka_unit_test(test_reads_marking),
		cmocka_unit_test(test_reads_mroutes),
		cmocka_unit_test(test_links_mroutes_with_one_key),
		cmocka_unit_test(test_reads_settings),
		cmocka_unit_test(test_accepts_netplan_and_yaml_syntax),
		cmocka_unit_test(test_finds_next_hops_and_neighbors),
		cmocka_unit_test(test_reports_changes_that_need_a_restart),
		cmocka_unit_test(test_docs_contain_every_key),
		cmocka_unit_test(test_man_page_contains_every_key),
		cmocka_unit_test(test_docs_example_loads),
		cmocka_unit_test(test_examples_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
