/* SPDX-License-Identifier: BSD-3-Clause */
/* One device: find it, settle what it can do, configure, start and stop it. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_pci.h>

#include "port/steer_priv.h"

const struct gremc_driver_trait *gremc_driver_trait(const char *driver)
{
	static const struct gremc_driver_trait traits[] = {
		{.name = "net_af_packet",
		 .fixed_queues = true,
		 .copies = true,
		 .kernel = true,
		 .frames = true},
		{.name = "net_af_xdp", .fixed_queues = true, .kernel = true, .umem = true},
		{.name = "net_null", .copies = true},
		{.name = "net_pcap", .fixed_queues = true, .copies = true},
		{.name = "net_tap", .copies = true},
	};

	for (unsigned i = 0; i < RTE_DIM(traits); i++)
		if (driver && strcmp(driver, traits[i].name) == 0)
			return &traits[i];
	return NULL;
}

/* ---- plug and find ---- */

int gremc_port_plug(struct gremc_port_set *set)
{
	int ret = 0, one;

	for (uint32_t i = 0; i < set->config->port_count; i++) {
		one = set->config->ports[i].interface[0] ? gremc_xdp_plug(set, &set->state[i]) : 0;
		ret = one ? one : ret;
	}
	return ret;
}

static int find_by_name(const char *device, uint16_t *id)
{
	struct rte_pci_addr address;
	char name[PCI_PRI_STR_SIZE];

	if (rte_eth_dev_get_port_by_name(device, id) == 0)
		return 0;
	/* The EAL writes PCI addresses with their domain and in lower case; people do not always. */
	if (rte_pci_addr_parse(device, &address))
		return -ENODEV;
	rte_pci_device_name(&address, name, sizeof(name));
	return rte_eth_dev_get_port_by_name(name, id);
}

static void not_found(struct gremc_port_set *set, const struct gremc_port_state *state)
{
	char list[512] = "", name[RTE_ETH_NAME_MAX_LEN];
	size_t length = 0;
	uint16_t id;

	RTE_ETH_FOREACH_DEV (id) {
		if (rte_eth_dev_get_name_by_port(id, name))
			continue;
		if (length + strlen(name) + sizeof(", ...") > sizeof(list)) {
			strcpy(list + length, ", ...");
			break;
		}
		length += snprintf(list + length, sizeof(list) - length, "%s%s", length ? ", " : "", name);
	}
	gremc_port_error(set, state, "no EAL device `%s`; this EAL has: %s; give it with --vdev or -a",
			 state->config->device, length ? list : "none");
}

static int find_one(struct gremc_port_set *set, struct gremc_port_state *state)
{
	int ret = find_by_name(state->config->device, &state->id);

	if (ret) {
		not_found(set, state);
		return -ENODEV;
	}
	for (const struct gremc_port_state *other = set->state; other < state; other++) {
		if (!other->found || other->id != state->id)
			continue;
		gremc_port_error(set, state, "`%s` is the device of %s already", state->config->device,
				 other->config->name);
		return -EBUSY;
	}
	ret = rte_eth_dev_info_get(state->id, &state->info);
	if (ret) {
		gremc_port_error(set, state, "`%s` does not describe itself: %s", state->config->device,
				 rte_strerror(-ret));
		return ret;
	}
	state->found = true;
	return 0;
}

int gremc_port_find(struct gremc_port_set *set)
{
	int ret = 0, one;

	gremc_kernel_mtu_remember(set);
	for (uint32_t i = 0; i < set->config->port_count; i++) {
		struct gremc_port_state *state = &set->state[i];

		state->is_member = state->config->member_of != GREMC_CONFIG_NONE;
		one = state->config->is_bond ? 0 : find_one(set, state);
		ret = one ? one : ret;
	}
	return ret;
}

/* Many drivers return -1 for anything, which is no errno. */
static const char *reason(int ret)
{
	return ret == -1 ? "its driver has logged why" : rte_strerror(-ret);
}

/* ---- describe ---- */

/* What the drivers of the wires have in common: a bond copies when all members do. */
static void read_traits(struct gremc_port_state *state)
{
	struct rte_eth_dev_info info;

	state->copies = true;
	for (uint16_t i = 0; i < state->wire_count; i++) {
		const struct gremc_driver_trait *trait = rte_eth_dev_info_get(state->wire[i], &info)
								 ? NULL
								 : gremc_driver_trait(info.driver_name);

		state->copies &= trait && trait->copies;
		state->fixed_queues |= trait && trait->fixed_queues;
		state->kernel |= trait && trait->kernel;
		state->umem |= trait && trait->umem;
	}
}

static void describe_offloads(struct gremc_port_state *state, struct gremc_port *port)
{
	const struct rte_eth_dev_info *info = &state->info;
	struct rte_eth_conf *conf = &state->conf;
	uint16_t segments = info->tx_desc_lim.nb_mtu_seg_max;

	/* Never MBUF_FAST_FREE: payloads are shared by replicas and come from several pools. */
	port->multi_seg = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (port->multi_seg)
		conf->txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	port->max_segments = segments == UINT16_MAX ? 0 : segments;
	port->rx_checksum = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	if (port->rx_checksum)
		conf->rxmode.offloads |= RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
}

/* Inner-most: between two sites the outer addresses are always the same, so that they would all choose one
 * queue. */
static void describe_rss(struct gremc_port_state *state, const struct gremc_port *port)
{
	const uint64_t headers = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP;
	uint64_t functions = (headers | RTE_ETH_RSS_LEVEL_INNERMOST) & state->info.flow_type_rss_offloads;

	if (port->rx_queues < 2)
		return;
	if ((functions & headers) == 0) {
		GREMC_LOG(
			INFO,
			"port %s: no RSS on `%s`: the device spreads packets over its %u RX queues in its own way",
			port->name, port->device, port->rx_queues);
		return;
	}
	state->conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	state->conf.rx_adv_conf.rss_conf.rss_hf = functions;
	if ((functions & RTE_ETH_RSS_LEVEL_MASK) == 0)
		GREMC_LOG(
			INFO,
			"port %s: RSS of `%s` sees outer headers only: all packets of a tunnel come by one queue",
			port->name, port->device);
}

static int describe_queues(struct gremc_port_set *set, struct gremc_port_state *state,
			   struct gremc_port *port)
{
	const struct rte_eth_dev_info *info = &state->info;
	const struct gremc_config_settings *settings = &set->config->settings;
	int ret;

	if (info->max_rx_queues == 0 || info->max_tx_queues == 0) {
		gremc_port_error(set, state, "`%s` has %u RX and %u TX queues; a port needs one of each",
				 port->device, info->max_rx_queues, info->max_tx_queues);
		return -ENODEV;
	}
	if (state->fixed_queues && info->max_rx_queues > GREMC_QUEUES_MAX) {
		gremc_port_error(set, state, "`%s` has %u RX queues; %u is the most", port->device,
				 info->max_rx_queues, GREMC_QUEUES_MAX);
		return -E2BIG;
	}
	port->rx_queues =
		gremc_port_queue_count(info->max_rx_queues, set->ports.worker_count, state->fixed_queues);
	port->tx_queues = gremc_port_queue_count(info->max_tx_queues, set->ports.worker_count, false);
	state->tx_configured = state->umem ? port->rx_queues : port->tx_queues;
	port->rx_descriptors = settings->rx_descriptors;
	port->tx_descriptors = settings->tx_descriptors;
	if (state->umem) {
		port->rx_descriptors = rte_align32prevpow2(port->rx_descriptors);
		port->tx_descriptors = rte_align32prevpow2(port->tx_descriptors);
	}
	ret = rte_eth_dev_adjust_nb_rx_tx_desc(state->id, &port->rx_descriptors, &port->tx_descriptors);
	if (ret) {
		gremc_port_error(set, state, "`%s` takes no number of descriptors near %u and %u: %s",
				 port->device, settings->rx_descriptors, settings->tx_descriptors,
				 rte_strerror(-ret));
		return ret;
	}
	if (port->rx_descriptors != settings->rx_descriptors)
		GREMC_LOG(WARNING, "port %s: the device makes %u RX descriptors of the wanted %u", port->name,
			  port->rx_descriptors, settings->rx_descriptors);
	if (port->tx_descriptors != settings->tx_descriptors)
		GREMC_LOG(WARNING, "port %s: the device makes %u TX descriptors of the wanted %u", port->name,
			  port->tx_descriptors, settings->tx_descriptors);
	return 0;
}

/* On the device's node, or where there is memory. */
static struct gremc_port *port_alloc(uint16_t id)
{
	struct gremc_port *port = rte_zmalloc_socket("gremc_port", sizeof(*port), RTE_CACHE_LINE_SIZE,
						     rte_eth_dev_socket_id(id));

	return port ? port : rte_zmalloc("gremc_port", sizeof(*port), RTE_CACHE_LINE_SIZE);
}

/* Where the kernel has the addresses, routes and neighbours of a port that it keeps: a VLAN is another
 * interface, named as everybody does. */
static void describe_interface(const struct gremc_port_state *state, struct gremc_port *port)
{
	const struct gremc_config_port *config = state->config;
	char device[IF_NAMESIZE], name[IF_NAMESIZE + 5];

	port->shared = config->interface[0] || config->isolate;
	snprintf(device, sizeof(device), "%s", config->interface);
	if (config->isolate && if_indextoname(state->info.if_index, device) == NULL)
		device[0] = '\0';
	if (config->vlan)
		snprintf(name, sizeof(name), "%s.%u", device, config->vlan);
	else
		snprintf(name, sizeof(name), "%s", device);
	/* a name that is too long is none of the kernel's */
	if (device[0] && strlen(name) < sizeof(port->interface))
		strcpy(port->interface, name);
}

static int describe_one(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	const struct gremc_config_port *config = state->config;
	struct gremc_port *port = port_alloc(state->id);
	int ret;

	set->ports.port[index] = port;
	ret = port ? rte_eth_dev_info_get(state->id, &state->info) : -ENOMEM;
	if (ret) {
		gremc_port_error(set, state, "the port cannot be set up: %s", rte_strerror(-ret));
		return ret;
	}
	port->id = state->id;
	port->index = index;
	snprintf(port->name, sizeof(port->name), "%s", config->name);
	if (rte_eth_dev_get_name_by_port(state->id, port->device))
		snprintf(port->device, sizeof(port->device), "%s", config->device);
	port->vlan = config->vlan;
	port->multicast = config->multicast;
	port->socket = rte_eth_dev_socket_id(state->id);
	/* LACP lives in the bursts, also in those of a bond that the EAL made. */
	port->keep_alive = rte_eth_bond_mode_get(state->id) == BONDING_MODE_8023AD;
	describe_interface(state, port);
	read_traits(state);
	describe_offloads(state, port);
	ret = describe_queues(set, state, port);
	if (ret)
		return ret;
	describe_rss(state, port);
	return gremc_port_mtu_plan(set, index);
}

int gremc_port_describe(struct gremc_port_set *set)
{
	int ret = 0, one;

	for (uint32_t i = 0; i < set->config->port_count; i++) {
		if (set->state[i].is_member)
			continue;
		one = describe_one(set, i);
		ret = one ? one : ret;
	}
	return ret;
}

/* ---- configure ---- */

static int configure_one(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	const struct gremc_port *port = set->ports.port[index];
	int ret;

	state->touched = true;
	ret = state->config->isolate ? gremc_flow_rules_isolate(set, state) : 0;
	if (ret)
		return ret;
	ret = rte_eth_dev_configure(state->id, port->rx_queues, state->tx_configured, &state->conf);
	if (ret) {
		gremc_port_error(set, state, "`%s` refuses %u RX and %u TX queues with mtu %u: %s",
				 port->device, port->rx_queues, state->tx_configured, state->wanted_mtu,
				 reason(ret));
		return ret;
	}
	/* Members of a bond get their MTU when the bond starts them, interfaces of the kernel after the
	 * start. */
	if (state->kernel || rte_eth_bond_mode_get(state->id) >= 0)
		return 0;
	ret = rte_eth_dev_set_mtu(state->id, state->conf.rxmode.mtu);
	if (ret && ret != -ENOTSUP) {
		gremc_port_error(set, state, "`%s` does not take mtu %u (%u to %u): %s", port->device,
				 state->wanted_mtu, state->info.min_mtu, gremc_port_mtu_max(&state->info),
				 reason(ret));
		return ret;
	}
	return 0;
}

int gremc_port_configure(struct gremc_port_set *set)
{
	int ret = 0, one;

	for (uint16_t i = 0; i < set->ports.count; i++) {
		if (set->ports.port[i] == NULL)
			continue;
		one = configure_one(set, i);
		ret = one ? one : ret;
	}
	return ret;
}

/* ---- queues ---- */

uint32_t gremc_port_room_next(uint32_t room)
{
	static const uint32_t rooms[] = {2048, 4096, 10240, 17408, 33792, GREMC_PORT_ROOM_MAXIMUM};

	for (unsigned i = 0; i < RTE_DIM(rooms); i++)
		if (rooms[i] > room)
			return rooms[i];
	return 0;
}

static int setup_rx(struct gremc_port_set *set, struct gremc_port_state *state, struct gremc_port *port,
		    uint16_t queue)
{
	struct rte_eth_rxconf conf = state->info.default_rxconf;
	uint32_t room = gremc_port_room_next(state->room);
	int ret;

	conf.offloads = state->conf.rxmode.offloads;
	ret = rte_eth_rx_queue_setup(state->id, queue, port->rx_descriptors,
				     gremc_port_node(port, &set->ports.worker[port->rx_worker[queue]]), &conf,
				     port->rx_pool[queue]);
	if (ret == 0)
		return 0;
	/* Some drivers refuse mbufs smaller than a frame of theirs, and cannot be asked how large that is. */
	if (queue == 0 && room && !state->umem && (ret == -ENOMEM || ret == -EINVAL)) {
		GREMC_LOG(INFO, "port %s: `%s` refuses mbufs of %u bytes, trying %u", port->name,
			  port->device, state->room, room);
		state->room = room;
		return -EAGAIN;
	}
	/* net_af_xdp has one errno for all */
	gremc_port_error(set, state, "RX queue %u of `%s` cannot be set up: %s", queue, port->device,
			 reason(state->umem ? -1 : ret));
	return ret;
}

static int setup_queues(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	struct rte_eth_txconf conf = state->info.default_txconf;
	int ret;

	for (uint16_t q = 0; q < port->rx_queues; q++) {
		ret = setup_rx(set, state, port, q);
		if (ret)
			return ret;
	}
	conf.offloads = state->conf.txmode.offloads;
	for (uint16_t q = 0; q < state->tx_configured; q++) {
		uint16_t owner = q < port->tx_queues ? port->tx_worker[q] : 0;

		ret = rte_eth_tx_queue_setup(state->id, q, port->tx_descriptors,
					     gremc_port_node(port, &set->ports.worker[owner]), &conf);
		if (ret == 0)
			continue;
		gremc_port_error(set, state, "TX queue %u of `%s` cannot be set up: %s", q, port->device,
				 reason(ret));
		return ret;
	}
	return 0;
}

int gremc_port_queues_setup(struct gremc_port_set *set)
{
	int ret;

	for (uint16_t i = 0; i < set->ports.count; i++) {
		if (set->ports.port[i] == NULL)
			continue;
		ret = setup_queues(set, i);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- start and stop ---- */

/* Groups that nobody joined on the port have to come in, too. What the kernel keeps is not ours to open. */
static void open_filters(struct gremc_port_state *state, const struct gremc_port *port)
{
	int ret = state->xdp || state->flows ? 0 : rte_eth_allmulticast_enable(state->id);

	if (ret == 0)
		return;
	ret = rte_eth_promiscuous_enable(state->id);
	state->promiscuous = ret == 0;
	if (ret && ret != -ENOTSUP)
		GREMC_LOG(
			WARNING,
			"port %s: neither allmulticast nor promiscuous mode on `%s` (%s): multicast may not come in",
			port->name, port->device, rte_strerror(-ret));
}

static int start_one(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	struct rte_eth_link link;
	char text[RTE_ETH_LINK_MAX_STR_LEN];
	int ret = rte_eth_dev_start(state->id);

	if (ret) {
		gremc_port_error(set, state, "`%s` does not start: %s", port->device, reason(ret));
		return ret;
	}
	state->started = true;
	open_filters(state, port);
	if (state->xdp) {
		ret = gremc_xdp_attach(set, state);
		if (ret)
			return ret;
	}
	ret = gremc_port_mtu_settle(set, index);
	if (ret)
		return ret;
	ret = rte_eth_macaddr_get(state->id, &port->mac);
	if (ret) {
		gremc_port_error(set, state, "`%s` has no MAC address: %s", port->device, reason(ret));
		return ret;
	}
	if (rte_eth_link_get_nowait(state->id, &link) == 0 &&
	    rte_eth_link_to_str(text, sizeof(text), &link) > 0)
		GREMC_LOG(INFO, "port %s: `%s`: %s", port->name, port->device, text);
	return 0;
}

int gremc_port_start(struct gremc_port_set *set)
{
	int ret = 0, one;

	for (uint16_t i = 0; i < set->ports.count; i++) {
		if (set->ports.port[i] == NULL)
			continue;
		one = start_one(set, i);
		ret = one ? one : ret;
	}
	return ret;
}

/* What software rings (net_ring) still hold is ours to free; a wire, which brings more all the time, is left
 * after a queue's worth. */
static void drain(const struct gremc_port *port)
{
	struct rte_mbuf *packet[32];
	uint32_t n, total;

	for (uint16_t q = 0; q < port->rx_queues; q++) {
		total = 0;
		do {
			n = rte_eth_rx_burst(port->id, q, packet, RTE_DIM(packet));
			rte_pktmbuf_free_bulk(packet, n);
			total += n;
		} while (n > 0 && total < GREMC_PORT_RING_SIZE + port->rx_descriptors);
	}
}

void gremc_port_stop(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	const struct gremc_port *port = set->ports.port[index];
	int ret;

	gremc_flow_rules_destroy(state->flows);
	state->flows = NULL;
	if (!state->started)
		return;
	drain(port);
	if (state->promiscuous)
		rte_eth_promiscuous_disable(state->id);
	ret = rte_eth_dev_stop(state->id);
	if (ret)
		GREMC_LOG(ERR, "port %s: stopping `%s` failed: %s", port->name, port->device,
			  rte_strerror(-ret));
	state->started = false;
}
