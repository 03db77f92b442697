/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>

#include <rte_flow.h>

#include "steer_world.h"

struct flow_device flow_device;

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
	if (flow_device.real)
		return __real_rte_flow_isolate(port, set, error);
	flow_device.isolated = set;
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
		} else if (item->type == RTE_FLOW_ITEM_TYPE_UDP) {
			const struct rte_flow_item_udp *spec = item->spec, *mask = item->mask;

			assert_int_equal(mask->hdr.dst_port, UINT16_MAX);
			assert_int_equal(mask->hdr.src_port, 0);
			rule_copy.port = rte_be_to_cpu_16(spec->hdr.dst_port);
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
	if (flow_device.no_gre && rule_copy->gre)
		return flow_refuse(error, "no GRE item");
	if (flow_device.no_type && rule_copy->type)
		return flow_refuse(error, "no GRE fields");
	if (flow_device.no_key && rule_copy->has_key)
		return flow_refuse(error, "no GRE key");
	if (flow_device.no_pair && rule_copy->source && rule_copy->protocol == IPPROTO_GRE)
		return flow_refuse(error, "one address only");
	if (flow_device.no_inner && rule_copy->level > 1)
		return flow_refuse(error, "no inner RSS");
	if (flow_device.no_rss && rule_copy->rss)
		return flow_refuse(error, "no RSS");
	return flow_device.free ? 0 : flow_refuse(error, "the table is full");
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
	assert_true(flow_device.isolated);
	if (rule_check(&rule_copy, error))
		return NULL;
	for (unsigned i = 0; i < RULES; i++) {
		if (flow_device.rule_copy[i].used)
			continue;
		flow_device.free--;
		flow_device.rule_copy[i] = rule_copy;
		return (struct rte_flow *)&flow_device.rule_copy[i];
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
	flow_device.free++;
	rule_copy->used = false;
	return 0;
}

unsigned rules_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < RULES; i++)
		count += flow_device.rule_copy[i].used;
	return count;
}

const struct rule_copy *rule_find(const char *text)
{
	struct gremc_prefix prefix;

	assert_int_equal(gremc_prefix_parse(text, &prefix, NULL), 0);
	for (unsigned i = 0; i < RULES; i++)
		if (flow_device.rule_copy[i].used &&
		    flow_device.rule_copy[i].address == prefix.address.ipv4 &&
		    flow_device.rule_copy[i].mask == gremc_ipv4_mask(prefix.length))
			return &flow_device.rule_copy[i];
	return NULL;
}

/* ---- a configuration ---- */

struct gremc_config_tunnel steer_tunnels[4];
struct gremc_config_mroute steer_mroutes[4];

int steer_set_up(void **state)
{
	memset(&flow_device, 0, sizeof(flow_device));
	flow_device.free = RULES;
	memset(steer_tunnels, 0, sizeof(steer_tunnels));
	memset(steer_mroutes, 0, sizeof(steer_mroutes));
	port_world_set_up(state);
	config.tunnels = steer_tunnels;
	config.mroutes = steer_mroutes;
	return 0;
}

rte_be32_t address_parse(const char *text)
{
	rte_be32_t address;

	assert_int_equal(gremc_ipv4_parse(text, &address), 0);
	return address;
}

void config_add_tunnel(const char *local)
{
	struct gremc_config_tunnel *tunnel = &steer_tunnels[config.tunnel_count++];

	tunnel->options.local = address_parse(local);
	tunnel->options.remote = address_parse("198.51.100.1");
}

void config_add_keyed_tunnel(const char *local, uint32_t key)
{
	config_add_tunnel(local);
	steer_tunnels[config.tunnel_count - 1].options.has_input_key = true;
	steer_tunnels[config.tunnel_count - 1].options.input_key = key;
}

void config_add_mroute(const char *group, uint32_t from)
{
	static uint32_t vif[RTE_DIM(steer_mroutes)];
	struct gremc_config_mroute *mroute = &steer_mroutes[config.mroute_count];

	assert_int_equal(gremc_prefix_parse(group, &mroute->group, NULL), 0);
	vif[config.mroute_count++] = from;
	mroute->from_any = from == UINT32_MAX;
	mroute->from = mroute->from_any ? NULL : &vif[config.mroute_count - 1];
	mroute->from_count = !mroute->from_any;
}

struct gremc_config_port *isolated_port_add(unsigned queues)
{
	struct gremc_config_port *port;

	vdev_plug_pcap("net_pcap0", queues, 1);
	port = add_port("wan", "net_pcap0");
	port->isolate = true;
	return port;
}
