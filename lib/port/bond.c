/* SPDX-License-Identifier: BSD-3-Clause */
/* Bonds: those of the configuration, made by DPDK's bonding API, and those that the EAL made of a
 * --vdev=net_bonding argument. */
#include <errno.h>

#include <rte_eth_bond.h>

#include "port/port_priv.h"

static_assert(GREMC_BOND_BALANCE_RR == BONDING_MODE_ROUND_ROBIN &&
		      GREMC_BOND_ACTIVE_BACKUP == BONDING_MODE_ACTIVE_BACKUP &&
		      GREMC_BOND_BALANCE_XOR == BONDING_MODE_BALANCE &&
		      GREMC_BOND_BROADCAST == BONDING_MODE_BROADCAST &&
		      GREMC_BOND_8023AD == BONDING_MODE_8023AD,
	      "the modes have DPDK's numbers");

static bool ethdev_is_bond(uint16_t id)
{
	return rte_eth_bond_mode_get(id) >= 0;
}

static struct gremc_port_state *port_state_find(struct gremc_port_set *set, uint16_t id)
{
	for (uint32_t i = 0; i < set->config->port_count; i++)
		if (set->state[i].found && set->state[i].id == id)
			return &set->state[i];
	return NULL;
}

/* ---- bonds of the configuration ---- */

/* Returns the NUMA node of the first member that reports one. */
static uint8_t bond_node_select(const struct gremc_port_set *set, const struct gremc_config_port *config)
{
	for (uint32_t i = 0; i < config->member_count; i++) {
		int node = rte_eth_dev_socket_id(set->state[config->members[i]].id);

		if (node >= 0)
			return node;
	}
	return RTE_MAX(set->ports.worker[0].socket, 0);
}

static int bond_member_attach(struct gremc_port_set *set, struct gremc_port_state *bond,
			      struct gremc_port_state *member)
{
	if (ethdev_is_bond(member->id)) {
		gremc_port_error(set, bond, "`%s` is a bond itself; a member is an ordinary device",
				 member->config->device);
		return -EINVAL;
	}
	if (gremc_bond_member_add(bond->id, member->id)) {
		gremc_port_error(
			set, bond,
			"DPDK's bonding does not accept `%s` (driver %s) as a member; it has logged the reason",
			member->config->device, member->info.driver_name);
		return -EINVAL;
	}
	bond->lower_id[bond->lower_count++] = member->id;
	return 0;
}

/* Modes balance-xor and 802.3ad: hash layers 3 and 4. GRE has no ports, so the hash uses the two outer
 * addresses: one tunnel uses one member, and many tunnels use all members. Layer 2 alone would put all
 * tunnels behind one gateway on one member. */
static void bond_policy_set(const struct gremc_port_state *bond)
{
	const struct gremc_config_port *config = bond->config;

	if (config->mode != GREMC_BOND_BALANCE_XOR && config->mode != GREMC_BOND_8023AD)
		return;
	if (rte_eth_bond_xmit_policy_set(bond->id, BALANCE_XMIT_POLICY_LAYER34))
		GREMC_LOG(WARNING, "port %s: the bond does not hash layers 3 and 4: it may use one member",
			  config->name);
}

static int bond_create(struct gremc_port_set *set, struct gremc_port_state *bond)
{
	const struct gremc_config_port *config = bond->config;
	char name[RTE_ETH_NAME_MAX_LEN];
	int ret;

	for (uint32_t i = 0; i < config->member_count; i++)
		if (!set->state[config->members[i]].found)
			return -ENODEV; /* gremc_ports_devices_find() added the error */
	if (config->member_count == 0) {
		gremc_port_error(set, bond, "a bond needs members; name them in `interfaces`");
		return -EINVAL;
	}
	snprintf(name, sizeof(name), GREMC_PORT_BOND_PREFIX "_%s", config->name);
	ret = rte_eth_bond_create(name, config->mode, bond_node_select(set, config));
	if (ret < 0) {
		gremc_port_error(set, bond, "DPDK cannot make the bond `%s`: %s", name, rte_strerror(-ret));
		return ret;
	}
	bond->id = ret;
	bond->found = bond->made = bond->touched = true;
	bond_policy_set(bond);
	ret = 0;
	for (uint32_t i = 0; i < config->member_count && ret == 0; i++)
		ret = bond_member_attach(set, bond, &set->state[config->members[i]]);
	return ret;
}

/* ---- bonds of the EAL ---- */

/* The driver adds the members that its arguments name when it is configured, not before. */
static int bond_members_learn(struct gremc_port_set *set, struct gremc_port_state *bond)
{
	const struct rte_eth_conf nothing = {0};
	int count;

	bond->touched = true;
	if (rte_eth_dev_configure(bond->id, 1, 1, &nothing) ||
	    (count = gremc_bond_members_get(bond->id, bond->lower_id, RTE_DIM(bond->lower_id))) <= 0) {
		gremc_port_error(
			set, bond,
			"the bond `%s` has no usable members; are the members of its --vdev devices of this EAL?",
			bond->config->device);
		return -ENODEV;
	}
	bond->lower_count = count;
	for (int i = 0; i < count; i++) {
		const struct gremc_port_state *other = port_state_find(set, bond->lower_id[i]);

		if (other == NULL)
			continue;
		gremc_port_error(set, other,
				 "`%s` is a member of the bond `%s`; it carries no traffic of its own",
				 other->config->device, bond->config->device);
		return -EBUSY;
	}
	return 0;
}

int gremc_ports_bonds_create(struct gremc_port_set *set)
{
	int ret = 0, one;

	for (uint32_t i = 0; i < set->config->port_count; i++) {
		struct gremc_port_state *state = &set->state[i];

		if (state->is_member)
			continue;
		one = 0;
		if (state->config->is_bond) {
			one = bond_create(set, state);
		} else if (state->found && ethdev_is_bond(state->id)) {
			one = bond_members_learn(set, state);
		} else if (state->found) {
			state->lower_id[0] = state->id;
			state->lower_count = 1;
		}
		ret = one ? one : ret;
	}
	return ret;
}

/* ---- close ---- */

/* Release the TX queues of a member, which is stopped, before the bond removes it.
 *
 * A bond that removes a member makes ethdev release the member's queues (rte_eth_dev_internal_reset()): first
 * the RX queues with their array, then the TX queues. From DPDK 24.11 on, at the latest, net_tap's release of
 * a TX queue (tap_tx_queue_release() in drivers/net/tap/rte_eth_tap.c) reads the array of RX queues, which is
 * a null pointer by then. Ethdev has no function that only releases a queue. But rte_eth_tx_queue_setup()
 * releases the old queue before it checks the new one's offloads, so a request for impossible offloads leaves
 * none. */
static void member_tx_queues_release(uint16_t member)
{
	const struct rte_eth_txconf impossible = {.offloads = UINT64_MAX};
	const struct gremc_driver_trait *trait;
	int type = rte_log_register("lib.ethdev");
	struct rte_eth_dev_info info;
	int level;

	if (rte_eth_dev_info_get(member, &info))
		return;
	trait = gremc_driver_trait(info.driver_name);
	if (trait == NULL || !trait->tied_queues)
		return;
	/* ethdev logs each refusal as an error */
	level = type < 0 ? -1 : rte_log_get_level(type);
	if (level >= 0)
		(void)rte_log_set_level(type, RTE_LOG_CRIT);
	for (uint16_t q = 0; q < info.nb_tx_queues; q++)
		(void)rte_eth_tx_queue_setup(member, q, 0, SOCKET_ID_ANY, &impossible);
	if (level >= 0)
		(void)rte_log_set_level(type, level);
}

int gremc_bond_member_detach(uint16_t bond, uint16_t member)
{
	gremc_assert_control_thread();
	/* fails on a device that has been removed, which has stopped */
	(void)rte_eth_dev_stop(member);
	member_tx_queues_release(member);
	return gremc_bond_member_remove(bond, member);
}

static void bond_members_detach(const struct gremc_port_state *bond, const char *name)
{
	for (uint16_t i = 0; i < bond->lower_count; i++) {
		if (bond->lower[i].gone || bond->lower[i].out)
			continue;
		if (gremc_bond_member_detach(bond->id, bond->lower_id[i]))
			GREMC_LOG(ERR, "port %s: the bond does not release its member %u", name,
				  bond->lower_id[i]);
	}
}

void gremc_port_device_close(struct gremc_port_state *state, const char *name)
{
	char device[RTE_ETH_NAME_MAX_LEN];
	bool bond;
	int ret;

	gremc_assert(!state->started);
	if (!state->touched || rte_eth_dev_get_name_by_port(state->id, device))
		return;
	bond = ethdev_is_bond(state->id);
	if (bond)
		bond_members_detach(state, name);
	ret = rte_eth_dev_close(state->id);
	if (ret)
		GREMC_LOG(ERR, "port %s: cannot close `%s`: %s", name, device, rte_strerror(-ret));
	if (state->made && rte_eth_bond_free(device))
		GREMC_LOG(ERR, "port %s: cannot free the bond `%s`", name, device);
	for (uint16_t i = 0; bond && i < state->lower_count; i++) {
		if (state->lower[i].gone)
			continue;
		ret = rte_eth_dev_close(state->lower_id[i]);
		if (ret)
			GREMC_LOG(ERR, "port %s: cannot close a member: %s", name, rte_strerror(-ret));
	}
	state->touched = false;
}
