/* SPDX-License-Identifier: BSD-3-Clause */
/* port: ethdev ports and bonds, their queues, mbuf pools and where all that lies on the NUMA nodes.
 *
 * Built by the control thread before the workers start, taken down after they have stopped. While they run
 * the control thread follows what happens to the devices (gremc_ports_watch()); all else is immutable. A
 * `worker` is a polling lcore, numbered from 0 in the order of the list given. */
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
#include "rcu/rcu.h"
#include "stats/stats.h"

/* Bounds of what a worker holds outside of rings. Pools are planned with them (plan.c). */
#define GREMC_PENDING_MBUFS 128u /* packets for next hops that are not resolved */
#define GREMC_WORK_MBUFS                                                                                     \
	192u /* a burst, copies of it, and a stash of header buffers or a burst out of a ring */
#define GREMC_TX_HELD_MAX 512u /* packets for a port that does not keep up, of each TX queue */
#define GREMC_TX_MBUFS    128u /* replicas in the transmit buffer of one port */

#define GREMC_WORKERS_MAX       128
#define GREMC_QUEUES_MAX        128
#define GREMC_WORKER_QUEUES_MAX 64 /* RX queues that one worker polls, of all ports */
#define GREMC_TXQ_NONE          UINT16_MAX

/* The state of a port while the program runs. */
enum gremc_port_status {
	GREMC_PORT_UP,
	GREMC_PORT_DOWN,      /* no link */
	GREMC_PORT_RESETTING, /* from here on the workers leave its queues alone */
	GREMC_PORT_FAILED,    /* it does not start again; it is tried on */
	GREMC_PORT_REMOVED,   /* its device has gone; it is looked for */
};

/* An open port. Only ports that carry traffic of their own are here: a member of a bond is not. */
struct gremc_port {
	uint16_t id;    /* ethdev */
	uint16_t index; /* in the configuration: also the index in struct gremc_ports and in the counters */
	char name[GREMC_NAME_SIZE];
	char device[GREMC_DEVICE_SIZE];
	struct rte_ether_addr mac;
	/* The kernel keeps the device (`interface:`, `isolate:`), and has it under this name, the VLAN's
	 * where the port has one; empty where it is not known. */
	bool shared;
	char interface[GREMC_NAME_SIZE];
	uint16_t mtu;   /* as read back from the device */
	uint16_t vlan;  /* 0: untagged */
	bool multicast; /* a vif for native multicast */
	bool multi_seg; /* can transmit chained mbufs, and was asked to */
	bool copies;    /* could, and was not asked to, because no replica of this configuration is a chain */
	bool keep_alive; /* a bond in mode 802.3ad: transmit bursts at least every 100 ms, empty ones, too */
	uint16_t max_segments; /* of one transmitted packet; 0: no limit known */
	/* Written by the control thread; atomic. */
	enum gremc_port_status status;
	uint64_t link_changes;
	bool refuses;      /* without a link its driver takes no packets: the workers need not be told */
	uint64_t resets;   /* restarts that its device, or a member of the bond, asked for */
	uint64_t removals; /* of its device, or of members of the bond */
	int socket;
	uint16_t rx_queues, tx_queues; /* tx_queues: the workers' */
	bool host_tx; /* one TX queue more, number `tx_queues`, is the control thread's own */
	uint16_t rx_descriptors, tx_descriptors;
	uint16_t rx_worker[GREMC_QUEUES_MAX]; /* which worker polls each RX queue */
	struct rte_mempool *rx_pool[GREMC_QUEUES_MAX];
	/* Which worker owns each TX queue. A worker owns at most one queue of a port, and then sends by it.
	 */
	uint16_t tx_worker[GREMC_QUEUES_MAX];
	/* A worker without a TX queue of its own hands packets to the owner of this queue by its ring. */
	uint16_t tx_queue[GREMC_WORKERS_MAX];       /* by worker: the queue that its packets leave by */
	struct rte_ring *tx_ring[GREMC_QUEUES_MAX]; /* by queue; NULL unless other workers use the queue */
};

struct gremc_worker_place {
	unsigned lcore;
	int socket;
	struct rte_mempool *header_pool;
	uint32_t header_capacity; /* bytes of one header mbuf after RTE_PKTMBUF_HEADROOM */
	/* copies of payloads for other workers, shared by the workers of a node; NULL: no shards */
	struct rte_mempool *shard_pool;
};

/* How many mbufs the rings may hold, powers of two. The pools are planned with these sizes. */
struct gremc_ring_sizes {
	uint32_t tx;                   /* each tx_ring */
	uint32_t relay;                /* to one worker, from all others together */
	uint32_t up[GREMC_PUNT_COUNT]; /* from one worker to the control thread */
	uint32_t down;                 /* from the control thread to one worker */
};

struct gremc_ports {
	uint16_t count; /* configuration's ports, members of bonds included */
	uint16_t worker_count;
	/* What the pools are planned for; without, a reload cannot turn it on. */
	bool spread; /* packets of any RX pool with any worker (settings.spread) */
	bool shards; /* settings.shard_threshold; the workers have shard pools */
	struct gremc_ring_sizes rings;
	struct gremc_worker_place worker[GREMC_WORKERS_MAX];
	/* Held to ask a device, and to take one down or set it up. */
	pthread_mutex_t devices;
	struct rte_mempool *host_pool; /* what the control thread sends; mbufs of host_capacity bytes */
	uint32_t host_capacity;        /* after RTE_PKTMBUF_HEADROOM */
	/* By index in the configuration; NULL: a bond's member. */
	struct gremc_port *port[GREMC_CONFIG_PORTS_MAX];
};

/* Any thread: "up", "down", "resetting", "failed", "removed". */
const char *gremc_port_status_name(enum gremc_port_status status);
/* May the queues of the port be used? */
static inline bool gremc_port_is_closed(enum gremc_port_status status)
{
	return status >= GREMC_PORT_RESETTING;
}

/* The sizes of the rings of so many workers, with a host path, where memory is not short. */
void gremc_ring_sizes_init(struct gremc_ring_sizes *rings, uint16_t workers);

/* Which lcores poll: all but the main one, or the only one. Returns how many; the array has room for
 * GREMC_WORKERS_MAX. */
unsigned gremc_polling_lcores_get(unsigned *lcores);

/* Find or make each port of the configuration, set up queues and pools for the `count` polling lcores, start
 * the devices. What is unusual but works (fewer queues than workers, a setting the device adjusted, memory or
 * lcores on another node than the port, a pool smaller than wanted) is logged as a warning. NULL: the reason
 * has been added to *errors and everything is closed again. */
struct gremc_ports *gremc_ports_open(const struct gremc_config *config, const unsigned *lcores,
				     unsigned count, struct gremc_errors *errors);
/* Stop and close the devices, free the pools. Returns how many mbufs were missing from the pools (0: no
 * leak), each pool that lacks some is logged. */
unsigned gremc_ports_close(struct gremc_ports *ports);

/* ---- while the program runs: links, resets, removals ----
 *
 * A device that asks for a reset is taken from the workers, reset, set up as before and given back; one that
 * has been removed is taken from them, closed, and looked for until it is there again. The same of a member
 * of a bond, which goes on without it. */

/* Called when the status of ports->port[port] has changed, which has the new one, and `id` of a device that
 * has come back. From then on the workers follow it: of a closed port they use no queue. */
typedef void gremc_port_listener(void *argument, uint16_t port);

/* Follow the devices from now on: their events are waited for in `epoll` (data.ptr is a struct gremc_watch).
 * The listener is called at once for each port, later from gremc_ports_poll(). The workers are readers of
 * `rcu`, which outlives the ports.
 * Thread:  control thread.
 * Returns: 0 or a negative errno. */
int gremc_ports_watch(struct gremc_ports *ports, struct gremc_rcu *rcu, int epoll,
		      gremc_port_listener *listener, void *argument);
/* Take up the events that have come, look at the links of devices that raise none, go on with resets.
 * Thread:  control thread, at each turn of its loop.
 * Input:   now in milliseconds of a clock that never goes back.
 * Returns: milliseconds until the next call at the latest, at most `wait` (-1: no limit). */
int gremc_ports_poll(struct gremc_ports *ports, uint64_t now, int wait);

/* Let all groups in where multicast, `host` or `igmp` of the wanted configuration need them, and no longer
 * where they do not; let the kernel's VLANs in where `host` is new. Control thread. */
void gremc_ports_filters_change(struct gremc_ports *ports, const struct gremc_config *config);

/* Ports whose device stays the kernel's (`interface:`, `isolate:`) take what the configuration names: GRE to
 * the tunnels' local addresses, multicast to the groups of mroutes from the port. First _add() what the
 * wanted configuration has, then, when nothing can fail any more, _trim() to it; or back to the running one.
 * Control thread. Returns 0, or a negative errno with the reason in *errors. */
int gremc_ports_steer_add(struct gremc_ports *ports, const struct gremc_config *config,
			  struct gremc_errors *errors);
void gremc_ports_steer_trim(struct gremc_ports *ports, const struct gremc_config *config);

/* Multicast that such a port takes: what an mroute is for. Another source of the group, without an mroute, is
 * the kernel's, which may ask a daemon for one. */
struct gremc_steer_group {
	struct gremc_prefix group;
	rte_be32_t source; /* 0: any */
};

/* What such a port with `multicast` takes besides: the groups of mroutes that accept it and that others than
 * the configuration brought (IGMP, the kernel). In any order, also twice; they replace those of the last
 * call. What the device has no room for is logged, and tried again with the next call. Control thread. */
void gremc_ports_steer_groups(struct gremc_ports *ports, uint16_t port,
			      const struct gremc_steer_group *groups, uint32_t count);
/* The next packet of that is the kernel's, so that it counts the flow, or its daemon sees one. Returns
 * whether the port can do that: with `interface:`, and where it takes just that. Control thread. */
bool gremc_ports_steer_pass(struct gremc_ports *ports, uint16_t port, const struct gremc_steer_group *group);

/* The start-up table: port, device, MAC, MTU, queue, lcore, pool, node; one line a queue. */
void gremc_ports_print(const struct gremc_ports *ports, FILE *out);

#endif
