/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports that the kernel keeps: what is ours, flow rules on a device that has them (rte_flow is answered here,
 * for no virtual device has them), and what is said by devices that have not. */
#include "port_world.h"

#include <netinet/in.h>

#include <rte_flow.h>

#include "port/steering.h"
#include "steer/set_priv.h"

/* ---- a device with flow rules, in the place of rte_flow ---- */

#define RULES 64

struct told {
	bool used;
	rte_be32_t address, mask, source;
	uint8_t protocol;
	uint16_t vlan; /* 0: no VLAN item */
	bool gre, rss;
	bool type; /* the GRE item asks for IPv4, and for a key or none */
	bool has_key;
	uint32_t key;
	uint32_t level, queues;
};

static struct {
	bool real; /* the library's own answers */
	bool isolated;
	bool no_gre, no_inner, no_rss, no_type, no_key, no_pair; /* what it cannot do */
	unsigned room;                                           /* rules that it takes */
	struct told told[RULES];
} device;

static int refuse(struct rte_flow_error *error, const char *message)
{
	*error = (struct rte_flow_error){.type = RTE_FLOW_ERROR_TYPE_UNSPECIFIED, .message = message};
	rte_errno = ENOTSUP;
	return -ENOTSUP;
}

/* The linker puts these before the library's (--wrap). */
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

static struct told read_rule(const struct rte_flow_item *item, const struct rte_flow_action *actions)
{
	struct told told = {.used = true};

	assert_int_equal(item->type, RTE_FLOW_ITEM_TYPE_ETH);
	for (item++; item->type != RTE_FLOW_ITEM_TYPE_END; item++) {
		if (item->type == RTE_FLOW_ITEM_TYPE_VLAN) {
			const struct rte_flow_item_vlan *spec = item->spec, *mask = item->mask;

			assert_int_equal(mask->tci, RTE_BE16(0x0fff));
			told.vlan = rte_be_to_cpu_16(spec->tci);
		} else if (item->type == RTE_FLOW_ITEM_TYPE_IPV4) {
			const struct rte_flow_item_ipv4 *spec = item->spec, *mask = item->mask;

			assert_int_equal(mask->hdr.next_proto_id, 0xff);
			told.address = spec->hdr.dst_addr;
			told.mask = mask->hdr.dst_addr;
			told.source = spec->hdr.src_addr;
			assert_int_equal(mask->hdr.src_addr, told.source ? UINT32_MAX : 0);
			told.protocol = spec->hdr.next_proto_id;
		} else if (item->type == RTE_FLOW_ITEM_TYPE_GRE_KEY) {
			assert_true(told.has_key);
			assert_int_equal(*(const rte_be32_t *)item->mask, UINT32_MAX);
			told.key = rte_be_to_cpu_32(*(const rte_be32_t *)item->spec);
		} else {
			const struct rte_flow_item_gre *spec = item->spec, *mask = item->mask;

			assert_int_equal(item->type, RTE_FLOW_ITEM_TYPE_GRE);
			told.gre = true;
			told.type = spec != NULL;
			if (spec == NULL)
				continue;
			assert_int_equal(spec->protocol, RTE_BE16(0x0800));
			assert_int_equal(mask->protocol, UINT16_MAX);
			assert_int_equal(mask->c_rsvd0_ver, RTE_BE16(0x2000));
			told.has_key = spec->c_rsvd0_ver != 0;
		}
	}
	told.queues = 1;
	told.rss = actions[0].type == RTE_FLOW_ACTION_TYPE_RSS;
	if (told.rss) {
		const struct rte_flow_action_rss *rss = actions[0].conf;

		told.level = rss->level;
		told.queues = rss->queue_num;
		for (uint32_t i = 0; i < rss->queue_num; i++)
			assert_int_equal(rss->queue[i], i);
	} else {
		assert_int_equal(actions[0].type, RTE_FLOW_ACTION_TYPE_QUEUE);
	}
	assert_int_equal(actions[1].type, RTE_FLOW_ACTION_TYPE_END);
	return told;
}

static int judge(const struct told *told, struct rte_flow_error *error)
{
	if (device.no_gre && told->gre)
		return refuse(error, "no GRE item");
	if (device.no_type && told->type)
		return refuse(error, "no GRE fields");
	if (device.no_key && told->has_key)
		return refuse(error, "no GRE key");
	if (device.no_pair && told->source && told->protocol == IPPROTO_GRE)
		return refuse(error, "one address only");
	if (device.no_inner && told->level > 1)
		return refuse(error, "no inner RSS");
	if (device.no_rss && told->rss)
		return refuse(error, "no RSS");
	return device.room ? 0 : refuse(error, "the table is full");
}

int __wrap_rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
			     const struct rte_flow_item *items, const struct rte_flow_action *actions,
			     struct rte_flow_error *error)
{
	struct told told = read_rule(items, actions);

	RTE_SET_USED(port);
	assert_true(attr->ingress);
	return judge(&told, error);
}

struct rte_flow *__wrap_rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
					const struct rte_flow_item *items,
					const struct rte_flow_action *actions, struct rte_flow_error *error)
{
	struct told told = read_rule(items, actions);

	RTE_SET_USED(port);
	assert_true(attr->ingress);
	assert_true(device.isolated);
	if (judge(&told, error))
		return NULL;
	for (unsigned i = 0; i < RULES; i++) {
		if (device.told[i].used)
			continue;
		device.room--;
		device.told[i] = told;
		return (struct rte_flow *)&device.told[i];
	}
	fail();
	return NULL;
}

int __wrap_rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error)
{
	struct told *told = (struct told *)flow;

	RTE_SET_USED(port);
	RTE_SET_USED(error);
	assert_true(told->used);
	device.room++;
	told->used = false;
	return 0;
}

static unsigned count_rules(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < RULES; i++)
		count += device.told[i].used;
	return count;
}

static const struct told *rule_for(const char *text)
{
	struct gremc_prefix prefix;

	assert_int_equal(gremc_prefix_parse(text, &prefix, NULL), 0);
	for (unsigned i = 0; i < RULES; i++)
		if (device.told[i].used && device.told[i].address == prefix.address &&
		    device.told[i].mask == gremc_netmask(prefix.length))
			return &device.told[i];
	return NULL;
}

/* ---- a configuration ---- */

static struct gremc_config_tunnel tunnels[4];
static struct gremc_config_mroute mroutes[4];

static int set_up(void **state)
{
	memset(&device, 0, sizeof(device));
	device.room = RULES;
	memset(tunnels, 0, sizeof(tunnels));
	memset(mroutes, 0, sizeof(mroutes));
	setup(state);
	config.tunnels = tunnels;
	config.mroutes = mroutes;
	return 0;
}

static rte_be32_t address_of(const char *text)
{
	rte_be32_t address;

	assert_int_equal(gremc_ipv4_parse(text, &address), 0);
	return address;
}

static void add_tunnel(const char *local)
{
	struct gremc_config_tunnel *tunnel = &tunnels[config.tunnel_count++];

	tunnel->options.local = address_of(local);
	tunnel->options.remote = address_of("198.51.100.1");
}

static void add_keyed(const char *local, uint32_t key)
{
	add_tunnel(local);
	tunnels[config.tunnel_count - 1].options.has_input_key = true;
	tunnels[config.tunnel_count - 1].options.input_key = key;
}

/* from: a vif's number; UINT32_MAX: any. */
static void add_mroute(const char *group, uint32_t from)
{
	static uint32_t vif[RTE_DIM(mroutes)];
	struct gremc_config_mroute *mroute = &mroutes[config.mroute_count];

	assert_int_equal(gremc_prefix_parse(group, &mroute->group, NULL), 0);
	vif[config.mroute_count++] = from;
	mroute->from_any = from == UINT32_MAX;
	mroute->from = mroute->from_any ? NULL : &vif[config.mroute_count - 1];
	mroute->from_count = !mroute->from_any;
}

static struct gremc_config_port *isolated_port(unsigned queues)
{
	struct gremc_config_port *port;

	plug_pcap("net_pcap0", queues, 1);
	port = add_port("wan", "net_pcap0");
	port->isolate = true;
	return port;
}

/* ---- the set ---- */

static void test_set(void **state)
{
	const struct gremc_steer_group group = {{address_of("239.1.0.0"), 16}, 0},
				       longer = {{address_of("239.1.0.0"), 24}, 0},
				       flow = {{address_of("239.2.2.2"), 32}, address_of("10.1.1.1")},
				       any = {flow.group, 0};
	struct gremc_steer_tunnel tunnel = {.local = address_of("10.0.0.1"),
					    .remote = address_of("198.51.100.1")};
	struct gremc_steer_set steer;

	RTE_SET_USED(state);
	add_port("a", "x")->multicast = true;
	add_port("b", "y");
	for (unsigned i = 0; i < 3; i++)
		add_tunnel(i % 2 ? "10.0.0.1" : "9.0.0.2");
	add_keyed("10.0.0.1", 7);
	add_mroute("239.1.0.0/16", UINT32_MAX);
	add_mroute("239.2.2.2", 4 + 0); /* a */
	add_mroute("239.2.2.2", 4 + 0);
	mroutes[1].source = mroutes[2].source = flow.source;
	add_mroute("239.3.3.3", 4 + 1); /* b */
	assert_int_equal(gremc_steer_set_init(&steer, &config, 0), 0);
	assert_int_equal(steer.tunnel_count, 3);
	assert_int_equal(steer.tunnels[0].local, address_of("9.0.0.2"));
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
	tunnel.remote = address_of("198.51.100.2");
	assert_false(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_ADDRESSES));
	assert_true(gremc_steer_set_has_tunnel(&steer, &tunnel, GREMC_STEER_LOCAL));
	tunnel.local = address_of("10.0.0.2");
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
	isolated_port(2)->multicast = true;
	add_tunnel("192.0.2.1");
	add_tunnel("192.0.2.2");
	add_tunnel("192.0.2.1");
	add_mroute("239.0.0.0/8", 3 + 0);
	open = open_ports(2);
	assert_true(device.isolated);
	assert_int_equal(count_rules(), 0);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(count_rules(), 3);
	assert_int_equal(rule_for("192.0.2.1")->protocol, IPPROTO_GRE);
	assert_true(rule_for("192.0.2.1")->type);
	assert_int_equal(rule_for("192.0.2.1")->source, address_of("198.51.100.1"));
	assert_int_equal(rule_for("192.0.2.1")->level, 2);
	assert_int_equal(rule_for("192.0.2.1")->queues, 2);
	assert_int_equal(rule_for("192.0.2.1")->vlan, 0);
	assert_int_equal(rule_for("239.0.0.0/8")->protocol, IPPROTO_UDP);
	assert_false(rule_for("239.0.0.0/8")->gre);
	/* one address goes, one comes: in between both are there */
	tunnels[1].options.local = address_of("192.0.2.3");
	config.mroute_count = 0;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(count_rules(), 4);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(count_rules(), 2);
	assert_non_null(rule_for("192.0.2.3"));
	assert_null(rule_for("192.0.2.2"));
	assert_int_equal(gremc_ports_close(open), 0);
	assert_int_equal(count_rules(), 0);
}

static void test_rule_of_a_vlan(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	isolated_port(1)->vlan = 100;
	add_tunnel("192.0.2.1");
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(rule_for("192.0.2.1")->vlan, 100);
	/* with one queue there is nothing to spread */
	assert_false(rule_for("192.0.2.1")->rss);
	gremc_ports_close(open);
}

static void check_style(bool gre, bool rss, uint32_t level, const char *warning)
{
	struct gremc_ports *open;

	isolated_port(2);
	add_tunnel("192.0.2.1");
	add_tunnel("192.0.2.2");
	open = open_ports(2);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	assert_int_equal(count_rules(), 2);
	assert_int_equal(rule_for("192.0.2.2")->gre, gre);
	assert_int_equal(rule_for("192.0.2.2")->rss, rss);
	assert_int_equal(rule_for("192.0.2.2")->level, level);
	fflush(log_file);
	assert_logged(warning);
	gremc_ports_close(open);
}

static void test_without_inner_rss(void **state)
{
	RTE_SET_USED(state);
	device.no_inner = true;
	check_style(true, true, 0, "RSS sees outer headers only");
}

static void test_without_gre_item(void **state)
{
	RTE_SET_USED(state);
	device.no_gre = true;
	check_style(false, true, 0, "RSS sees outer headers only");
}

static void test_without_rss(void **state)
{
	RTE_SET_USED(state);
	device.no_rss = true;
	check_style(true, false, 0, "all packets arrive in queue 0");
}

/* ---- what of a tunnel is matched ---- */

/* Two tunnels between the same addresses, one with a key, and one between others to the same address. */
static struct gremc_ports *open_three(void)
{
	struct gremc_ports *open;

	isolated_port(1);
	add_tunnel("192.0.2.1");
	add_keyed("192.0.2.1", 7);
	add_tunnel("192.0.2.1");
	tunnels[2].options.remote = address_of("198.51.100.2");
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	fflush(log_file);
	return open;
}

static unsigned count_keyed(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < RULES; i++)
		count += device.told[i].used && device.told[i].has_key && device.told[i].key == 7;
	return count;
}

static void test_rule_of_each_tunnel(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	open = open_three();
	assert_int_equal(count_rules(), 3);
	assert_int_equal(count_keyed(), 1);
	/* one goes, the others' rules stay */
	config.tunnel_count = 1;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(count_rules(), 1);
	assert_false(rule_for("192.0.2.1")->has_key);
	gremc_ports_close(open);
}

/* A device without the key, or without any field of GRE: all GRE between the addresses comes, and that is
 * said. */
static void test_rules_of_addresses(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.no_key = true;
	open = open_three();
	assert_logged("it delivers all GRE between the addresses of a tunnel");
	assert_int_equal(count_rules(), 2);
	assert_int_equal(count_keyed(), 0);
	assert_true(rule_for("192.0.2.1")->source);
	/* the addresses of a tunnel that goes are another one's, too */
	tunnels[1] = tunnels[2];
	config.tunnel_count = 2;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(count_rules(), 2);
	config.tunnel_count = 1;
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(count_rules(), 1);
	gremc_ports_close(open);
}

static void test_rules_of_local_addresses(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.no_type = device.no_pair = true;
	open = open_three();
	assert_logged("it delivers all GRE to the `local` of a tunnel");
	assert_int_equal(count_rules(), 1);
	assert_int_equal(rule_for("192.0.2.1")->source, 0);
	gremc_ports_close(open);
}

/* No room for a rule a tunnel: at the start, and at a reload, where what the tunnels had goes when the others
 * are there. What comes later is matched as the rest is. */
static void test_room_for_addresses_only(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.room = 1;
	open = open_three();
	assert_logged("(the table is full): it delivers all GRE to the `local` of a tunnel");
	assert_int_equal(count_rules(), 1);
	gremc_ports_close(open);
}

static void test_room_that_ends(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.room = 4;
	open = open_three();
	assert_int_equal(count_rules(), 3);
	add_keyed("192.0.2.1", 8);
	tunnels[0].options.remote = address_of("198.51.100.3");
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	fflush(log_file);
	assert_logged("it delivers all GRE to the `local` of a tunnel");
	assert_int_equal(count_rules(), 1);
	assert_int_equal(rule_for("192.0.2.1")->source, 0);
	gremc_ports_close(open);
}

static void test_table_full(void **state)
{
	struct gremc_ports *open;

	RTE_SET_USED(state);
	isolated_port(1);
	add_tunnel("192.0.2.1");
	device.room = 1;
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	/* what does not fit is refused, and what was there goes on */
	add_tunnel("192.0.2.2");
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), -ENOTSUP);
	assert_non_null(strstr(
		errors.text,
		"ethernets.wan: cannot steer 2 tunnels and 0 groups to `net_pcap0`: the table is full"));
	config.tunnel_count = 1;
	gremc_ports_steer_trim(open, &config);
	assert_non_null(rule_for("192.0.2.1"));
	gremc_ports_close(open);
}

/* ---- groups of mroutes from elsewhere ---- */

static struct gremc_steer_group group_of(const char *text)
{
	struct gremc_steer_group group = {0};

	assert_int_equal(gremc_prefix_parse(text, &group.group, NULL), 0);
	return group;
}

static struct gremc_ports *open_with_groups(void)
{
	struct gremc_ports *open;

	isolated_port(1)->multicast = true;
	add_mroute("239.1.1.1", UINT32_MAX);
	add_mroute("239.2.2.2", UINT32_MAX);
	open = open_ports(1);
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(count_rules(), 2);
	return open;
}

static void test_rules_follow_routes(void **state)
{
	const struct gremc_steer_group groups[] = {group_of("239.9.9.9"), group_of("239.1.1.1"),
						   group_of("239.9.9.9"), group_of("239.8.0.0/16")};
	struct gremc_ports *open;

	RTE_SET_USED(state);
	open = open_with_groups();
	gremc_ports_steer_groups(open, 0, groups, RTE_DIM(groups));
	assert_int_equal(count_rules(), 4);
	assert_int_equal(rule_for("239.9.9.9")->protocol, IPPROTO_UDP);
	assert_non_null(rule_for("239.8.0.0/16"));
	/* a reload leaves them, with the one that the configuration no longer has */
	mroutes[0] = mroutes[1];
	config.mroute_count = 1;
	assert_int_equal(gremc_ports_steer_add(open, &config, &errors), 0);
	gremc_ports_steer_trim(open, &config);
	assert_int_equal(count_rules(), 4);
	/* what is gone goes, but what the configuration has */
	gremc_ports_steer_groups(open, 0, groups, 1);
	assert_int_equal(count_rules(), 2);
	assert_non_null(rule_for("239.2.2.2"));
	assert_non_null(rule_for("239.9.9.9"));
	gremc_ports_steer_groups(open, 0, groups, 0);
	assert_int_equal(count_rules(), 1);
	assert_int_equal(gremc_ports_close(open), 0);
	assert_int_equal(count_rules(), 0);
}

/* A source's rule is another one than that of all sources. */
static void test_rules_of_sources(void **state)
{
	const struct gremc_steer_group groups[] = {{group_of("239.9.9.9").group, address_of("10.1.1.1")},
						   {group_of("239.9.9.9").group, address_of("10.1.1.2")},
						   group_of("239.9.9.9")};
	struct gremc_ports *open;

	RTE_SET_USED(state);
	open = open_with_groups();
	gremc_ports_steer_groups(open, 0, groups, 1);
	assert_int_equal(count_rules(), 3);
	assert_int_equal(rule_for("239.9.9.9")->source, address_of("10.1.1.1"));
	assert_int_equal(rule_for("239.1.1.1")->source, 0);
	gremc_ports_steer_groups(open, 0, groups, 3);
	assert_int_equal(count_rules(), 5);
	gremc_ports_steer_groups(open, 0, groups + 1, 1);
	assert_int_equal(count_rules(), 3);
	assert_int_equal(rule_for("239.9.9.9")->source, address_of("10.1.1.2"));
	/* what a rule names comes: none can pass one packet */
	assert_false(gremc_ports_steer_pass(open, 0, &groups[1]));
	assert_int_equal(gremc_ports_close(open), 0);
}

static void test_routes_that_do_not_fit(void **state)
{
	const struct gremc_steer_group groups[] = {group_of("239.7.7.7"), group_of("239.8.8.8")};
	struct gremc_ports *open;

	RTE_SET_USED(state);
	device.room = 3;
	open = open_with_groups();
	gremc_ports_steer_groups(open, 0, groups, 2);
	fflush(log_file);
	assert_logged("cannot take all of the 2 groups of mroutes that accept the port: the table is full");
	assert_int_equal(count_rules(), 3);
	/* with room again, the next change brings all */
	device.room = 1;
	gremc_ports_steer_groups(open, 0, groups, 2);
	assert_int_equal(count_rules(), 4);
	gremc_ports_close(open);
}

/* ---- devices that cannot ---- */

static void test_no_isolation(void **state)
{
	RTE_SET_USED(state);
	device.real = true;
	plug("net_null0", NULL);
	add_port("wan", "net_null0")->isolate = true;
	assert_refused(
		1,
		"ethernets.wan: `net_null0` (driver net_null) cannot be shared with the kernel by `isolate`");
}

static void test_no_interface(void **state)
{
	struct gremc_config_port *port = add_port("wan", "net_af_xdp_nowhere");

	RTE_SET_USED(state);
	strcpy(port->interface, "nowhere");
	assert_refused(1,
		       GREMC_TEST_XDP ? "the kernel has no interface `nowhere`" : "was built without AF_XDP");
}

int main(void)
{
	char *arguments[] = {"test_steer",  "--no-huge",      "-m",       "512",        "--no-pci",
			     "--no-shconf", "--no-telemetry", "--lcores", "(0-3)@(0-1)"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_set, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_rules_follow_the_configuration, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_rule_of_a_vlan, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_without_inner_rss, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_without_gre_item, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_without_rss, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_rule_of_each_tunnel, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_rules_of_addresses, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_rules_of_local_addresses, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_room_for_addresses_only, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_room_that_ends, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_table_full, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_rules_follow_routes, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_rules_of_sources, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_routes_that_do_not_fit, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_no_isolation, set_up, teardown),
		cmocka_unit_test_setup_teardown(test_no_interface, set_up, teardown),
	};
	int failed;

	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return 1;
	failed = cmocka_run_group_tests_name("steer", tests, NULL, NULL);
	rte_eal_cleanup();
	return failed;
}
