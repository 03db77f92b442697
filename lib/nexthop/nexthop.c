/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of the module's object, the ports' kernel interfaces, and the set of mirrored tunnels. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "nexthop/nexthop_priv.h"

/* ---- the kernel interfaces of ports ---- */

void gremc_nexthops_port_ifindex_set(struct gremc_nexthops *nexthops, uint16_t port, unsigned ifindex)
{
	gremc_assert_control_thread();
	gremc_assert(port < RTE_DIM(nexthops->port));
	if (nexthops->port[port].ifindex == ifindex)
		return;
	nexthops->port[port].ifindex = ifindex;
	nexthops->port[port].vrf = gremc_link_vrf(nexthops->context.netlink, ifindex);
	gremc_nexthop_routes_changed(nexthops);
}

void gremc_nexthops_port_interface_set(struct gremc_nexthops *nexthops, uint16_t port, const char *name)
{
	gremc_assert_control_thread();
	gremc_assert(port < RTE_DIM(nexthops->port));
	gremc_text_copy(nexthops->port[port].name, sizeof(nexthops->port[port].name), name);
	gremc_nexthops_port_ifindex_set(nexthops, port, if_nametoindex(name));
}

static bool port_has_interface(const struct gremc_nexthops *nexthops, uint16_t port)
{
	return nexthops->port[port].name[0] != '\0';
}

bool gremc_nexthops_port_follows_kernel(const struct gremc_nexthops *nexthops,
					const struct gremc_config *config, uint16_t port)
{
	return config->ports[port].host || port_has_interface(nexthops, port);
}

void gremc_nexthop_link_changed(struct gremc_nexthops *nexthops, const struct gremc_link *link, bool removed)
{
	const struct gremc_nexthops_context *context = &nexthops->context;

	gremc_assert_control_thread();
	for (uint16_t i = 0; i < RTE_DIM(nexthops->port); i++) {
		struct gremc_nexthop_port *port = &nexthops->port[i];

		if (strcmp(port->name, link->name) == 0) {
			gremc_nexthops_port_ifindex_set(nexthops, i, removed ? 0 : link->ifindex);
			/* the kernel sets a link down before it removes it, but the port keeps working */
			context->port_down_set(context->argument, i, !removed && !(link->flags & IFF_UP));
		}
		if (port->ifindex == link->ifindex)
			port->vrf = link->in_vrf ? link->master : 0;
	}
	/* the kernel removes a link's routes without a message about each of them */
	gremc_nexthop_routes_changed(nexthops);
}

/* ---- the mirrored tunnels ---- */

static bool tunnel_follows_kernel(const struct gremc_nexthops *nexthops, const struct gremc_config *config,
				  const struct gremc_config_tunnel *tunnel)
{
	return gremc_nexthops_port_follows_kernel(nexthops, config, tunnel->port) &&
	       gremc_config_next_hop(&config->ports[tunnel->port], tunnel->options.remote).mac == NULL;
}

int gremc_nexthops_config_reserve(struct gremc_nexthops *nexthops, const struct gremc_config *config)
{
	gremc_assert_control_thread();
	free(nexthops->reserved);
	nexthops->reserved = calloc(config->tunnel_count + 1, sizeof(*nexthops->reserved));
	return nexthops->reserved ? 0 : -ENOMEM;
}

void gremc_nexthops_config_apply(struct gremc_nexthops *nexthops, const struct gremc_config *config,
				 const uint32_t *vif)
{
	struct gremc_nexthop_binding *bindings = nexthops->reserved, *old = nexthops->bindings;
	uint32_t count = 0, old_count = nexthops->binding_count;

	gremc_assert_control_thread();
	gremc_assert(bindings != NULL);
	nexthops->reserved = NULL;
	nexthops->config = config;
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_tunnel *tunnel = &config->tunnels[i];

		if (!tunnel_follows_kernel(nexthops, config, tunnel))
			continue;
		gremc_job_pause();
		bindings[count] =
			(struct gremc_nexthop_binding){.vif = vif[i],
						       .port = tunnel->port,
						       .local = GREMC_ADDR_IPV4(tunnel->options.local),
						       .remote = GREMC_ADDR_IPV4(tunnel->options.remote)};
		gremc_nexthop_binding_update(nexthops, &bindings[count++]);
	}
	nexthops->bindings = bindings;
	nexthops->binding_count = count;
	nexthops->pass_active = false;
	nexthops->full_check_ended = gremc_clock_ms();
	/* last, so that a neighbour that both sets use is not created again */
	for (uint32_t i = 0; i < old_count; i++)
		gremc_nexthop_neighbor_put(nexthops, old[i].neighbor);
	free(old);
	gremc_rcu_commit(nexthops->context.rcu);
}

/* ---- the control loop ---- */

/* Events were dropped: read everything again. */
static void nexthops_resync(struct gremc_nexthops *nexthops)
{
	gremc_counter_add(&nexthops->overruns, 1);
	GREMC_LOG_LIMITED(NOTICE,
			  "netlink: more changes at once than could be read; looking at everything again");
	for (uint16_t i = 0; i < RTE_DIM(nexthops->port); i++)
		if (port_has_interface(nexthops, i))
			gremc_nexthops_port_ifindex_set(nexthops, i, if_nametoindex(nexthops->port[i].name));
	gremc_nexthop_routes_changed(nexthops);
	gremc_nexthop_neighbors_refresh(nexthops);
	nexthops->context.links_resync(nexthops->context.argument);
	nexthops->resync_due = false;
}

int gremc_nexthops_poll(struct gremc_nexthops *nexthops, uint64_t now)
{
	int wait;

	gremc_assert_control_thread();
	if (nexthops->resync_due)
		nexthops_resync(nexthops);
	wait = gremc_nexthop_routes_poll(nexthops, now);
	if (nexthops->stale_count == 0 && nexthops->unresolved_count == 0)
		return wait;
	gremc_nexthop_neighbors_poll(nexthops, now);
	return wait < 0 ? GREMC_NEIGHBOR_INTERVAL : RTE_MIN(wait, GREMC_NEIGHBOR_INTERVAL);
}

uint64_t gremc_nexthops_overruns_read(const struct gremc_nexthops *nexthops)
{
	return gremc_counter_read(&nexthops->overruns);
}

/* ---- life ---- */

struct gremc_nexthops *gremc_nexthops_create(const struct gremc_nexthops_context *context)
{
	struct rte_hash_parameters parameters = {
		.name = "gremc_neighbors",
		.entries = GREMC_ADJACENCIES_MAX,
		.key_len = sizeof(uint32_t) + sizeof(struct gremc_addr),
		.socket_id = SOCKET_ID_ANY,
	};
	struct gremc_nexthops *nexthops = calloc(1, sizeof(*nexthops));
	int rc;

	gremc_assert_control_thread();
	if (nexthops == NULL)
		return NULL;
	nexthops->context = *context;
	nexthops->neighbors = rte_hash_create(&parameters);
	rc = nexthops->neighbors ? gremc_nexthop_events_open(nexthops) : -ENOMEM;
	if (rc == 0)
		return nexthops;
	gremc_nexthops_destroy(nexthops);
	errno = -rc;
	return NULL;
}

void gremc_nexthops_destroy(struct gremc_nexthops *nexthops)
{
	if (nexthops == NULL)
		return;
	for (uint32_t i = 0; i < nexthops->binding_count; i++)
		gremc_nexthop_neighbor_put(nexthops, nexthops->bindings[i].neighbor);
	gremc_nexthop_events_close(nexthops);
	rte_hash_free(nexthops->neighbors);
	free(nexthops->bindings);
	free(nexthops->reserved);
	free(nexthops);
}
