/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes of a configuration that a running program cannot apply. */
#include <string.h>

#include "config/config_priv.h"

#define NAMES_TEXT 256

/* Write "wan0, wan1", truncated if it is long.
 * Returns: text. */
static char *config_format_port_names(char *text, const struct gremc_config *config)
{
	size_t length = 0;

	*text = '\0';
	for (uint32_t i = 0; i < config->port_count && length < NAMES_TEXT; i++)
		length += snprintf(text + length, NAMES_TEXT - length, "%s%s", i ? ", " : "",
				   config->ports[i].name);
	if (config->port_count == 0)
		snprintf(text, NAMES_TEXT, "none");
	return text;
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

/* Whether two ports differ in a key that needs a restart. */
static bool port_key_differs(enum key_id id, const struct gremc_config_port *a,
			     const struct gremc_config_port *b)
{
	const bool is_other_device = strcmp(a->device, b->device) || a->is_bond != b->is_bond;

	switch (id) {
	case KEY_INTERFACE:
		return strcmp(a->interface, b->interface);
	case KEY_ETHERNET_DEVICE:
		return is_other_device && strcmp(a->interface, b->interface) == 0;
	case KEY_BOND_DEVICE:
		return false; /* the same field and message as of an Ethernet */
	case KEY_ISOLATE:
		return a->isolate != b->isolate;
	case KEY_INTERFACES:
		return !is_other_device && (a->member_count != b->member_count ||
					    memcmp(a->members, b->members, sizeof(a->members)));
	case KEY_BOND_MODE:
		return a->is_bond && b->is_bond && a->mode != b->mode;
	case KEY_MTU:
		return a->mtu != b->mtu;
	case KEY_VLAN:
		return a->vlan != b->vlan;
	case KEY_MULTICAST:
		return a->multicast != b->multicast;
	default:
		gremc_assert(!"a key of a port that needs a restart is compared");
		return false;
	}
}

/* The keys that need a restart are those of the table of keys. */
static unsigned port_report_changes(const struct gremc_config_port *a, const struct gremc_config_port *b,
				    const char *path, struct gremc_errors *errors)
{
	const unsigned sections = IN(ETHERNET) | IN(BOND) | IN(PARAMETERS);
	unsigned count = 0;

	for (enum key_id id = 0; id < KEY_COUNT; id++) {
		const struct key *key = &gremc_config_keys[id];

		if (!key->needs_restart || !(key->sections & sections) || !port_key_differs(id, a, b))
			continue;
		gremc_errors_add(errors, path, 0, 0, "restart dpdk-gremc to change `%s` of %s", key->name,
				 a->name);
		count++;
	}
	return count;
}

static unsigned settings_report_changes(const struct gremc_config_settings *a,
					const struct gremc_config_settings *b, const char *path,
					struct gremc_errors *errors)
{
	unsigned count = 0;

	for (const struct key *key = gremc_config_keys; key < gremc_config_keys + KEY_COUNT; key++) {
		uint16_t before, after;

		if (!key->needs_restart || !(key->sections & IN(SETTINGS)))
			continue;
		gremc_assert(key->size == sizeof(before));
		memcpy(&before, (const uint8_t *)a + key->offset, sizeof(before));
		memcpy(&after, (const uint8_t *)b + key->offset, sizeof(after));
		if (before == after)
			continue;
		gremc_errors_add(errors, path, 0, 0, "restart dpdk-gremc to change `%s` from %u to %u",
				 key->name, before, after);
		count++;
	}
	return count;
}

unsigned gremc_config_restart_check(const struct gremc_config *running_config,
				    const struct gremc_config *new_config, const char *path,
				    struct gremc_errors *errors)
{
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
	return count +
	       settings_report_changes(&running_config->settings, &new_config->settings, path, errors);
}
