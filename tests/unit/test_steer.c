/* SPDX-License-Identifier: BSD-3-Clause */
/* The traffic of shared ports. No virtual device has flow rules, so the test replaces rte_flow. */
#include "port_world.h"

#include <netinet/in.h>

#include <rte_flow.h>

#include "port/steering.h"
#include "steer/set_priv.h"

/* ---- a fake device with flow rules ---- */

#define RULES 64

struct rule_copy {
	bool used;
	rte_be32_t address, mask, source;
	uint8_t protocol;
	uint16_t vlan; /* 0: no VLAN item */
	bool gre, rss;
	bool type; /* the GRE item matches IPv4, and a key or none */
	bool has_key;
	uint32_t key;
	uint32_t level, queues;
};

static struct {
	bool real; /* use the library's functions */
	bool isolated;
	bool no_gre, no_inner, no_rss, no_type, no_key, no_pair; /* missing capabilities */
	unsigned free;                                           /* space for rules */
	struct rule_copy rule_copy[RULES];
} device;

static int flow_refuse(struct rte_flow_error *error, const char *message)
{
	*error = (struct rte_flow_error){.type = RTE_FLOW_ERROR_TYPE_UNSPECIFIED, .message = message};
	rte_errno = ENOTSUP;
	return -ENOTSUP;
}

/* The linker replaces the library's functions by these (--wrap). */
int __real_rte_flow_isolate(uint16_t port, int set, struct rte_flow_error *error);
int __wrap_rte_flow_isolate(uint16_t port, int set, struct rte_flow_error *error);
int __wrap_rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
			     const struct rte_flow_item *items, const struct rte_flow_action *actions,
			     struct rte_flow_error *error);
struct rte_flow *__wrap_rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
					const struct rte_flow_item *items,
					const struct rte_flow_action *actions, struct rte_flow_error *error);
int __wrap_rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error);

int __wrap_rte_flow_isolate(uint16_t port, int set, struct rte_flow_error *error)
{
	if (device.real)
		return __real_rte_flow_isolate(port, set, error);
	device.isolated = set;
	return 0;
}

static struct rule_copy rule_read(const struct rte_flow_item *item, const struct rte_flow_action *actions)
{
	struct rule_copy rule_copy = {.used = true};

	assert_int_equal(item->type, RTE_FLOW_ITEM_TYPE_ETH);
	for (item++; item->type != RTE_FLOW_ITEM_TYPE_END; item++) {
		if (item->type == RTE_FLOW_ITEM_TYPE_VLAN) {
			const struct rte_flow_item_vlan *spec = item->spec, *mask = item->mask;

			assert_int_equal(mask->tci, RTE_BE16(0x0fff));
			rule_copy.vlan = rte_be_to_cpu_16(spec->tci);
		} else if (item->type == RTE_FLOW_ITEM_TYPE_IPV4) {
			const struct rte_flow_item_ipv4 *spec = item->spec, *mask = item->mask;

			assert_int_equal(mask->hdr.next_proto_id, 0xff);
			rule_copy.address = spec->hdr.dst_addr;
			rule_copy.mask = mask->hdr.dst_addr;
			rule_copy.source = spec->hdr.src_addr;
			assert_int_equal(mask->hdr.src_addr, rule_copy.source ? UINT32_MAX : 0);
			rule_copy.protocol = spec->hdr.next_proto_id;
		} else if (item->type == RTE_FLOW_ITEM_TYPE_GRE_KEY) {
			assert_true(rule_copy.has_key);
			assert_int_equal(*(const rte_be32_t *)item->mask, UINT32_MAX);
			rule_copy.key = rte_be_to_cpu_32(*(const rte_be32_t *)item->spec);
		} else {
			const struct rte_flow_item_gre *spec = item->spec, *mask = item->mask;

			assert_int_equal(item->type, RTE_FLOW_ITEM_TYPE_GRE);
			rule_copy.gre = true;
			rule_copy.type = spec != NULL;
			if (spec == NULL)
				continue;
			assert_int_equal(spec->protocol, RTE_BE16(0x0800));
			assert_int_equal(mask->protocol, UINT16_MAX);
			assert_int_equal(mask->c_rsvd0_ver, RTE_BE16(0x2000));
			rule_copy.has_key = spec->c_rsvd0_ver != 0;
		}
	}
	rule_copy.queues = 1;
	rule_copy.rss = actions[0].type == RTE_FLOW_ACTION_TYPE_RSS;
	if (rule_copy.rss) {
		const struct rte_flow_action_rss *rss = actions[0].conf;

		rule_copy.level = rss->level;
		rule_copy.queues = rss->queue_num;
		for (uint32_t i = 0; i < rss->queue_num; i++)
			assert_int_equal(rss->queue[i], i);
	} else {
		assert_int_equal(actions[0].type, RTE_FLOW_ACTION_TYPE_QUEUE);
	}
	assert_int_equal(actions[1].type, RTE_FLOW_ACTION_TYPE_END);
	return rule_copy;
}

static int rule_check(const struct rule_copy *rule_copy, struct rte_flow_error *error)
{
	if (device.no_gre && rule_copy->gre)
		return flow_refuse(error, "no GRE item");
	if (device.no_type && rule_copy->type)
		return flow_refuse(error, "no GRE fields");
	if (device.no_key && rule_copy->has_key)
		return flow_refuse(error, "no GRE key");
	if (device.no_pair && rule_copy->source && rule_copy->protocol == IPPROTO_GRE)
		return flow_refuse(error, "one address only");
	if (device.no_inner && rule_copy->level > 1)
		return flow_refuse(error, "no inner RSS");
	if (device.no_rss && rule_copy->rss)
		return flow_refuse(error, "no RSS");
	return device.free ? 0 : flow_refuse(error, "the table is full");
}

int __wrap_rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
			     const struct rte_flow_item *items, const struct rte_flow_action *actions,
			     struct rte_flow_error *error)
{
	struct rule_copy rule_copy = rule_read(items, actions);

	RTE_SET_USED(port);
	assert_true(attr->ingress);
	return rule_check(&rule_copy, error);
}

struct rte_flow *__wrap_rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
					const struct rte_flow_item *items,
					const struct rte_flow_action *actions, struct rte_flow_error *error)
{
	struct rule_copy rule_copy = rule_read(items, actions);

	RTE_SET_USED(port);
	assert_true(attr->ingress);
	assert_true(device.isolated);
	if (rule_check(&rule_copy, error))
		return NULL;
	for (unsigned i = 0; i < RULES; i++) {
		if (device.rule_copy[i].used)
			continue;
		device.free--;
		device.rule_copy[i] = rule_copy;
		return (struct rte_flow *)&device.rule_copy[i];
	}
	fail();
	return NULL;
}

int __wrap_rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error)
{
	struct rule_copy *rule_copy = (struct rule_copy *)flow;

	RTE_SET_USED(port);
	RTE_SET_USED(error);
	assert_true(rule_copy->used);
	device.free++;
	rule_copy->used = false;
	return 0;
}

static unsigned rules_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < RULES; i++)
		count += device.rule_copy[i].used;
	return count;
}

static const struct rule_copy *rule_find(const char *text)
{
	struct gremc_prefix prefix;

	assert_int_equal(gremc_prefix_parse(text, &prefix, NULL), 0);
	for (unsigned i = 0; i < RULES; i++)
		if (device.rule_copy[i].used && device.rule_copy[i].address == prefix.address.ipv4 &&
		    device.rule_copy[i].mask == gremc_ipv4_mask(prefix.length))
			return &device.rule_copy[i];
	return NULL;
}

/* ---- a configuration ---- */

static struct gremc_config_tunnel steer_tunnels[4];
static struct gremc_config_mroute steer_mroutes[4];

static int steer_set_up(void **state)
{
	memset(&device, 0, sizeof(device));
	device.free = RULES;
	memset(steer_tunnels, 0, sizeof(steer_tunnels));
	memset(steer_mroutes, 0, sizeof(steer_mroutes));
	port_world_set_up(state);
	config.tunnels = steer_tunnels;
	config.mroutes = steer_mroutes;
	return 0;
}

static rte_be32_t address_parse(const char *text)
{
	rte_be32_t address;

	assert_int_equal(gremc_ipv4_parse(text, &address), 0);
	return address;
}

static void config_add_tunnel(const char *local)
{
	struct gremc_config_tunnel *tunnel = &steer_tunnels[config.tunnel_count++];

	tunnel->options.local = address_parse(local);
	tunnel->options.remote = address_parse("198.51.100.1");
}

static void config_add_keyed_tunnel(const char *local, uint32_t key)
{
	config_add_tunnel(local);
	steer_tunnels[config.tunnel_count - 1].options.has_input_key = true;
	steer_tunnels[config.tunnel_count - 1].options.input_key = key;
}

/* from: the number of a vif; UINT32_MAX: any. */
static void config_add_mroute(const char *group, uint32_t from)
{
	static uint32_t vif[RTE_DIM(steer_mroutes)];
	struct gremc_config_mroute *mroute = &steer_mroutes[config.mroute_count];

	assert_int_equal(gremc_prefix_parse(group, &mroute->group, NULL), 0);
	vif[config.mroute_count++] = from;
	mroute->from_any = from == UINT32_MAX;
	mroute->from = mroute->from_any ? NULL : &vif[config.mroute_count - 1];
	mroute->from_count = !mroute->from_any;
}

static struct gremc_config_port *isolated_port_add(unsigned queues)
{
	struct gremc_config_port *port;

	vdev_plug_pcap("net_pcap0", queues, 1);
	port = add_port("wan", "net_pcap0");
	port->isolate = true;
	return port;
}

/* ---- the set ---- */

static void test_set_is_sorted_without_duplicates(void **state)
{
	const struct gremc_steer_group group = {GREMC_PREFIX_IPV4(address_parse("239.1.0.0"), 16), 0},
				       longer = {GREMC_PREFIX_IPV4(address_parse("239.1.0.0"), 24), 0},
				       flow = {GREMC_PREFIX_IPV4(address_parse("239.2.2.2"), 32),
					       address_parse("10.1.1.1")},
				       any = {flow.group, 0};
	struct gremc_steer_tunnel tunnel = {.local = address_parse("10.0.0.1"),
					    .remote = address_parse("198.51.100.1")};
	struct gremc_steer_set steer;

	RTE_SET_USED(state);
	add_port("a", "x")->multicast = true;
	add_port("b", "y");
	for (unsigned i = 0; i < 3; i++)
		config_add_tunnel(i % 2 ? "10.0.0.1" : "9.0.0.2");
	config_add_keyed_tunnel("10.0.0.1", 7);
	config_add_mroute("239.1.0.0/16", UINT32_MAX);
	config_add_mroute("239.2.2.2", 4 + 0); /* a */
	config_add_mroute("239.2.2.2", 4 + 0);
	steer_mroutes[1].source = steer_mroutes[2].source = gremc_addr_from_ipv4(flow.source);
	config_add_mroute("239.3.3.3", 4 + 1); /* b */
	assert_int_equal(gremc_steer_set_init(&steer, &config, 0), 0);
	assert_int_equal(steer.tunnel_count, 3);
	assert_int_equal(steer.tunnels[0].local, address_parse("9.0.0.2"));
	assert_false(steer.tunnels[1].has_key);
	assert_true(steer.tunnels[2].has_key);
	assert_true(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_TUNNEL));
	tunnel.has_key = true;
	assert_false(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_TUNNEL));
	assert_true(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_ADDRESSES));
	tunnel.key = 7;
	assert_true(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_TUNNEL));
	tunnel.key = 8;
	assert_false(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_TUNNEL));
	tunnel.remote = address_parse("198.51.100.2");
	assert_false(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_ADDRESSES));
	assert_true(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_LOCAL));
	tunnel.local = address_parse("10.0.0.2");
	assert_false(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_LOCAL));
	assert_int_equal(steer.group_count, 2);
	assert_true(gremc_steer_set_has_group(&steer, &group));
	assert_false(gremc_steer_set_has_group(&steer, &longer));
	assert_true(gremc_steer_set_has_group(&steer, &flow));
	assert_false(gremc_steer_set_has_group(&steer, &any));
	gremc_steer_set_fini(&steer);
	/* a port without native multicast takes no group */
	assert_int_equal(gremc_steer_set_init(&steer, &config, 1), 0);
	assert_int_equal(steer.tunnel_count, 3);
	assert_int_equal(steer.group_count, 0);
	gremc_steer_set_fini(&steer);
	config.tunnel_count = config.mroute_count = 0;
	assert_int_equal(gremc_steer_set_init(&steer, &config, 0), 0);
	assert_int_equal(steer.tunnel_count, 0);
	assert_false(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_LOCAL));
	gremc_steer_set_fini(&steer);
}

/* ---- flow rules ---- */

static void test_rules_follow_the_configuration(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	isolated_port_add(2)->multicast = true;
	config_add_tunnel("192.0.2.1");
	config_add_tunnel("192.0.2.2");
	config_add_tunnel("192.0.2.1");
	config_add_mroute("239.0.0.0/8", 3 + 0);
	open = open_ports(2);
	assert_true(device.isolated);
	assert_int_equal(rules_count(), 0);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(rules_count(), 3);
	assert_int_equal(rule_find("192.0.2.1")->protocol, IPPROTO_GRE);
	assert_true(rule_find("192.0.2.1")->type);
	assert_int_equal(rule_find("192.0.2.1")->source, address_parse("198.51.100.1"));
	assert_int_equal(rule_find("192.0.2.1")->level, 2);
	assert_int_equal(rule_find("192.0.2.1")->queues, 2);
	assert_int_equal(rule_find("192.0.2.1")->vlan, 0);
	assert_int_equal(rule_find("239.0.0.0/8")->protocol, IPPROTO_UDP);
	assert_false(rule_find("239.0.0.0/8")->gre);
	/* the add step adds the new rule, the trim step removes the old one */
	steer_tunnels[1].options.local = address_parse("192.0.2.3");
	config.mroute_count = 0;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(rules_count(), 4);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(rules_count(), 2);
	assert_non_null(rule_find("192.0.2.3"));
	assert_null(rule_find("192.0.2.2"));
	assert_int_equal(gremc_ports_close(open), 0);
	assert_int_equal(rules_count(), 0);
}

static void test_rule_matches_the_vlan_of_the_port(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	isolated_port_add(1)->vlan = 100;
	config_add_tunnel("192.0.2.1");
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(rule_find("192.0.2.1")->vlan, 100);
	/* one queue needs no RSS */
	assert_false(rule_find("192.0.2.1")->rss);
	gremc_ports_close(open);
}

/* Open a port with two queues and two tunnels, and check the form of the rules and the warning. */
static void style_check(const struct rule_copy *expected, const char *warning)
{
	const struct rule_copy *rule;
	struct gremc_ports *open;

	isolated_port_add(2);
	config_add_tunnel("192.0.2.1");
	config_add_tunnel("192.0.2.2");
	open = open_ports(2);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(rules_count(), 2);
	rule = rule_find("192.0.2.2");
	assert_int_equal(rule->gre, expected->gre);
	assert_int_equal(rule->rss, expected->rss);
	assert_int_equal(rule->level, expected->level);
	assert_logged(warning);
	gremc_ports_close(open);
}

static void test_device_without_inner_rss_uses_outer_rss(void **state)
{
	RTE_SET_USED(state);
	device.no_inner = true;
	style_check(&(struct rule_copy){.gre = true, .rss = true}, "RSS sees outer headers only");
}

static void test_device_without_gre_item_gets_rules_without_it(void **state)
{
	RTE_SET_USED(state);
	device.no_gre = true;
	style_check(&(struct rule_copy){.rss = true}, "RSS sees outer headers only");
}

static void test_device_without_rss_uses_queue_0(void **state)
{
	RTE_SET_USED(state);
	device.no_rss = true;
	style_check(&(struct rule_copy){.gre = true}, "all packets arrive in queue 0");
}

/* ---- matches of tunnels ---- */

/* Open a port with two tunnels between the same addresses, one of them with a key, and a third from another
 * address. */
static struct gremc_ports *three_tunnels_open(void)
{
	struct gremc_ports *open;

	isolated_port_add(1);
	config_add_tunnel("192.0.2.1");
	config_add_keyed_tunnel("192.0.2.1", 7);
	config_add_tunnel("192.0.2.1");
	steer_tunnels[2].options.remote = address_parse("198.51.100.2");
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	return open;
}

static unsigned keyed_rules_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < RULES; i++)
		count += device.rule_copy[i].used && device.rule_copy[i].has_key &&
			 device.rule_copy[i].key == 7;
	return count;
}

static void test_each_tunnel_has_a_rule(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	open = three_tunnels_open();
	assert_int_equal(rules_count(), 3);
	assert_int_equal(keyed_rules_count(), 1);
	/* a removed tunnel loses its rule, the others keep theirs */
	config.tunnel_count = 1;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(rules_count(), 1);
	assert_false(rule_find("192.0.2.1")->has_key);
	gremc_ports_close(open);
}

/* A device that cannot match keys delivers all GRE between the addresses, with a warning. */
static void test_device_without_keys_gets_rules_of_addresses(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.no_key = true;
	open = three_tunnels_open();
	assert_logged("it delivers all GRE between the addresses of a tunnel");
	assert_int_equal(rules_count(), 2);
	assert_int_equal(keyed_rules_count(), 0);
	assert_true(rule_find("192.0.2.1")->source);
	/* another tunnel has the addresses of the removed one */
	steer_tunnels[1] = steer_tunnels[2];
	config.tunnel_count = 2;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(rules_count(), 2);
	config.tunnel_count = 1;
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(rules_count(), 1);
	gremc_ports_close(open);
}

static void test_device_without_pairs_gets_rules_of_local_addresses(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.no_type = device.no_pair = true;
	open = three_tunnels_open();
	assert_logged("it delivers all GRE to the `local` of a tunnel");
	assert_int_equal(rules_count(), 1);
	assert_int_equal(rule_find("192.0.2.1")->source, 0);
	gremc_ports_close(open);
}

static void test_full_table_at_start_gets_wider_rules(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.free = 1;
	open = three_tunnels_open();
	assert_logged("(the table is full): it delivers all GRE to the `local` of a tunnel");
	assert_int_equal(rules_count(), 1);
	gremc_ports_close(open);
}

static void test_full_table_at_reload_gets_wider_rules(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.free = 4;
	open = three_tunnels_open();
	assert_int_equal(rules_count(), 3);
	config_add_keyed_tunnel("192.0.2.1", 8);
	steer_tunnels[0].options.remote = address_parse("198.51.100.3");
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	assert_logged("it delivers all GRE to the `local` of a tunnel");
	assert_int_equal(rules_count(), 1);
	assert_int_equal(rule_find("192.0.2.1")->source, 0);
	gremc_ports_close(open);
}

static void test_full_table_refuses_the_reload(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	isolated_port_add(1);
	config_add_tunnel("192.0.2.1");
	device.free = 1;
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	/* the reload is refused, and the old rules stay */
	config_add_tunnel("192.0.2.2");
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), -ENOTSUP);
	assert_non_null(strstr(
		errors.text,
		"ethernets.wan: cannot steer 2 tunnels and 0 groups to `net_pcap0`: the table is full"));
	config.tunnel_count = 1;
	gremc_ports_steer_trim(open, &config);
	assert_non_null(rule_find("192.0.2.1"));
	gremc_ports_close(open);
}

/* ---- restarts ---- */

/* A reload while the device restarts changes the rules that the restart adds. */
static void test_restart_adds_the_rules_of_a_reload(void **state)
{
	struct gremc_steer_device wan = {.port = "wan", .name = "net_x", .rx_queues = 1};
	struct gremc_config_port *port = add_port("wan", "net_x");
	struct gremc_steer *steer;

	RTE_SET_USED(state);
	port->isolate = true;
	config_add_tunnel("192.0.2.1");
	assert_int_equal(gremc_steer_open(port, &steer, &errors), 0);
	assert_int_equal(gremc_steer_isolate(steer, &wan, &errors), 0);
	assert_int_equal(gremc_steer_add(steer, &wan, &config, 0, &errors), 0);
	assert_int_equal(gremc_steer_trim(steer, &wan, &config, 0), 0);
	assert_non_null(rule_find("192.0.2.1"));
	gremc_steer_halt(steer);
	assert_int_equal(rules_count(), 0);
	config.tunnel_count = 0;
	config_add_tunnel("192.0.2.2");
	assert_int_equal(gremc_steer_add(steer, &wan, &config, 0, &errors), 0);
	assert_int_equal(gremc_steer_trim(steer, &wan, &config, 0), 0);
	assert_int_equal(rules_count(), 0);
	assert_int_equal(gremc_steer_isolate(steer, &wan, &errors), 0);
	assert_int_equal(gremc_steer_restore(steer, &wan), 0);
	assert_int_equal(rules_count(), 1);
	assert_non_null(rule_find("192.0.2.2"));
	gremc_steer_close(steer);
	assert_int_equal(rules_count(), 0);
}

/* ---- groups of mroutes of other origins ---- */

static struct gremc_steer_group group_parse(const char *text)
{
	struct gremc_steer_group group = {0};

	assert_int_equal(gremc_prefix_parse(text, &group.group, NULL), 0);
	return group;
}

static struct gremc_ports *two_groups_open(void)
{
	struct gremc_ports *open;

	isolated_port_add(1)->multicast = true;
	config_add_mroute("239.1.1.1", UINT32_MAX);
	config_add_mroute("239.2.2.2", UINT32_MAX);
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(rules_count(), 2);
	return open;
}

static void test_rules_follow_mroutes_of_other_origins(void **state)
{
	const struct gremc_steer_group groups[] = {group_parse("239.9.9.9"), group_parse("239.1.1.1"),
						   group_parse("239.9.9.9"), group_parse("239.8.0.0/16")};
	struct gremc_ports *open;

	RTE_SET_USED(state);
	open = two_groups_open();
	gremc_ports_steer_groups(open, 0, groups, RTE_DIM(groups));
	assert_int_equal(rules_count(), 4);
	assert_int_equal(rule_find("239.9.9.9")->protocol, IPPROTO_UDP);
	assert_non_null(rule_find("239.8.0.0/16"));
	/* a reload keeps them, also one that the configuration no longer has */
	steer_mroutes[0] = steer_mroutes[1];
	config.mroute_count = 1;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(rules_count(), 4);
	/* rules of removed groups are destroyed, except those of the configuration */
	gremc_ports_steer_groups(open, 0, groups, 1);
	assert_int_equal(rules_count(), 2);
	assert_non_null(rule_find("239.2.2.2"));
	assert_non_null(rule_find("239.9.9.9"));
	gremc_ports_steer_groups(open, 0, groups, 0);
	assert_int_equal(rules_count(), 1);
	assert_int_equal(gremc_ports_close(open), 0);
	assert_int_equal(rules_count(), 0);
}

static void test_each_source_of_a_group_has_a_rule(void **state)
{
	const struct gremc_steer_group groups[] = {
		{group_parse("239.9.9.9").group, address_parse("10.1.1.1")},
		{group_parse("239.9.9.9").group, address_parse("10.1.1.2")},
		group_parse("239.9.9.9")};
	struct gremc_ports *open;

	RTE_SET_USED(state);
	open = two_groups_open();
	gremc_ports_steer_groups(open, 0, groups, 1);
	assert_int_equal(rules_count(), 3);
	assert_int_equal(rule_find("239.9.9.9")->source, address_parse("10.1.1.1"));
	assert_int_equal(rule_find("239.1.1.1")->source, 0);
	gremc_ports_steer_groups(open, 0, groups, 3);
	assert_int_equal(rules_count(), 5);
	gremc_ports_steer_groups(open, 0, groups + 1, 1);
	assert_int_equal(rules_count(), 3);
	assert_int_equal(rule_find("239.9.9.9")->source, address_parse("10.1.1.2"));
	/* a flow rule cannot pass a single packet */
	assert_false(gremc_ports_steer_pass(open, 0, &groups[1]));
	assert_int_equal(gremc_ports_close(open), 0);
}

static void test_groups_that_do_not_fit_are_retried(void **state)
{
	const struct gremc_steer_group groups[] = {group_parse("239.7.7.7"), group_parse("239.8.8.8")};
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.free = 3;
	open = two_groups_open();
	gremc_ports_steer_groups(open, 0, groups, 2);
	assert_logged("cannot take all of the 2 groups of mroutes that accept the port: the table is full");
	assert_int_equal(rules_count(), 3);
	/* with space again, the next change adds all */
	device.free = 1;
	gremc_ports_steer_groups(open, 0, groups, 2);
	assert_int_equal(rules_count(), 4);
	gremc_ports_close(open);
}

/* ---- devices without the capability ---- */

static void test_device_without_isolation_is_refused(void **state)
{
	RTE_SET_USED(state);
	device.real = true;
	vdev_plug("net_null0", NULL);
	add_port("wan", "net_null0")->isolate = true;
	assert_refused(
		1,
		"ethernets.wan: `net_null0` (driver net_null) cannot be shared with the kernel by `isolate`");
}

static void test_missing_interface_is_refused(void **state)
{
	struct gremc_config_port *port = add_port("wan", "net_af_xdp_nowhere");

	RTE_SET_USED(state);
	strcpy(port->interface, "nowhere");
	assert_refused(1,
		       GREMC_TEST_XDP ? "the kernel has no interface `nowhere`" : "was built without AF_XDP");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_set_is_sorted_without_duplicates, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_rules_follow_the_configuration, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_rule_matches_the_vlan_of_the_port, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_device_without_inner_rss_uses_outer_rss, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_device_without_gre_item_gets_rules_without_it,
						steer_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_device_without_rss_uses_queue_0, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_each_tunnel_has_a_rule, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_device_without_keys_gets_rules_of_addresses,
						steer_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_device_without_pairs_gets_rules_of_local_addresses,
						steer_set_up, port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_full_table_at_start_gets_wider_rules, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_full_table_at_reload_gets_wider_rules, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_full_table_refuses_the_reload, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_restart_adds_the_rules_of_a_reload, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_rules_follow_mroutes_of_other_origins, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_each_source_of_a_group_has_a_rule, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_groups_that_do_not_fit_are_retried, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_device_without_isolation_is_refused, steer_set_up,
						port_world_tear_down),
		cmocka_unit_test_setup_teardown(test_missing_interface_is_refused, steer_set_up,
						port_world_tear_down),
	};

	return port_world_run("steer", tests, RTE_DIM(tests), "512", "(0-3)@(0-1)");
}
