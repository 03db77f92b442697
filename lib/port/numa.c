/* SPDX-License-Identifier: BSD-3-Clause */
/* Queues and pools that are used across NUMA nodes: each packet then crosses the link between the sockets
 * several times. */
#include <numa.h>
#include <numaif.h>
#include <stdlib.h>
#include <string.h>

#include <rte_lcore.h>

#include "port/numa_priv.h"
#include "port/port_priv.h"

/* ---- the check ---- */

struct collector {
	struct gremc_numa_finding *findings;
	unsigned size, count;
};

static void finding_add(struct collector *collector, enum gremc_numa_kind kind, unsigned index, int actual,
			int expected)
{
	if (collector->count < collector->size)
		collector->findings[collector->count] =
			(struct gremc_numa_finding){kind, index, actual, expected};
	collector->count++;
}

static bool nodes_differ(int a, int b)
{
	return a >= 0 && b >= 0 && a != b;
}

/* Returns the node of an lcore; the kernel's data precede the EAL's. */
static int lcore_node(const struct gremc_numa_lcore *lcore)
{
	return lcore->kernel >= 0 ? lcore->kernel : lcore->eal;
}

unsigned gremc_numa_check(const struct gremc_numa_topology *topology, struct gremc_numa_finding *findings,
			  unsigned size)
{
	struct collector collector = {.findings = findings, .size = size};

	for (unsigned i = 0; i < topology->lcore_count; i++) {
		const struct gremc_numa_lcore *lcore = &topology->lcores[i];

		if (lcore->kernel == GREMC_NUMA_SEVERAL)
			finding_add(&collector, GREMC_NUMA_LCORE_SPANS, i, GREMC_NUMA_SEVERAL, lcore->eal);
		else if (nodes_differ(lcore->kernel, lcore->eal))
			finding_add(&collector, GREMC_NUMA_LCORE_DISAGREE, i, lcore->kernel, lcore->eal);
	}
	for (unsigned i = 0; i < topology->queue_count; i++) {
		const struct gremc_numa_queue *queue = &topology->queues[i];
		int actual = lcore_node(&topology->lcores[queue->worker]),
		    expected = topology->ports[queue->port].node;

		if (nodes_differ(actual, expected))
			finding_add(&collector, GREMC_NUMA_QUEUE, i, actual, expected);
	}
	for (unsigned i = 0; i < topology->pool_count; i++) {
		const struct gremc_numa_pool *pool = &topology->pools[i];
		int expected = pool->of_port ? topology->ports[pool->user].node
					     : lcore_node(&topology->lcores[pool->user]);

		if (nodes_differ(pool->node, expected))
			finding_add(&collector, GREMC_NUMA_POOL, i, pool->node, expected);
	}
	return collector.count;
}

char *gremc_numa_finding_format(const struct gremc_numa_topology *topology,
				const struct gremc_numa_finding *finding, char *text, size_t size)
{
	const struct gremc_numa_lcore *lcore = &topology->lcores[finding->index];
	const struct gremc_numa_queue *queue = &topology->queues[finding->index];
	const struct gremc_numa_pool *pool = &topology->pools[finding->index];

	switch (finding->kind) {
	case GREMC_NUMA_LCORE_SPANS:
		snprintf(
			text, size,
			"lcore %u may run on CPUs of several NUMA nodes; give it CPUs of one (-l or --lcores)",
			lcore->lcore);
		break;
	case GREMC_NUMA_LCORE_DISAGREE:
		snprintf(
			text, size,
			"lcore %u runs on NUMA node %d, the EAL places its memory on node %d; give it a CPU of node %d (--lcores)",
			lcore->lcore, finding->actual, finding->expected, finding->expected);
		break;
	case GREMC_NUMA_QUEUE:
		snprintf(
			text, size,
			"port %s is on NUMA node %d, lcore %u, which %s its queue %u, on node %d; give -l lcores of node %d",
			topology->ports[queue->port].name, finding->expected,
			topology->lcores[queue->worker].lcore,
			queue->is_tx ? "transmits for others by" : "polls", queue->queue, finding->actual,
			finding->expected);
		break;
	case GREMC_NUMA_POOL:
		snprintf(
			text, size,
			"pool %s is in memory of NUMA node %d, its user on node %d; give the EAL memory there (--socket-mem)",
			pool->name, finding->actual, finding->expected);
		break;
	}
	return text;
}

/* ---- the topology of open ports ---- */

/* Returns the node of the CPUs that an lcore may run on, GREMC_NUMA_SEVERAL or GREMC_NUMA_UNKNOWN. */
static int lcore_cpus_node(unsigned lcore)
{
	rte_cpuset_t cpus = rte_lcore_cpuset(lcore);
	int node = GREMC_NUMA_UNKNOWN, one;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &cpus))
			continue;
		one = numa_node_of_cpu(cpu);
		if (one < 0)
			continue;
		if (node >= 0 && node != one)
			return GREMC_NUMA_SEVERAL;
		node = one;
	}
	return node;
}

/* Returns the node of the pool's memory, which can differ from the requested one (--no-huge). */
static int pool_memory_node(const struct rte_mempool *pool)
{
	const struct rte_mempool_memhdr *memory = STAILQ_FIRST(&pool->mem_list);
	int node;

	if (memory && get_mempolicy(&node, NULL, 0, memory->addr, MPOL_F_NODE | MPOL_F_ADDR) == 0)
		return node;
	return pool->socket_id;
}

/* The topology with its arrays; too large for the stack. */
struct machine {
	struct gremc_numa_topology topology;
	struct gremc_numa_lcore lcores[GREMC_WORKERS_MAX];
	struct gremc_numa_port ports[GREMC_CONFIG_PORTS_MAX];
	struct gremc_numa_queue queues[2 * GREMC_CONFIG_PORTS_MAX * GREMC_QUEUES_MAX];
	struct gremc_numa_pool pools[GREMC_CONFIG_PORTS_MAX * GREMC_QUEUES_MAX + GREMC_WORKERS_MAX];
};

static void topology_read_port(struct machine *machine, const struct gremc_port *port)
{
	struct gremc_numa_topology *topology = &machine->topology;

	machine->ports[port->index] = (struct gremc_numa_port){port->name, port->socket};
	for (uint16_t q = 0; q < port->rx_queues; q++) {
		const struct rte_mempool *pool = port->rx_pool[q];

		machine->queues[topology->queue_count++] =
			(struct gremc_numa_queue){port->index, q, port->rx_worker[q], false};
		machine->pools[topology->pool_count++] =
			(struct gremc_numa_pool){pool->name, pool_memory_node(pool), true, port->index};
	}
	/* only the owner of a shared queue is a choice */
	for (uint16_t q = 0; q < port->tx_queues; q++)
		if (port->tx_ring[q])
			machine->queues[topology->queue_count++] =
				(struct gremc_numa_queue){port->index, q, port->tx_worker[q], true};
}

static void topology_read(struct machine *machine, const struct gremc_ports *ports)
{
	struct gremc_numa_topology *topology = &machine->topology;

	*topology = (struct gremc_numa_topology){
		.lcores = machine->lcores,
		.ports = machine->ports,
		.queues = machine->queues,
		.pools = machine->pools,
		.lcore_count = ports->worker_count,
		.port_count = ports->count,
	};
	for (uint16_t w = 0; w < ports->worker_count; w++) {
		const struct gremc_worker_place *worker = &ports->worker[w];

		machine->lcores[w] = (struct gremc_numa_lcore){worker->lcore, worker->socket,
							       lcore_cpus_node(worker->lcore)};
		machine->pools[topology->pool_count++] = (struct gremc_numa_pool){
			worker->header_pool->name, pool_memory_node(worker->header_pool), false, w};
	}
	for (uint16_t i = 0; i < ports->count; i++)
		if (ports->port[i])
			topology_read_port(machine, ports->port[i]);
}

int gremc_ports_numa_audit(struct gremc_port_set *set)
{
	struct gremc_numa_finding findings[64];
	struct machine *machine;
	char text[256];
	unsigned count;

	if (numa_available() < 0 || numa_max_node() == 0)
		return 0; /* one node */
	machine = calloc(1, sizeof(*machine));
	if (machine == NULL)
		return 0; /* the audit gives warnings only */
	topology_read(machine, &set->ports);
	count = gremc_numa_check(&machine->topology, findings, RTE_DIM(findings));
	for (unsigned i = 0; i < RTE_MIN(count, (unsigned)RTE_DIM(findings)); i++)
		GREMC_LOG(WARNING, "%s",
			  gremc_numa_finding_format(&machine->topology, &findings[i], text, sizeof(text)));
	if (count > RTE_DIM(findings))
		GREMC_LOG(WARNING, "and %u more such choices", count - (unsigned)RTE_DIM(findings));
	free(machine);
	return 0;
}
