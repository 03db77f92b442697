/* SPDX-License-Identifier: BSD-3-Clause */
/* The MTU of a port (IP bytes of a frame), and the capacity of RX mbufs and the scattered RX that it needs.
 * Each lower device of a port must accept the MTU. */
#include <errno.h>
#include <linux/bpf.h>
#include <unistd.h>

#include "port/port_priv.h"

/* The overhead that ethdev adds to the MTU when a device reports none. */
#define USUAL_OVERHEAD (RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN)
#define TWO_VLAN_TAGS  8u

/* A UMEM buffer lies in one page, together with the pool's header, the mbuf and the headroom; the pool may
 * add a cache line to distribute its objects over memory channels. */
static uint32_t umem_capacity_max(void)
{
	return getpagesize() - RTE_CACHE_LINE_SIZE - sizeof(struct rte_mbuf) - RTE_PKTMBUF_HEADROOM -
	       RTE_CACHE_LINE_SIZE;
}

static bool device_reports_overhead(const struct rte_eth_dev_info *info)
{
	return info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu;
}

uint32_t gremc_port_mtu_max(const struct rte_eth_dev_info *info)
{
	uint32_t frame_max = gremc_netdev_frame_max(info);
	uint32_t overhead =
		device_reports_overhead(info) ? info->max_rx_pktlen - info->max_mtu : USUAL_OVERHEAD;
	const struct gremc_driver_trait *trait = gremc_driver_trait(info->driver_name);

	/* the kernel strips VLAN tags from received frames; for transmission the socket has more space */
	if (frame_max)
		return RTE_MAX(frame_max, RTE_ETHER_HDR_LEN) - RTE_ETHER_HDR_LEN;
	if (trait && trait->umem)
		return umem_capacity_max() - XDP_PACKET_HEADROOM - RTE_ETHER_HDR_LEN - TWO_VLAN_TAGS;
	if (info->max_rx_pktlen <= overhead)
		return 0;
	return RTE_MIN(info->max_rx_pktlen - overhead, info->max_mtu);
}

uint16_t gremc_port_vlan_extra(const struct rte_eth_dev_info *info)
{
	if (!device_reports_overhead(info) || gremc_netdev_has_mtu(info))
		return 0; /* unknown; the kernel and most devices accept a tag in addition to the MTU */
	return info->max_rx_pktlen - info->max_mtu < USUAL_OVERHEAD + RTE_VLAN_HLEN ? RTE_VLAN_HLEN : 0;
}

/* Find the MTU that the configuration gives the port or its members, which must agree. 0: the device's own.
 */
static int port_configured_mtu(struct gremc_port_set *set, const struct gremc_port_state *state,
			       uint16_t *mtu)
{
	const struct gremc_config_port *config = state->config;

	*mtu = config->mtu;
	for (uint32_t i = 0; i < config->member_count; i++) {
		const struct gremc_config_port *member = set->state[config->members[i]].config;

		if (member->mtu == 0)
			continue;
		if (*mtu == 0)
			*mtu = member->mtu;
		if (member->mtu == *mtu)
			continue;
		gremc_port_error(set, state,
				 "member %s has mtu %u, the bond has %u; a bond and its members have one MTU",
				 member->name, member->mtu, *mtu);
		return -EINVAL;
	}
	return 0;
}

static const char *ethdev_name(uint16_t id, char *name)
{
	if (rte_eth_dev_get_name_by_port(id, name))
		snprintf(name, RTE_ETH_NAME_MAX_LEN, "port %u", id);
	return name;
}

static uint16_t device_own_mtu(const struct gremc_port_set *set, uint16_t id)
{
	uint16_t mtu = RTE_ETHER_MTU;

	if (set->netdev_mtu[id])
		return set->netdev_mtu[id];
	/* a failure leaves Ethernet's usual MTU */
	(void)rte_eth_dev_get_mtu(id, &mtu);
	return mtu;
}

/* Check that a lower device accepts the planned MTU. `own`: the MTU is the device's own and may be lowered.
 */
static int lower_mtu_fit(struct gremc_port_set *set, struct gremc_port_state *state, uint16_t id, bool own)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	struct rte_eth_dev_info info;
	uint32_t most;
	int ret = rte_eth_dev_info_get(id, &info);

	if (ret) {
		gremc_port_error(set, state, "cannot read the capabilities of `%s`: %s",
				 ethdev_name(id, name), rte_strerror(-ret));
		return ret;
	}
	most = gremc_port_mtu_max(&info);
	most -= RTE_MIN(most, (uint32_t)(state->config->vlan ? gremc_port_vlan_extra(&info) : 0));
	state->rx_capacity =
		RTE_MAX(state->rx_capacity, RTE_MAX(gremc_netdev_rx_capacity(&info), info.min_rx_bufsize));
	if (own)
		state->planned_mtu = RTE_MIN(state->planned_mtu, device_own_mtu(set, id));
	if (state->planned_mtu <= most)
		return 0;
	if (own) {
		GREMC_LOG(WARNING,
			  "port %s: `%s` carries only %u bytes of its MTU of %u: it drops longer packets%s",
			  state->config->name, ethdev_name(id, name), most, state->planned_mtu,
			  !state->on_netdev ? ""
			  : state->umem     ? "; give the interface a smaller MTU"
					    : "; give it a larger framesz, or the interface a smaller MTU");
		state->planned_mtu = most;
		return 0;
	}
	gremc_port_error(set, state, "mtu %u is more than `%s` accepts, %u%s", state->planned_mtu,
			 ethdev_name(id, name), most,
			 gremc_netdev_frame_max(&info) ? "; a larger framesz= of the device carries more"
						       : "");
	return -EINVAL;
}

/* Plan RX mbufs for a frame with two VLAN tags: one mbuf, or several of the usual size where the device can
 * scatter. */
static int rx_capacity_plan(struct gremc_port_set *set, struct gremc_port_state *state)
{
	uint32_t frame = state->planned_mtu + RTE_ETHER_HDR_LEN + TWO_VLAN_TAGS;
	char name[RTE_ETH_NAME_MAX_LEN];

	if (state->umem) /* the kernel reserves this headroom before the frame */
		frame += XDP_PACKET_HEADROOM;
	state->rx_capacity = RTE_MAX(state->rx_capacity, GREMC_PORT_RX_CAPACITY_MIN);
	if (frame <= state->rx_capacity)
		return 0;
	if (state->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) {
		uint16_t segments = state->info.rx_desc_lim.nb_mtu_seg_max;

		if (segments && segments != UINT16_MAX) /* the most of one frame */
			state->rx_capacity =
				RTE_MAX(state->rx_capacity, RTE_ALIGN((frame + segments - 1) / segments,
								      (uint32_t)RTE_CACHE_LINE_SIZE));
		state->conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
		return 0;
	}
	if (frame > GREMC_PORT_RX_CAPACITY_MAX) {
		gremc_port_error(
			set, state,
			"mtu %u does not fit into one buffer, and `%s` cannot scatter; the maximum is %u",
			state->planned_mtu, ethdev_name(state->id, name),
			GREMC_PORT_RX_CAPACITY_MAX - RTE_ETHER_HDR_LEN - TWO_VLAN_TAGS);
		return -EINVAL;
	}
	state->rx_capacity =
		RTE_MIN(RTE_ALIGN(frame, RTE_CACHE_LINE_SIZE), (uint32_t)GREMC_PORT_RX_CAPACITY_MAX);
	return 0;
}

int gremc_port_mtu_plan(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	int ret = port_configured_mtu(set, state, &state->planned_mtu);
	bool own = state->planned_mtu == 0;

	if (ret)
		return ret;
	if (own)
		state->planned_mtu = UINT16_MAX;
	for (uint16_t i = 0; i < state->lower_count; i++) {
		ret = lower_mtu_fit(set, state, state->lower_id[i], own);
		if (ret)
			return ret;
	}
	for (uint16_t i = 0; i < state->lower_count && state->config->vlan; i++) {
		struct rte_eth_dev_info info;

		if (rte_eth_dev_info_get(state->lower_id[i], &info) == 0)
			state->vlan_extra = RTE_MAX(state->vlan_extra, gremc_port_vlan_extra(&info));
	}
	state->conf.rxmode.mtu = state->planned_mtu + state->vlan_extra;
	if (state->on_netdev) /* ethdev's maximum for this driver */
		state->conf.rxmode.mtu = RTE_MIN(state->planned_mtu, RTE_ETHER_MTU);
	return rx_capacity_plan(set, state);
}

static int netdevs_mtu_set(struct gremc_port_set *set, struct gremc_port_state *state)
{
	struct rte_eth_dev_info info;
	char name[RTE_ETH_NAME_MAX_LEN];
	int ret;

	for (uint16_t i = 0; i < state->lower_count; i++) {
		if (rte_eth_dev_info_get(state->lower_id[i], &info) || !gremc_netdev_has_mtu(&info))
			continue;
		ret = gremc_netdev_mtu_set(info.if_index, state->planned_mtu);
		if (ret) {
			gremc_port_error(set, state, "the interface of `%s` does not accept mtu %u: %s",
					 ethdev_name(state->lower_id[i], name), state->planned_mtu,
					 rte_strerror(-ret));
			return ret;
		}
	}
	return 0;
}

/* Read the smallest MTU of the lower devices. */
static int lowers_mtu_read(const struct gremc_port_state *state, uint16_t *mtu)
{
	struct rte_eth_dev_info info;
	uint16_t one;
	int ret;

	*mtu = UINT16_MAX;
	for (uint16_t i = 0; i < state->lower_count; i++) {
		ret = rte_eth_dev_info_get(state->lower_id[i], &info);
		if (ret == 0 && gremc_netdev_has_mtu(&info))
			ret = gremc_netdev_mtu_get(info.if_index, &one);
		else if (ret == 0)
			ret = rte_eth_dev_get_mtu(state->lower_id[i], &one);
		if (ret)
			return ret;
		*mtu = RTE_MIN(*mtu, one);
	}
	*mtu -= RTE_MIN(*mtu, state->vlan_extra);
	return 0;
}

int gremc_port_mtu_apply(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	/* a shared interface keeps its MTU, unless the configuration has one */
	bool is_given = state->on_netdev && (state->config->mtu || state->config->interface[0] == '\0');
	int ret = is_given ? netdevs_mtu_set(set, state) : 0;

	if (ret)
		return ret;
	ret = lowers_mtu_read(state, &port->mtu);
	if (ret) {
		gremc_port_error(set, state, "cannot read the MTU back: %s", rte_strerror(-ret));
		return ret;
	}
	if (port->mtu < state->planned_mtu) {
		gremc_port_error(set, state, "mtu %u is configured, but the device has %u",
				 state->planned_mtu, port->mtu);
		return -EINVAL;
	}
	port->mtu = state->planned_mtu;
	return 0;
}
