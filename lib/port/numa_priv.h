/* SPDX-License-Identifier: BSD-3-Clause */
/* The audit of queues and pools that are used across NUMA nodes. */
#ifndef GREMC_PORT_NUMA_PRIV_H
#define GREMC_PORT_NUMA_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GREMC_NUMA_UNKNOWN (-1)
#define GREMC_NUMA_SEVERAL (-2) /* an lcore whose CPUs are on several nodes */

struct gremc_numa_lcore {
	unsigned lcore;
	int eal;    /* its node according to the EAL */
	int kernel; /* the node of the CPUs that it may run on, according to libnuma */
};
struct gremc_numa_port {
	const char *name;
	int node;
};
struct gremc_numa_queue { /* the worker polls this RX queue, or owns this shared TX queue */
	uint16_t port, queue, worker;
	bool is_tx;
};
struct gremc_numa_pool {
	const char *name;
	int node;     /* of its memory */
	bool of_port; /* an RX pool of port `user`; else the header pool of worker `user` */
	uint16_t user;
};
struct gremc_numa_topology {
	const struct gremc_numa_lcore *lcores; /* by worker */
	const struct gremc_numa_port *ports;   /* by index; name NULL: none */
	const struct gremc_numa_queue *queues;
	const struct gremc_numa_pool *pools;
	unsigned lcore_count, port_count, queue_count, pool_count;
};

enum gremc_numa_kind {
	GREMC_NUMA_LCORE_SPANS,    /* an lcore may run on CPUs of several nodes */
	GREMC_NUMA_LCORE_DISAGREE, /* EAL and kernel report different nodes */
	GREMC_NUMA_QUEUE,          /* a worker on another node than the port uses a queue */
	GREMC_NUMA_POOL,           /* the memory of a pool is on another node than its user */
};
struct gremc_numa_finding {
	enum gremc_numa_kind kind;
	unsigned index;       /* in the topology's array of lcores, queues or pools */
	int actual, expected; /* nodes */
};

/* Find all uses across nodes, without side effects. A node below 0 is unknown and gives no finding.
 * Returns: the number of findings; the first `size` of them are in findings. */
unsigned gremc_numa_check(const struct gremc_numa_topology *topology, struct gremc_numa_finding *findings,
			  unsigned size);
/* Write a finding and its remedy.
 * Returns: text. */
char *gremc_numa_finding_format(const struct gremc_numa_topology *topology,
				const struct gremc_numa_finding *finding, char *text, size_t size);

#endif
