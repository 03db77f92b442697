/* SPDX-License-Identifier: BSD-3-Clause */
/* Configure devices, set up their queues, start and stop them. */
#include <errno.h>

#include "port/port_priv.h"

struct gremc_steer_device gremc_port_steer_device(const struct gremc_port_state *state,
						  const struct gremc_port *port)
{
	return (struct gremc_steer_device){
		.port = port->name,
		.name = port->device,
		.driver = state->info.driver_name,
		.id = state->id,
		.vlan = port->vlan,
		.rx_queues = port->rx_queues,
	};
}

/* ---- configure ---- */

static int device_isolate(struct gremc_port_set *set, const struct gremc_port_state *state,
			  const struct gremc_port *port)
{
	const struct gremc_steer_device device = gremc_port_steer_device(state, port);

	return state->steer ? gremc_steer_isolate(state->steer, &device, set->errors) : 0;
}

/* Some drivers need equal numbers of RX and TX queues: retry without the control thread's TX queue. */
static int device_set_queues(struct gremc_port_set *set, struct gremc_port_state *state,
			     struct gremc_port *port)
{
	int ret = rte_eth_dev_configure(state->id, port->rx_queues, state->tx_configured, &state->conf);

	if (ret && port->host_tx && !state->umem) {
		port->host_tx = false;
		state->tx_configured--;
		ret = rte_eth_dev_configure(state->id, port->rx_queues, state->tx_configured, &state->conf);
	}
	if (ret)
		gremc_port_error(set, state, "`%s` refuses %u RX and %u TX queues with mtu %u: %s",
				 port->device, port->rx_queues, state->tx_configured, state->planned_mtu,
				 gremc_driver_error_text(ret));
	return ret;
}

/* Members of a bond get their MTU when the bond starts them, interfaces of the kernel after the start. */
static int device_set_mtu(struct gremc_port_set *set, struct gremc_port_state *state,
			  const struct gremc_port *port)
{
	int ret;

	if (state->on_netdev || gremc_port_is_bond(state))
		return 0;
	ret = rte_eth_dev_set_mtu(state->id, state->conf.rxmode.mtu);
	if (ret == 0 || ret == -ENOTSUP) /* gremc_port_mtu_apply() reads it back */
		return 0;
	gremc_port_error(set, state, "`%s` does not accept mtu %u (%u to %u): %s", port->device,
			 state->planned_mtu, state->info.min_mtu, gremc_port_mtu_max(&state->info),
			 gremc_driver_error_text(ret));
	return ret;
}

static int device_configure(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	int ret;

	state->touched = true;
	ret = device_isolate(set, state, port);
	if (ret == 0)
		ret = device_set_queues(set, state, port);
	return ret ? ret : device_set_mtu(set, state, port);
}

int gremc_ports_devices_configure(struct gremc_port_set *set)
{
	int ret = 0, one;

	for (uint16_t i = 0; i < set->ports.count; i++) {
		if (set->ports.port[i] == NULL)
			continue;
		one = device_configure(set, i);
		ret = one ? one : ret;
		if (one == 0 && gremc_port_has_host_path(set->config))
			gremc_port_host_tx_report(&set->ports, set->ports.port[i]);
	}
	return ret;
}

/* ---- queues ---- */

uint32_t gremc_port_rx_capacity_next(uint32_t capacity)
{
	static const uint32_t capacities[] = {2048, 4096, 10240, 17408, 33792, GREMC_PORT_RX_CAPACITY_MAX};

	for (unsigned i = 0; i < RTE_DIM(capacities); i++)
		if (capacities[i] > capacity)
			return capacities[i];
	return 0;
}

/* Some drivers accept only powers of two and report that as -EINVAL. Returns whether there is one to try. */
static bool descriptors_round(const struct gremc_port *port, const struct rte_eth_desc_lim *limits,
			      uint16_t *descriptors, const char *direction)
{
	uint32_t rounded = rte_align32pow2(*descriptors);

	if (limits->nb_max && rounded > limits->nb_max)
		rounded = rte_align32prevpow2(*descriptors);
	if (rounded == *descriptors || rounded > UINT16_MAX || rounded < limits->nb_min)
		return false;
	GREMC_LOG(WARNING, "port %s: `%s` refuses %u %s descriptors, trying %u", port->name, port->device,
		  *descriptors, direction, rounded);
	*descriptors = rounded;
	return true;
}

/* Returns whether the error can mean that mbufs are smaller than an unreported frame size of the driver.
 * -ENOMEM does while mbufs are available; -EINVAL has many meanings, and can have this one only when frames
 * are scattered over several mbufs. */
static bool error_is_about_capacity(const struct gremc_port_state *state, const struct rte_mempool *pool,
				    int ret)
{
	if (state->umem)
		return false;
	if (ret == -ENOMEM)
		return rte_mempool_avail_count(pool) > 0;
	return ret == -ENOSPC || (ret == -EINVAL && state->conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER);
}

static int rx_queue_setup(struct gremc_port_set *set, struct gremc_port_state *state, struct gremc_port *port,
			  uint16_t queue)
{
	struct rte_eth_rxconf conf = state->info.default_rxconf;
	uint32_t capacity = gremc_port_rx_capacity_next(state->rx_capacity);
	int ret;

	conf.offloads = state->conf.rxmode.offloads;
	ret = rte_eth_rx_queue_setup(state->id, queue, port->rx_descriptors,
				     gremc_port_node(port, &set->ports.worker[port->rx_worker[queue]]), &conf,
				     port->rx_pool[queue]);
	if (ret == 0)
		return 0;
	if (queue == 0 && ret == -EINVAL &&
	    descriptors_round(port, &state->info.rx_desc_lim, &port->rx_descriptors, "RX"))
		return -EAGAIN;
	if (queue == 0 && capacity && error_is_about_capacity(state, port->rx_pool[queue], ret)) {
		GREMC_LOG(INFO, "port %s: `%s` refuses mbufs of %u bytes, trying %u", port->name,
			  port->device, state->rx_capacity, capacity);
		state->rx_capacity = capacity;
		return -EAGAIN;
	}
	/* net_af_xdp returns one errno for all failures */
	gremc_port_error(set, state, "RX queue %u of `%s` cannot be set up: %s", queue, port->device,
			 gremc_driver_error_text(state->umem ? -1 : ret));
	return ret;
}

static int tx_queue_setup(struct gremc_port_set *set, struct gremc_port_state *state, struct gremc_port *port,
			  uint16_t queue)
{
	uint16_t owner = queue < port->tx_queues ? port->tx_worker[queue] : 0;
	struct rte_eth_txconf conf = state->info.default_txconf;
	int ret;

	conf.offloads = state->conf.txmode.offloads;
	ret = rte_eth_tx_queue_setup(state->id, queue, port->tx_descriptors,
				     gremc_port_node(port, &set->ports.worker[owner]), &conf);
	if (ret == 0)
		return 0;
	if (queue == 0 && ret == -EINVAL &&
	    descriptors_round(port, &state->info.tx_desc_lim, &port->tx_descriptors, "TX"))
		return -EAGAIN;
	gremc_port_error(set, state, "TX queue %u of `%s` cannot be set up: %s", queue, port->device,
			 gremc_driver_error_text(ret));
	return ret;
}

static int device_queues_setup(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	int ret = 0;

	for (uint16_t q = 0; q < port->rx_queues && ret == 0; q++)
		ret = rx_queue_setup(set, state, port, q);
	for (uint16_t q = 0; q < state->tx_configured && ret == 0; q++)
		ret = tx_queue_setup(set, state, port, q);
	return ret;
}

int gremc_ports_queues_setup(struct gremc_port_set *set)
{
	int ret = 0;

	for (uint16_t i = 0; i < set->ports.count && ret == 0; i++)
		if (set->ports.port[i])
			ret = device_queues_setup(set, i);
	return ret;
}

/* ---- start ---- */

/* Create the rule for RSS by inner headers, where the device's own RSS sees outer headers only. */
static void inner_rss_start(struct gremc_port_state *state, const struct gremc_port *port)
{
	const struct gremc_steer_device device = gremc_port_steer_device(state, port);

	if (!state->rss_outer || port->shared)
		return;
	state->inner_rss = gremc_steer_inner_rss_create(&device, state->lower_id, state->lower_count);
	if (state->inner_rss)
		GREMC_LOG(INFO, "port %s: `%s` uses the inner headers of GRE for RSS, by a flow rule",
			  port->name, port->device);
	else
		GREMC_LOG(
			INFO,
			"port %s: RSS of `%s` sees outer headers only: all packets of a tunnel arrive in one queue",
			port->name, port->device);
}

static int device_start(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	int ret = rte_eth_dev_start(state->id);

	if (ret) {
		gremc_port_error(set, state, "`%s` does not start: %s", port->device,
				 gremc_driver_error_text(ret));
		return ret;
	}
	state->started = true;
	gremc_port_filters_open(state, port);
	inner_rss_start(state, port);
	ret = state->steer ? gremc_steer_attach(state->steer, set->errors) : 0;
	if (ret == 0)
		ret = gremc_port_mtu_apply(set, index);
	if (ret)
		return ret;
	ret = rte_eth_macaddr_get(state->id, &port->mac);
	if (ret) {
		gremc_port_error(set, state, "`%s` has no MAC address: %s", port->device,
				 gremc_driver_error_text(ret));
		return ret;
	}
	gremc_port_link_init(state, port);
	return 0;
}

int gremc_ports_devices_start(struct gremc_port_set *set)
{
	int ret = 0, one;

	for (uint16_t i = 0; i < set->ports.count; i++) {
		if (set->ports.port[i] == NULL)
			continue;
		one = device_start(set, i);
		ret = one ? one : ret;
	}
	return ret;
}

/* ---- stop ---- */

#define DRAIN_MAXIMUM 65536u /* packets of a queue */

/* Free the mbufs that software rings (net_ring) still hold. The bound ends the loop on a device that receives
 * all the time. */
static void rx_queues_drain(const struct gremc_port *port)
{
	struct rte_mbuf *packet[32];
	uint32_t n, total;

	for (uint16_t q = 0; q < port->rx_queues; q++) {
		total = 0;
		do {
			n = rte_eth_rx_burst(port->id, q, packet, RTE_DIM(packet));
			rte_pktmbuf_free_bulk(packet, n);
			total += n;
		} while (n > 0 && total < DRAIN_MAXIMUM);
	}
}

void gremc_port_device_stop(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	const struct gremc_port *port = set->ports.port[index];
	int ret = 0;

	if (state->started) {
		rx_queues_drain(port);
		if (state->promiscuous)
			ret = rte_eth_promiscuous_disable(state->id);
		if (ret)
			GREMC_LOG(WARNING, "port %s: `%s` stays promiscuous: %s", port->name, port->device,
				  rte_strerror(-ret));
	}
	gremc_port_device_halt(set, index);
}

void gremc_port_device_halt(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	const struct gremc_port *port = set->ports.port[index];
	int ret;

	gremc_assert_control_thread();
	if (state->steer)
		gremc_steer_halt(state->steer);
	if (state->inner_rss)
		gremc_steer_inner_rss_destroy(state->id, state->inner_rss);
	state->inner_rss = NULL;
	if (!state->started)
		return;
	ret = rte_eth_dev_stop(state->id);
	if (ret)
		GREMC_LOG(ERR, "port %s: cannot stop `%s`: %s", port->name, port->device, rte_strerror(-ret));
	state->started = false;
}

/* ---- restart ---- */

/* Frames of the tunnels leave with port->mac, but a reset may change the address of the device. A refusal
 * shows when gremc_port_device_restart() compares the addresses. */
static void device_mac_restore(const struct gremc_port_state *state, const struct rte_ether_addr *mac)
{
	struct rte_ether_addr now;

	if (rte_eth_macaddr_get(state->id, &now) == 0 && !rte_is_same_ether_addr(&now, mac))
		(void)rte_eth_dev_default_mac_addr_set(state->id, (struct rte_ether_addr *)(uintptr_t)mac);
}

int gremc_port_device_restart(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	const struct rte_ether_addr mac = port->mac;
	const struct gremc_steer_device device = gremc_port_steer_device(state, port);
	char text[RTE_ETHER_ADDR_FMT_SIZE];
	int ret;

	gremc_assert_control_thread();
	gremc_assert(state->phase == GREMC_PHASE_CLOSED && !state->started);
	ret = device_configure(set, index);
	if (ret == 0)
		ret = device_queues_setup(set, index);
	if (ret == 0)
		device_mac_restore(state, &mac);
	if (ret == 0)
		ret = device_start(set, index);
	if (ret)
		return ret;
	if (!rte_is_same_ether_addr(&port->mac, &mac)) {
		rte_ether_format_addr(text, sizeof(text), &port->mac);
		GREMC_LOG(WARNING,
			  "port %s: `%s` has the MAC address %s now and refuses its old one; its frames "
			  "leave with the old one until the program restarts",
			  port->name, port->device, text);
		port->mac = mac;
	}
	return state->steer ? gremc_steer_restore(state->steer, &device) : 0;
}
