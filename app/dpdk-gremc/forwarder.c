/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_lcore.h>

#include "base/annotate.h"
#include "forwarder.h"
#include "port/watch.h"

/* The tables are on each NUMA node that has a worker. */
static struct gremc_nodes nodes_of(const unsigned *lcores, unsigned count)
{
	struct gremc_nodes nodes = {0};

	for (unsigned i = 0; i < count; i++)
		gremc_nodes_add(&nodes, (int)rte_lcore_to_socket_id(lcores[i]));
	return nodes;
}

/* One node, as most machines have, is not worth a line. */
static void nodes_print(const struct gremc_forwarder *forwarder)
{
	if (forwarder->nodes.count == 1)
		return;
	printf("tables are on NUMA nodes");
	for (uint32_t i = 0; i < forwarder->nodes.count; i++)
		printf(" %d", forwarder->nodes.socket[i]);
	printf(", a copy on each\n");
}

static void roles_print(const struct gremc_forwarder *forwarder)
{
	const struct gremc_worker_group *workers = forwarder->workers;

	if (rte_lcore_count() == 1)
		printf("lcore %u polls; control is a thread beside it\n", workers->worker[0]->lcore);
	else
		printf("lcore %u controls\n", rte_get_main_lcore());
	gremc_ports_print(forwarder->ports, stdout);
	nodes_print(forwarder);
	fflush(stdout);
}

static void telemetry_start(struct gremc_forwarder *forwarder)
{
	forwarder->telemetry = (struct gremc_telemetry){
		.ports = forwarder->ports,
		.vifs = forwarder->vifs,
		.fanout = forwarder->fanout,
		.rcu = forwarder->rcu,
		.hosts = {forwarder->host, gremc_host_device_count, gremc_host_device_info,
			  gremc_host_overruns_read},
		.stats = forwarder->workers->stats,
		.stats_count = forwarder->workers->stats_count,
		.config_path = forwarder->options->source.config,
		.started = time(NULL),
	};
	gremc_control_telemetry_fill(forwarder->control, &forwarder->telemetry);
	if (gremc_telemetry_start(&forwarder->telemetry))
		GREMC_LOG(WARNING, "no telemetry: its commands cannot be registered");
}

static void forwarder_destroy(struct gremc_forwarder *forwarder)
{
	if (forwarder->epoll >= 0)
		close(forwarder->epoll);
	if (forwarder->rcu)
		gremc_rcu_synchronize(forwarder->rcu);
	gremc_workers_destroy(forwarder->workers, forwarder->rcu);
	gremc_control_destroy(forwarder->control);
	gremc_fanout_destroy(forwarder->fanout);
	gremc_vifs_destroy(forwarder->vifs);
	if (forwarder->rcu)
		gremc_rcu_destroy(forwarder->rcu);
}

/* A gremc_port_listener. */
static void port_status_changed(void *argument, uint16_t port)
{
	struct gremc_forwarder *forwarder = argument;
	const struct gremc_port *changed = forwarder->ports->port[port];

	gremc_workers_port_changed(forwarder->workers, changed);
	/* a short reset is no loss of the link to the kernel */
	if (gremc_port_status_get(changed) != GREMC_PORT_RESETTING)
		gremc_host_carrier_set(forwarder->host, port,
				       gremc_port_status_get(changed) == GREMC_PORT_UP);
}

/* The folder of the EAL's runtime folders, which does not depend on the file prefix: a process with another
 * prefix finds the same files. */
static void state_directory_find(struct gremc_forwarder *forwarder)
{
	char *slash;

	gremc_text_copy(forwarder->state_directory, sizeof(forwarder->state_directory),
			rte_eal_get_runtime_dir());
	slash = strrchr(forwarder->state_directory, '/');
	if (slash)
		*slash = '\0';
}

static int host_add(struct gremc_forwarder *forwarder, const struct gremc_config *config,
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

	state_directory_find(forwarder);
	forwarder->host = gremc_host_create(&parts, errors);
	if (forwarder->host == NULL)
		return -1;
	if (gremc_ports_watch(forwarder->ports, forwarder->rcu, forwarder->epoll, port_status_changed,
			      forwarder)) {
		gremc_errors_add(errors, NULL, 0, 0, "the devices' events cannot be waited for");
		return -1;
	}
	for (uint16_t i = 0; i < forwarder->ports->count; i++)
		if (forwarder->ports->port[i] && forwarder->ports->port[i]->interface[0])
			gremc_host_kernel_interface_set(forwarder->host, i,
							forwarder->ports->port[i]->interface);
	return takeover ? gremc_host_takeover_begin(forwarder->host, config, takeover, errors) : 0;
}

static struct gremc_control *control_create(const struct gremc_forwarder *forwarder)
{
	const struct gremc_control_context context = {
		.source = forwarder->options->source,
		.rcu = forwarder->rcu,
		.vifs = forwarder->vifs,
		.fanout = forwarder->fanout,
		.ports = forwarder->ports,
		.workers = forwarder->workers,
		.host = forwarder->host,
		.epoll = forwarder->epoll,
	};

	return gremc_control_create(&context);
}

/* Create everything but the content of the configuration. */
static int forwarder_build(struct gremc_forwarder *forwarder, const struct gremc_config *config,
			   struct gremc_errors *errors)
{
	unsigned lcores[GREMC_WORKERS_MAX], count = gremc_polling_lcores_get(lcores);

	forwarder->nodes = nodes_of(lcores, count);
	forwarder->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (forwarder->epoll < 0) {
		gremc_errors_add(errors, NULL, 0, 0, "cannot wait for events: %s", strerror(errno));
		return -1;
	}
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
	if (forwarder->workers == NULL)
		goto no_memory;
	if (host_add(forwarder, config, errors))
		return -1;
	forwarder->control = control_create(forwarder);
	if (forwarder->control)
		return 0;
no_memory:
	gremc_errors_add(errors, NULL, 0, 0, "out of memory; give DPDK more (-m or --socket-mem)");
	return -1;
}

/* Returns: whether a signal has stopped the start. */
static bool start_is_stopped(void *forwarder)
{
	return gremc_signals_read(forwarder);
}

int gremc_forwarder_init(struct gremc_forwarder *forwarder, const struct gremc_options *options,
			 struct gremc_config *config)
{
	struct gremc_errors errors = {0};
	int rc;

	forwarder->options = options;
	rc = forwarder_build(forwarder, config, &errors);
	if (rc)
		gremc_config_free(config);
	else
		rc = gremc_control_start(forwarder->control, config, start_is_stopped, forwarder, &errors);
	if (rc)
		goto fail;
	telemetry_start(forwarder);
	roles_print(forwarder);
	gremc_errors_fini(&errors);
	return 0;
fail:
	if (!forwarder->is_stopping)
		gremc_errors_log(&errors);
	gremc_errors_fini(&errors);
	gremc_host_destroy(forwarder->host, false);
	if (forwarder->ports)
		gremc_ports_close(forwarder->ports);
	forwarder_destroy(forwarder);
	return forwarder->is_stopping ? -1 : GREMC_EXIT_FAILURE;
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
	const struct gremc_config *config = gremc_control_config_get(forwarder->control);
	unsigned missing;

	gremc_telemetry_stop();
	gremc_host_destroy(forwarder->host, !config->settings.host_persist);
	gremc_workers_drain(forwarder->workers);
	gremc_forwarder_summary(forwarder);
	missing = gremc_ports_close(forwarder->ports);
	if (missing)
		printf("gremc: %u mbufs missing from the pools\n", missing);
#ifdef GREMC_ASAN
	/* Otherwise the end of the process frees the tables at once: with a million mroutes, free() takes
	 * half of the time of a stop. */
	forwarder_destroy(forwarder);
#endif
	fflush(stdout);
	return missing;
}
