/* SPDX-License-Identifier: BSD-3-Clause */
/* The settings and next hops of tunnels. */
#include <errno.h>
#include <string.h>

#include "control/control_priv.h"

#define WARNINGS_MAX 5u /* of one kind */

struct gremc_vif_info gremc_tunnel_info_of(const struct gremc_control *control,
					   const struct gremc_config *config,
					   const struct gremc_config_tunnel *tunnel)
{
	const struct gremc_port *port = control->ports->port[tunnel->port];
	struct gremc_vif_info info = {
		.kind = GREMC_VIF_TUNNEL,
		.port = port->index,
		.mtu = gremc_tunnel_mtu(&tunnel->options, port->mtu),
		.ignore_df = tunnel->ignore_df,
		.next_hop = gremc_next_hop_of(config, tunnel).next_hop,
		.options = tunnel->options,
	};

	memcpy(info.name, tunnel->name, sizeof(info.name));
	return info;
}

/* ---- next hops ---- */

struct gremc_config_next_hop gremc_next_hop_of(const struct gremc_config *config,
					       const struct gremc_config_tunnel *tunnel)
{
	return gremc_config_next_hop(&config->ports[tunnel->port], tunnel->options.remote);
}

bool gremc_next_hop_is_mirrored(const struct gremc_control *control, const struct gremc_config *config,
				const struct gremc_config_tunnel *tunnel,
				const struct gremc_config_next_hop *next_hop)
{
	gremc_assert_control_thread();
	/* a static neighbour has precedence over the kernel's */
	return next_hop->mac == NULL && gremc_host_port_follows_kernel(control->host, config, tunnel->port);
}

int gremc_next_hop_adjacency_get(struct gremc_control *control, const struct gremc_config_tunnel *tunnel,
				 rte_be32_t next_hop, uint32_t *adjacency)
{
	const struct gremc_port *port = control->ports->port[tunnel->port];

	gremc_assert_control_thread();
	/* without a route the remote address takes the place of the next hop, and has no MAC address */
	return gremc_adjacency_get(control->vifs, port->index, next_hop ? next_hop : tunnel->options.remote,
				   &port->mac, port->vlan, adjacency);
}

/* ---- apply ---- */

/* Get the adjacency of a tunnel that exists, with a reference. */
static int vif_adjacency_get(struct gremc_control *control, const struct gremc_config *config,
			     const struct gremc_config_tunnel *tunnel, uint32_t vif, uint32_t *adjacency)
{
	const struct gremc_config_next_hop next_hop = gremc_next_hop_of(config, tunnel);
	int rc;

	if (gremc_next_hop_is_mirrored(control, config, tunnel, &next_hop)) {
		/* it stays until the mirror sets another one */
		*adjacency = gremc_vif_adjacency(control->vifs, vif);
		gremc_adjacency_hold(control->vifs, *adjacency);
		return 0;
	}
	rc = gremc_next_hop_adjacency_get(control, tunnel, next_hop.next_hop, adjacency);
	if (rc)
		return rc;
	/* before the tunnel sends by it */
	rc = gremc_adjacency_resolve(control->vifs, *adjacency, next_hop.mac);
	if (rc)
		gremc_adjacency_release(control->vifs, *adjacency);
	return rc;
}

static int tunnel_configure(struct gremc_control *control, const struct gremc_config *config,
			    const struct gremc_config_tunnel *tunnel, uint32_t vif)
{
	const struct gremc_vif_info info = gremc_tunnel_info_of(control, config, tunnel);
	uint32_t adjacency;
	int rc = vif_adjacency_get(control, config, tunnel, vif, &adjacency);

	return rc ? rc : gremc_tunnel_change(control->vifs, vif, &info, adjacency);
}

static void ports_mark(struct gremc_control *control, const struct gremc_config *config)
{
	for (uint16_t i = 0; i < config->port_count; i++)
		gremc_port_pcp_set(control->vifs, i, config->ports[i].pcp);
}

bool gremc_tunnels_configure(struct gremc_control *control, const struct gremc_config *config,
			     const struct gremc_vif_map *map)
{
	uint32_t failed = 0, last = 0;

	gremc_assert_control_thread();
	ports_mark(control, config);
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		if (tunnel_configure(control, config, &config->tunnels[i], map->vif[i])) {
			failed++;
			last = i;
		}
		gremc_job_pause();
	}
	gremc_rcu_commit(control->rcu);
	if (failed)
		GREMC_LOG_LIMITED(ERR, "out of memory: %u tunnels keep old settings, %s is one of them",
				  failed, config->tunnels[last].name);
	return failed == 0;
}

/* ---- warnings ---- */

/* Warn that a tunnel cannot send. */
static void unresolved_warn(const struct gremc_config *config, const struct gremc_config_tunnel *tunnel)
{
	const char *port = config->ports[tunnel->port].name;
	const rte_be32_t next_hop = gremc_next_hop_of(config, tunnel).next_hop;
	char text[GREMC_IPV4_TEXT];

	if (next_hop)
		GREMC_LOG(
			WARNING,
			"%s: next hop %s on %s has no MAC: add it to the port's `neighbors:`; until then its "
			"replicas are lost as no_adjacency",
			tunnel->name, gremc_ipv4_format(text, next_hop), port);
	else
		GREMC_LOG(WARNING,
			  "%s: no route to remote %s on %s: add `gateway4:` or `routes:`; until then its "
			  "replicas are lost as no_adjacency",
			  tunnel->name, gremc_ipv4_format(text, tunnel->options.remote), port);
}

static void next_hops_warn(const struct gremc_control *control, const struct gremc_config *config)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &config->tunnels[i];
		const struct gremc_config_next_hop next_hop = gremc_next_hop_of(config, tunnel);

		if (next_hop.mac == NULL && !gremc_next_hop_is_mirrored(control, config, tunnel, &next_hop) &&
		    count++ < WARNINGS_MAX)
			unresolved_warn(config, tunnel);
		gremc_job_pause();
	}
	if (count > WARNINGS_MAX)
		GREMC_LOG(WARNING, "and %u more tunnels without a usable next hop", count - WARNINGS_MAX);
}

static void mtus_warn(const struct gremc_control *control, const struct gremc_config *config)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &config->tunnels[i];
		uint16_t mtu = gremc_tunnel_mtu(&tunnel->options, control->ports->port[tunnel->port]->mtu);

		if (tunnel->options.mtu > mtu && count++ < WARNINGS_MAX)
			GREMC_LOG(WARNING, "%s: MTU %u does not fit port %s; it is %u", tunnel->name,
				  tunnel->options.mtu, config->ports[tunnel->port].name, mtu);
		gremc_job_pause();
	}
	if (count > WARNINGS_MAX)
		GREMC_LOG(WARNING, "and %u more tunnels with an MTU that does not fit their port",
			  count - WARNINGS_MAX);
}

void gremc_tunnels_warn(const struct gremc_control *control, const struct gremc_config *config)
{
	gremc_assert_control_thread();
	next_hops_warn(control, config);
	mtus_warn(control, config);
}
