/* SPDX-License-Identifier: BSD-3-Clause */
/* What of a new configuration a running program cannot take over. */
#include <string.h>

#include "config/config.h"

#define NAMES_TEXT 256

/* "wan0, wan1", cut where it gets long. */
static char *config_format_port_names(char *text, const struct gremc_config *config)
{
	size_t length = 0;

	*text = '\0';
	for (uint32_t i = 0; i < config->port_count && length < NAMES_TEXT; i++)
		length += snprintf(text + length, NAMES_TEXT - length, "%s%s", i ? ", " : "",
				   config->ports[i].name);
	return config->port_count ? text : strcpy(text, "none");
}

static bool config_ports_equal(const struct gremc_config *a, const struct gremc_config *b)
{
	if (a->port_count != b->port_count)
		return false;
	for (uint32_t i = 0; i < a->port_count; i++)
		if (strcmp(a->ports[i].name, b->ports[i].name))
			return false;
	return true;
}

static unsigned port_report_changes(const struct gremc_config_port *a, const struct gremc_config_port *b,
				    const char *path, struct gremc_errors *errors)
{
	bool is_other_device = strcmp(a->device, b->device) || a->is_bond != b->is_bond;
	const struct {
		const char *key;
		bool differs;
	} changes[] = {
		{"interface", strcmp(a->interface, b->interface)},
		{"device", is_other_device && !strcmp(a->interface, b->interface)},
		{"isolate", a->isolate != b->isolate},
		{"interfaces", !is_other_device && (a->member_count != b->member_count ||
						    memcmp(a->members, b->members, sizeof(a->members)))},
		{"mode", a->is_bond && b->is_bond && a->mode != b->mode},
		{"mtu", a->mtu != b->mtu},
		{"vlan", a->vlan != b->vlan},
		{"multicast", a->multicast != b->multicast},
	};
	unsigned count = 0;

	for (size_t i = 0; i < RTE_DIM(changes); i++) {
		if (!changes[i].differs)
			continue;
		gremc_errors_add(errors, path, 0, 0, "restart dpdk-gremc to change `%s` of %s",
				 changes[i].key, a->name);
		count++;
	}
	return count;
}

static unsigned setting_report_change(const char *key, unsigned a, unsigned b, const char *path,
				      struct gremc_errors *errors)
{
	if (a == b)
		return 0;
	gremc_errors_add(errors, path, 0, 0, "restart dpdk-gremc to change `%s` from %u to %u", key, a, b);
	return 1;
}

unsigned gremc_config_restart_check(const struct gremc_config *running_config,
				    const struct gremc_config *new_config, const char *path,
				    struct gremc_errors *errors)
{
	const struct gremc_config_settings *a = &running_config->settings, *b = &new_config->settings;
	char before[NAMES_TEXT], after[NAMES_TEXT];
	unsigned count = 0;

	if (config_ports_equal(running_config, new_config)) {
		for (uint32_t i = 0; i < running_config->port_count; i++)
			count += port_report_changes(&running_config->ports[i], &new_config->ports[i], path,
						     errors);
	} else {
		gremc_errors_add(errors, path, 0, 0, "restart dpdk-gremc to change the ports from %s to %s",
				 config_format_port_names(before, running_config),
				 config_format_port_names(after, new_config));
		count++;
	}
	count += setting_report_change("rx-descriptors", a->rx_descriptors, b->rx_descriptors, path, errors);
	count += setting_report_change("tx-descriptors", a->tx_descriptors, b->tx_descriptors, path, errors);
	return count;
}
