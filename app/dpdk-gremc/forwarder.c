/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_lcore.h>

#include "forwarder.h"

#define FIRST_SLICE_MICROSECONDS 50000u

/* What all workers read is on every node that has one. */
static struct gremc_nodes nodes_of(const unsigned *lcores, unsigned count)
{
	struct gremc_nodes nodes = {0};

	for (unsigned i = 0; i < count; i++)
		gremc_nodes_add(&nodes, (int)rte_lcore_to_socket_id(lcores[i]));
	return nodes;
}

/* Native multicast enters and leaves by a port's own vif: made once, for ports do not change. */
static int add_port_vifs(struct gremc_forwarder *forwarder)
{
	for (uint16_t i = 0; i < forwarder->ports->count; i++) {
		const struct gremc_port *port = forwarder->ports->port[i];
		uint32_t adjacency, vif;

		if (port == NULL || !port->multicast)
			continue;
		if (gremc_adjacency_get(forwarder->vifs, i, 0, &port->mac, port->vlan, &adjacency) ||
		    gremc_port_vif_add(forwarder->vifs, port->name, i, port->mtu, adjacency, &vif))
			return -1;
	}
	return 0;
}

/* What is the case on most machines is not worth a line. */
static void print_nodes(const struct gremc_forwarder *forwarder)
{
	if (forwarder->nodes.count == 1)
		return;
	printf("tables are on NUMA nodes");
	for (uint32_t i = 0; i < forwarder->nodes.count; i++)
		printf(" %d", forwarder->nodes.socket[i]);
	printf(", a copy on each\n");
}

static void print_roles(const struct gremc_forwarder *forwarder)
{
	const struct gremc_worker_group *workers = forwarder->workers;

	if (rte_lcore_count() == 1)
		printf("lcore %u polls; control is a thread beside it\n", workers->worker[0]->lcore);
	else
		printf("lcore %u controls\n", rte_get_main_lcore());
	gremc_ports_print(forwarder->ports, stdout);
	print_nodes(forwarder);
	fflush(stdout);
}

static struct gremc_telemetry telemetry_of(struct gremc_forwarder *forwarder)
{
	return (struct gremc_telemetry){
		.ports = forwarder->ports,
		.vifs = forwarder->vifs,
		.fanout = forwarder->fanout,
		.igmp = forwarder->membership.igmp,
		.rib = forwarder->membership.rib,
		.interface_vif = forwarder->membership.interface_vif,
		.mfc = &forwarder->kernel.mfc,
		.alive = &forwarder->kernel.alive,
		.igmp_unsent = &forwarder->membership.unsent,
		.igmp_changes = &forwarder->membership.changes,
		.igmp_applied = &forwarder->membership.applied,
		.igmp_delays = &forwarder->membership.delays,
		.rcu = forwarder->rcu,
		.hosts = {forwarder->host, gremc_host_device_count, gremc_host_device_info,
			  gremc_host_overruns_read},
		.stats = forwarder->workers->stats,
		.stats_count = forwarder->workers->stats_count,
		.config_path = forwarder->options->config,
		.started = time(NULL),
		.reloads = &forwarder->reloads,
		.reload_errors = &forwarder->reload_errors,
	};
}

static void tear_down(struct gremc_forwarder *forwarder)
{
	if (forwarder->epoll >= 0)
		close(forwarder->epoll);
	if (forwarder->rcu)
		gremc_rcu_synchronize(forwarder->rcu);
	gremc_workers_destroy(forwarder->workers, forwarder->rcu);
	gremc_membership_fini(&forwarder->membership);
	gremc_kernel_fini(&forwarder->kernel);
	gremc_fanout_destroy(forwarder->fanout);
	gremc_vifs_destroy(forwarder->vifs);
	if (forwarder->rcu)
		gremc_rcu_destroy(forwarder->rcu);
	free(forwarder->map.vif);
	free(forwarder->map.interface);
	gremc_loading_free(forwarder->reload.config);
	gremc_errors_fini(&forwarder->reload.errors);
	gremc_config_free(forwarder->config);
}

/* A gremc_port_listener. */
static void port_changed(void *argument, uint16_t port)
{
	struct gremc_forwarder *forwarder = argument;
	const struct gremc_port *changed = forwarder->ports->port[port];

	gremc_workers_port_changed(forwarder->workers, changed);
	/* a short reset is no loss of the link to the kernel */
	if (changed->status != GREMC_PORT_RESETTING)
		gremc_host_carrier_set(forwarder->host, port, changed->status == GREMC_PORT_UP);
}

/* The folder of the EAL's runtime folders, which does not depend on the file prefix: a process with another
 * prefix finds the same files. */
static void find_state_directory(struct gremc_forwarder *forwarder)
{
	char *slash;

	snprintf(forwarder->state_directory, sizeof(forwarder->state_directory), "%s",
		 rte_eal_get_runtime_dir());
	slash = strrchr(forwarder->state_directory, '/');
	if (slash)
		*slash = '\0';
}

static int add_host(struct gremc_forwarder *forwarder, const struct gremc_config *config,
		    struct gremc_errors *errors)
{
	const char *takeover = forwarder->options->takeover;
	const struct gremc_host_context parts = {
		.ports = forwarder->ports,
		.vifs = forwarder->vifs,
		.workers = forwarder->workers,
		.rcu = forwarder->rcu,
		.epoll = forwarder->epoll,
		.state_directory = forwarder->state_directory,
	};

	find_state_directory(forwarder);
	forwarder->host = gremc_host_create(&parts, errors);
	if (forwarder->host == NULL)
		return -1;
	if (gremc_ports_watch(forwarder->ports, forwarder->rcu, forwarder->epoll, port_changed, forwarder)) {
		gremc_errors_add(errors, NULL, 0, 0, "the devices' events cannot be waited for");
		return -1;
	}
	gremc_host_listener_set(forwarder->host, gremc_membership_input, forwarder);
	for (uint16_t i = 0; i < forwarder->ports->count; i++)
		if (forwarder->ports->port[i] && forwarder->ports->port[i]->interface[0])
			gremc_host_kernel_interface_set(forwarder->host, i,
							forwarder->ports->port[i]->interface);
	return takeover ? gremc_host_takeover_begin(forwarder->host, config, takeover, errors) : 0;
}

/* Everything but the configuration's content. */
static int build(struct gremc_forwarder *forwarder, const struct gremc_config *config,
		 struct gremc_errors *errors)
{
	unsigned lcores[GREMC_WORKERS_MAX], count = gremc_polling_lcores_get(lcores);

	forwarder->nodes = nodes_of(lcores, count);
	forwarder->epoll = epoll_create1(EPOLL_CLOEXEC);
	forwarder->rcu = gremc_rcu_create();
	if (forwarder->rcu == NULL)
		goto no_memory;
	forwarder->vifs = gremc_vifs_create(config->tunnel_count, &forwarder->nodes, forwarder->rcu);
	forwarder->fanout = gremc_fanout_create(config->mroute_count, &forwarder->nodes, forwarder->rcu);
	if (forwarder->vifs == NULL || forwarder->fanout == NULL)
		goto no_memory;
	forwarder->ports = gremc_ports_open(config, lcores, count, errors);
	if (forwarder->ports == NULL)
		return -1;
	forwarder->workers = gremc_workers_create(forwarder->ports, &config->settings, forwarder->vifs,
						  forwarder->fanout, forwarder->rcu);
	if (forwarder->workers == NULL || add_port_vifs(forwarder) || gremc_membership_init(forwarder))
		goto no_memory;
	return add_host(forwarder, config, errors);
no_memory:
	gremc_errors_add(errors, NULL, 0, 0, "out of memory; give DPDK more (-m or --socket-mem)");
	return -1;
}

struct first_apply {
	struct gremc_forwarder *forwarder;
	struct gremc_config *config;
	struct gremc_errors *errors;
};

static int first_apply_run(void *argument)
{
	const struct first_apply *apply = argument;

	return gremc_forwarder_apply(apply->forwarder, apply->config, apply->errors);
}

/* Apply the configuration of the start. A signal that ends the program cancels it. */
static int apply_first(struct gremc_forwarder *forwarder, struct gremc_config *config,
		       struct gremc_errors *errors)
{
	struct first_apply apply = {forwarder, config, errors};
	struct gremc_job job = {0};
	int rc = gremc_job_start(&job, "gremc-apply", first_apply_run, &apply);

	if (rc) {
		gremc_errors_add(errors, NULL, 0, 0, "cannot start a thread: %s", strerror(-rc));
		return rc;
	}
	while (!gremc_job_run(&job, FIRST_SLICE_MICROSECONDS))
		if (gremc_signals_stop(forwarder))
			gremc_job_cancel(&job);
	return gremc_job_finish(&job);
}

int gremc_forwarder_init(struct gremc_forwarder *forwarder, const struct gremc_options *options,
			 struct gremc_config *config)
{
	struct gremc_errors errors = {0};
	int rc;

	forwarder->options = options;
	rc = build(forwarder, config, &errors);
	if (rc == 0 && !gremc_signals_stop(forwarder))
		rc = apply_first(forwarder, config, &errors);
	if (rc || forwarder->stopping || forwarder->host_failed)
		goto fail;
	forwarder->telemetry = telemetry_of(forwarder);
	if (gremc_telemetry_start(&forwarder->telemetry))
		GREMC_LOG(WARNING, "no telemetry: its commands cannot be registered");
	print_roles(forwarder);
	return 0;
fail:
	if (!forwarder->stopping)
		gremc_errors_log(&errors);
	gremc_errors_fini(&errors);
	gremc_host_destroy(forwarder->host, false);
	if (forwarder->ports)
		gremc_ports_close(forwarder->ports);
	if (forwarder->config != config)
		gremc_config_free(config);
	tear_down(forwarder);
	return forwarder->stopping ? -1 : GREMC_EXIT_FAILURE;
}

int gremc_forwarder_commit(struct gremc_forwarder *forwarder)
{
	struct gremc_errors errors = {0};
	int rc = gremc_host_commit(forwarder->host, &errors);

	if (rc)
		gremc_errors_log(&errors);
	gremc_errors_fini(&errors);
	return rc;
}

unsigned gremc_forwarder_fini(struct gremc_forwarder *forwarder)
{
	unsigned missing;

	gremc_telemetry_stop();
	gremc_host_destroy(forwarder->host, !forwarder->config->settings.host_persist);
	gremc_workers_drain(forwarder->workers);
	gremc_forwarder_summary(forwarder);
	missing = gremc_ports_close(forwarder->ports);
	if (missing)
		printf("gremc: %u mbufs missing from the pools\n", missing);
	tear_down(forwarder);
	fflush(stdout);
	return missing;
}
