/* SPDX-License-Identifier: BSD-3-Clause */
/* port: ethdev ports and bonds, their queues, their mbuf pools and the NUMA nodes of all of them.
 *
 * The control thread opens the ports before the workers start and closes them after the workers have ended.
 * In between it follows the devices (port/watch.h); except for the fields that are marked so, the structs are
 * immutable. A worker is a polling lcore; workers are numbered from 0 in the order of the given list. */
#ifndef GREMC_PORT_PORT_H
#define GREMC_PORT_PORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_ether.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "config/config.h"
#include "port/limits.h"
#include "stats/stats.h"

/* Workers do not use the queues of a port from GREMC_PORT_RESETTING on. */
enum gremc_port_status {
	GREMC_PORT_UP,
	GREMC_PORT_DOWN, /* no link */
	GREMC_PORT_RESETTING,
	GREMC_PORT_FAILED,  /* a restart has failed; the control thread retries it */
	GREMC_PORT_REMOVED, /* the device has been removed; the control thread looks for it */
	GREMC_PORT_STATUSES,
};

/* An open port. Members of a bond are not ports: they carry no traffic of their own. */
struct gremc_port {
	uint16_t id; /* ethdev; control thread: rw; workers have a copy and reload it when the port opens */
	uint16_t index; /* in the configuration, in struct gremc_ports and in the counters */
	char name[GREMC_NAME_SIZE];
	char device[GREMC_DEVICE_SIZE];
	struct rte_ether_addr mac;
	bool shared; /* bifurcated: the kernel keeps the interface (`interface:`, `isolate:`) */
	/* The kernel's name of the shared interface, or of its VLAN interface; empty: unknown. */
	char interface[GREMC_NAME_SIZE];
	uint16_t mtu;    /* as read from the device */
	uint16_t vlan;   /* 0: untagged */
	bool multicast;  /* a vif for native multicast */
	bool multi_seg;  /* transmits chained mbufs */
	bool copies;     /* could transmit chains; not enabled, because no replica can be a chain */
	bool keep_alive; /* a bond in mode 802.3ad: needs a transmit burst, also an empty one, every 100 ms */
	uint16_t max_segments;         /* of one transmitted packet; 0: unlimited */
	bool rejects_without_link;     /* its driver accepts no packet while there is no link */
	gremc_atomic_int status;       /* enum gremc_port_status. Writer: control thread. Readers: any. */
	uint64_t link_changes;         /* counters. Writer: control thread. Readers: any. */
	uint64_t resets;               /* restarts of the device or of members */
	uint64_t removals;             /* of the device or of members */
	int socket;                    /* NUMA node, or SOCKET_ID_ANY */
	uint16_t rx_queues, tx_queues; /* tx_queues: of workers */
	bool host_tx;                  /* the control thread owns one more TX queue, number `tx_queues` */
	uint16_t rx_descriptors, tx_descriptors;
	uint16_t rx_worker[GREMC_QUEUES_MAX]; /* the worker that polls each RX queue */
	struct rte_mempool *rx_pool[GREMC_QUEUES_MAX];
	/* The worker that owns each TX queue. A worker owns at most one queue of a port and transmits by it.
	 */
	uint16_t tx_worker[GREMC_QUEUES_MAX];
	/* By worker, the queue that its packets leave by. A worker that does not own this queue enqueues to
	 * the queue's ring. */
	uint16_t tx_queue[GREMC_WORKERS_MAX];
	struct rte_ring *tx_ring[GREMC_QUEUES_MAX]; /* by queue; NULL: only the owner uses the queue */
};

struct gremc_worker_place {
	unsigned lcore;
	int socket; /* NUMA node */
	struct rte_mempool *header_pool;
	uint32_t header_capacity; /* bytes of one header mbuf behind RTE_PKTMBUF_HEADROOM */
	/* Payload copies for an OIL split, shared by the workers of a node; NULL: OIL split is off. */
	struct rte_mempool *shard_pool;
};

/* The numbers of mbufs that the rings can hold, powers of two. The pools are planned with these sizes. */
struct gremc_ring_sizes {
	uint32_t tx;                   /* each tx_ring */
	uint32_t relay;                /* the handoff ring of one worker, from all others */
	uint32_t up[GREMC_PUNT_COUNT]; /* punts, from one worker to the control thread, by class */
	uint32_t down;                 /* injected packets, from the control thread to one worker */
};

struct gremc_ports {
	uint16_t count; /* ports of the configuration, with members of bonds */
	uint16_t worker_count;
	/* The pools are planned for these; a reload can enable no feature that is off here. */
	bool spread; /* software RSS (`spread`): any worker handles packets of any RX pool */
	bool shards; /* OIL split (`shard-threshold`): the workers have shard pools */
	struct gremc_ring_sizes rings;
	struct gremc_worker_place worker[GREMC_WORKERS_MAX];
	/* Held by any thread while it queries a device, and by the control thread while it restarts one. */
	pthread_mutex_t devices;
	struct rte_mempool *host_pool; /* packets of the host; mbufs of host_capacity bytes */
	uint32_t host_capacity;        /* behind RTE_PKTMBUF_HEADROOM */
	/* By index in the configuration; NULL: a member of a bond. */
	struct gremc_port *port[GREMC_CONFIG_PORTS_MAX];
};

/* ---- state ---- */

/* Returns: "up", "down", "resetting", "failed" or "removed". */
const char *gremc_port_status_name(enum gremc_port_status status);

/* Returns: whether workers must not use the queues of the port. */
static inline bool gremc_port_is_closed(enum gremc_port_status status)
{
	return status >= GREMC_PORT_RESETTING;
}

/* Thread: any. */
static inline enum gremc_port_status gremc_port_status_get(const struct gremc_port *port)
{
	return (enum gremc_port_status)gremc_int_load(&port->status);
}

/* ---- life ---- */

/* Set the ring sizes for a number of workers and a host path, as with sufficient memory. */
void gremc_ring_sizes_init(struct gremc_ring_sizes *rings, uint16_t workers);
/* List the lcores that poll: all but the main lcore, or the main lcore when it is the only one.
 * Input:   lcores has space for GREMC_WORKERS_MAX.
 * Returns: their number, at least 1. */
unsigned gremc_polling_lcores_get(unsigned *lcores);
/* Find or create each port of the configuration, set up its queues and pools, and start it. Warnings in the
 * log name degraded operation: fewer queues than workers, adjusted settings, remote NUMA nodes, small pools.
 * Thread:  control thread.
 * Input:   lcores, the `count` polling lcores, 1 to GREMC_WORKERS_MAX.
 * Owner:   gremc_ports_close() frees the ports; the configuration may be freed before.
 * Returns: the ports; NULL with the reasons in *errors, and everything is closed again. */
struct gremc_ports *gremc_ports_open(const struct gremc_config *config, const unsigned *lcores,
				     unsigned count, struct gremc_errors *errors);
/* Stop and close the devices, free the pools. Log each pool that lacks mbufs.
 * Thread:  control thread, after the workers have ended.
 * Input:   NULL is a no-op.
 * Returns: the number of mbufs that were not returned to the pools; 0: no leak. */
unsigned gremc_ports_close(struct gremc_ports *ports);
/* Apply a new configuration to the receive filters: enable all-multicast where `multicast`, `host` or `igmp`
 * need it, disable it elsewhere, and disable the VLAN filter where `host` is new.
 * Thread:  control thread. */
void gremc_ports_filters_change(struct gremc_ports *ports, const struct gremc_config *config);
/* Print the start-up table: port, device, MAC, MTU, queue, lcore, pool, node; one line per queue.
 * Thread:  control thread. */
void gremc_ports_print(const struct gremc_ports *ports, FILE *out);

#endif
