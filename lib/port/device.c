/* SPDX-License-Identifier: BSD-3-Clause */
/* Traits of drivers, and the ethdev of each device. */
#include <errno.h>
#include <string.h>

#include <rte_pci.h>

#include "port/port_priv.h"

const struct gremc_driver_trait *gremc_driver_trait(const char *driver)
{
	static const struct gremc_driver_trait traits[] = {
		{.name = "net_af_packet",
		 .fixed_queues = true,
		 .copies = true,
		 .on_netdev = true,
		 .socket_frames = true},
		{.name = "net_af_xdp", .fixed_queues = true, .on_netdev = true, .paired = true, .umem = true},
		{.name = "net_memif", .paired = true, .rejects_without_link = true},
		{.name = "net_null", .copies = true},
		{.name = "net_pcap", .fixed_queues = true, .copies = true},
		{.name = "net_tap", .copies = true, .paired = true, .tied_queues = true},
		{.name = "net_virtio", .paired = true},
		{.name = "net_virtio_user", .paired = true},
	};

	for (unsigned i = 0; i < RTE_DIM(traits); i++)
		if (driver && strcmp(driver, traits[i].name) == 0)
			return &traits[i];
	return NULL;
}

const char *gremc_driver_error_text(int ret)
{
	return ret == -1 ? "its driver has logged the reason" : rte_strerror(-ret);
}

/* ---- plug and find ---- */

int gremc_ports_devices_plug(struct gremc_port_set *set)
{
	int ret = 0, one;

	for (uint32_t i = 0; i < set->config->port_count; i++) {
		const struct gremc_config_port *config = &set->config->ports[i];

		if (config->interface[0] == '\0' && !config->isolate)
			continue;
		one = gremc_steer_open(config, &set->state[i].steer, set->errors);
		ret = one ? one : ret;
	}
	return ret;
}

/* The EAL writes PCI addresses with their domain and in lower case; a configuration may have other forms. */
int gremc_device_find(const char *device, uint16_t *id)
{
	struct rte_pci_addr address;
	char name[PCI_PRI_STR_SIZE];

	if (rte_eth_dev_get_port_by_name(device, id) == 0)
		return 0;
	if (rte_pci_addr_parse(device, &address))
		return -ENODEV;
	rte_pci_device_name(&address, name, sizeof(name));
	return rte_eth_dev_get_port_by_name(name, id);
}

static void device_report_missing(struct gremc_port_set *set, const struct gremc_port_state *state)
{
	static const char more[] = ", ...";
	char list[512] = "", name[RTE_ETH_NAME_MAX_LEN];
	size_t length = 0;
	uint16_t id;

	RTE_ETH_FOREACH_DEV (id) {
		if (rte_eth_dev_get_name_by_port(id, name))
			continue;
		if (length + strlen(name) + sizeof(more) > sizeof(list)) {
			gremc_text_copy(list + length, sizeof(list) - length, more);
			break;
		}
		length += snprintf(list + length, sizeof(list) - length, "%s%s", length ? ", " : "", name);
	}
	gremc_port_error(set, state, "no EAL device `%s`; this EAL has: %s; give it with --vdev or -a",
			 state->config->device, length ? list : "none");
}

static int port_device_find(struct gremc_port_set *set, struct gremc_port_state *state)
{
	int ret = gremc_device_find(state->config->device, &state->id);

	if (ret) {
		device_report_missing(set, state);
		return -ENODEV;
	}
	for (const struct gremc_port_state *other = set->state; other < state; other++) {
		if (!other->found || other->id != state->id)
			continue;
		gremc_port_error(set, state, "`%s` is already the device of %s", state->config->device,
				 other->config->name);
		return -EBUSY;
	}
	ret = rte_eth_dev_info_get(state->id, &state->info);
	if (ret) {
		gremc_port_error(set, state, "cannot read the capabilities of `%s`: %s",
				 state->config->device, gremc_driver_error_text(ret));
		return ret;
	}
	state->found = true;
	return 0;
}

int gremc_ports_devices_find(struct gremc_port_set *set)
{
	int ret = 0, one;

	gremc_netdev_mtus_save(set->netdev_mtu);
	for (uint32_t i = 0; i < set->config->port_count; i++) {
		struct gremc_port_state *state = &set->state[i];

		state->is_member = state->config->member_of != GREMC_CONFIG_NONE;
		one = state->config->is_bond ? 0 : port_device_find(set, state);
		ret = one ? one : ret;
	}
	return ret;
}
