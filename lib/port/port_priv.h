/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside port/: what opening and closing need beyond the public structs. Control thread only.
 *
 * Opening is a row of steps over all ports (port.c), so that a user sees at once what is wrong with each of
 * them. A step returns 0, or a negative errno after it has added its errors. */
#ifndef GREMC_PORT_PORT_PRIV_H
#define GREMC_PORT_PORT_PRIV_H

#include <rte_ethdev.h>

#include "base/base.h"
#include "port/port.h"

#define GREMC_PORT_RX_CAPACITY_MIN 2048u
#define GREMC_PORT_RX_CAPACITY_MAX (UINT16_MAX - RTE_PKTMBUF_HEADROOM)
#define GREMC_PORT_HEADERS         96u /* Ethernet, VLAN, outer IPv4 and GRE of a replica, rounded up */
/* mbufs of a UMEM queue's pool that the driver keeps: 2048 to be filled, 2048 on their way out */
#define GREMC_PORT_UMEM_HELD 4096u

/* How the bonding driver knows its devices. */
#define GREMC_PORT_BOND_PREFIX "net_bonding"

/* What is special about a driver (drivers without a line here: nothing). */
struct gremc_driver_trait {
	const char *name;
	bool fixed_queues; /* its arguments fix the queues and all of them receive: all must be polled */
	bool copies;       /* transmits a copy: no mbuf stays with it after a burst */
	bool kernel;       /* a socket on a kernel's interface: the MTU is the kernel's */
	bool frames;       /* its socket has frames of a size of their own, `framesz` */
	bool refuses;      /* without a link it takes no packet, and the link comes with the first packet */
	bool paired;       /* as many TX as RX queues: a TX queue alone is refused, or breaks receiving */
	bool tied_queues;  /* releasing TX queues reads the list of RX queues: gremc_bond_member_detach() */
	/* Its RX pools are shared memory (UMEM) with the kernel: rings of a power of two, mbufs of a page at
	 * most, and what its rings hold at the end is not given back. What it sends it copies into a queue's
	 * RX pool. */
	bool umem;
};

/* The outer headers by which a tunnel's packets are known. */
struct gremc_steer_tunnel {
	rte_be32_t local, remote;
	uint32_t key; /* 0 without one */
	bool has_key;
};

/* What of a device that the kernel keeps is ours. Both ascending in host order (tunnels by local, remote,
 * has_key, key; groups by address, then length, then source), none twice. */
struct gremc_steer_set {
	struct gremc_steer_tunnel *tunnels; /* all of the configuration: routing may bring them by any port */
	struct gremc_steer_group *groups;   /* native multicast that is ours */
	uint32_t tunnel_count, group_count;
};

/* Bounds what a link that flaps writes to the log. */
struct gremc_link_log {
	uint64_t since;  /* milliseconds: the window's start */
	uint32_t lines;  /* logged in the window */
	uint32_t silent; /* link changes that were not logged */
};

/* A wire of a port: the port's device itself, or a member of a bond. */
struct gremc_link_state {
	bool up;
	struct gremc_link_log log;
};

/* What a wire needs before it carries frames again. */
enum gremc_lower_need {
	GREMC_LOWER_NEEDS_NOTHING,
	GREMC_LOWER_NEEDS_RESET,
	GREMC_LOWER_NEEDS_DEVICE, /* it has been removed */
};

/* How a wire is found again, and how far that is. */
struct gremc_lower_device {
	char name[RTE_ETH_NAME_MAX_LEN];   /* ethdev */
	char device[RTE_ETH_NAME_MAX_LEN]; /* on its bus */
	const char *bus;                   /* DPDK's; static */
	char *arguments;                   /* malloc; NULL: none */
	enum gremc_lower_need need;
	bool gone;         /* no ethdev has its number now */
	bool out;          /* of a bond: it is no member now */
	bool ready;        /* of a bond, and out: it can be a member again */
	uint64_t next_try; /* milliseconds */
	uint32_t delay;    /* of the try after that, milliseconds */
	char *reason;      /* malloc: why the last one failed; it is logged when it changes */
};

enum gremc_port_phase {
	GREMC_PHASE_OPEN,
	GREMC_PHASE_CLOSING, /* until each worker has seen that it is closed */
	GREMC_PHASE_CLOSED,
};

struct gremc_port_state {
	const struct gremc_config_port *config; /* once open: &kept, because a reload frees the other */
	struct gremc_config_port kept;          /* its lists are empty */
	uint16_t id;                            /* ethdev */
	bool found;
	bool is_member; /* of a bond: the bond opens and closes it */
	bool made;      /* a bond that we made */
	bool touched;   /* configured, or a bond: we close it */
	bool started;
	bool promiscuous;
	bool all_multicast;         /* wanted: for native multicast, the host or IGMP */
	bool is_vf;                 /* a virtual function, whose physical one filters VLANs */
	bool rss_outer;             /* the device's RSS sees outer headers only */
	struct rte_flow *inner_rss; /* the rule that has it see inner ones; NULL: none */
	bool kernel;                /* a wire is the kernel's */
	bool fixed_queues;
	bool copies;
	bool paired;
	bool umem;
	struct gremc_xdp *xdp;          /* steer_priv.h: of `interface:`, else NULL */
	struct gremc_flow_rules *flows; /* of `isolate:`, else NULL */
	struct gremc_steer_set fixed;   /* what the configuration names */
	struct gremc_steer_set routed;  /* groups that mroutes of other origins brought */
	bool incomplete;                /* the device has not all of `routed` */
	uint16_t tx_configured; /* TX queues that the device has; more than those in use with `umem` */
	uint16_t planned_mtu;
	uint16_t vlan_extra; /* bytes to add to the device's MTU, so that a tagged packet of full size fits */
	uint32_t room;       /* of the RX mbufs, after RTE_PKTMBUF_HEADROOM */
	uint16_t lower_count;
	uint16_t lower_id[RTE_MAX_ETHPORTS]; /* ethdevs that carry the frames: a bond's members, else the
						device */
	struct gremc_lower_device lower[RTE_MAX_ETHPORTS]; /* of each wire */
	enum gremc_port_phase phase;
	uint64_t grace;                                       /* token of the grace period */
	struct gremc_link_state link;                         /* of the port */
	struct gremc_link_state lower_link[RTE_MAX_ETHPORTS]; /* of each wire of a bond */
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
};

/* What DPDK's interrupt thread has seen happen to a device. */
enum gremc_port_event {
	GREMC_PORT_EVENT_LINK = 1,
	GREMC_PORT_EVENT_RESET = 2,
	GREMC_PORT_EVENT_REMOVED = 4,
};

struct gremc_port_events {
	int fd;                             /* eventfd; -1: none */
	uint32_t pending[RTE_MAX_ETHPORTS]; /* enum gremc_port_event, by ethdev; atomic */
	bool added;                         /* the kernel has found a device; atomic */
	bool monitors;                      /* it is listened to for that */
	struct rte_rcu_qsbr *qsbr;
	struct gremc_watch watch;
	int epoll;
	gremc_port_listener *listener; /* NULL: not watched yet */
	void *argument;
	uint64_t next_poll; /* of links; milliseconds */
};

struct gremc_port_set {
	struct gremc_ports ports; /* first: what the caller has a pointer to */
	const struct gremc_config *config;
	struct gremc_errors *errors;
	struct gremc_port_events events;
	struct gremc_port_state state[GREMC_CONFIG_PORTS_MAX];
	uint16_t netdev_mtu[RTE_MAX_ETHPORTS]; /* by ethdev, as it was before we began; 0: not the kernel's */
};

/* An error about one port, under the name that it has in the configuration. */
void gremc_port_error(struct gremc_port_set *set, const struct gremc_port_state *state, const char *format,
		      ...) __rte_format_printf(3, 4);

/* port.c: the node to use for what belongs to the port: its own, or the worker's where the device has none.
 */
int gremc_port_node(const struct gremc_port *port, const struct gremc_worker_place *worker);

/* ---- the steps, in order ---- */

int gremc_ports_devices_plug(struct gremc_port_set *set);    /* device.c: make what `interface:` needs */
int gremc_ports_devices_find(struct gremc_port_set *set);    /* device.c: ethdev of each device */
int gremc_ports_bonds_create(struct gremc_port_set *set);    /* bond.c: make bonds, learn members */
int gremc_ports_settings_derive(struct gremc_port_set *set); /* describe.c: capabilities to settings */
int gremc_ports_queues_assign(struct gremc_port_set *set);   /* queues.c: who polls what, who sends by what */
int gremc_ports_devices_configure(struct gremc_port_set *set); /* start.c */
int gremc_ports_memory_setup(struct gremc_port_set *set);      /* pool.c: pools, then queues */
int gremc_ports_events_open(struct gremc_port_set *set);       /* events.c: before a device can raise any */
int gremc_ports_devices_start(struct gremc_port_set *set);     /* start.c */
int gremc_ports_numa_audit(struct gremc_port_set *set);        /* numa.c: warnings only */

/* ---- device.c ---- */

const struct gremc_driver_trait *gremc_driver_trait(const char *driver);

/* ---- start.c ---- */

/* Set up the queues of every port. -EAGAIN: a device refused the size of its mbufs or the number of its
 * descriptors; that has been changed, and the pools have to follow. */
int gremc_ports_queues_setup(struct gremc_port_set *set);
/* A device that is stopped, or as new: set up and start it as it was. The reason of a failure is in
 * set->errors.
 * Returns: 0 or a negative errno. */
int gremc_port_device_restart(struct gremc_port_set *set, uint16_t index);
/* Let groups' frames in by one device of a port, where the port receives groups. */
void gremc_port_groups_open(struct gremc_port_state *state, const struct gremc_port *port, uint16_t id);
/* Stop the device as it is: what it holds is not looked at. */
void gremc_port_device_halt(struct gremc_port_set *set, uint16_t index);
/* Does the configuration need more multicast of the port than what the device takes by itself? */
bool gremc_port_needs_groups(const struct gremc_port *port, const struct gremc_config_port *config);
/* The port has started: let in what it is to receive: groups where all_multicast, the port's VLAN. */
void gremc_port_filters_open(struct gremc_port_state *state, const struct gremc_port *port);
/* The next larger room to try, or 0 when there is none. */
uint32_t gremc_port_rx_capacity_next(uint32_t room);
void gremc_port_device_stop(struct gremc_port_set *set, uint16_t index);

/* ---- rss.c ---- */

/* The port has started. Where the device's own RSS sees outer headers only, try a flow rule by which the
 * inner headers of GRE choose the queue, and log which form was taken. */
void gremc_port_inner_rss_create(struct gremc_port_state *state, const struct gremc_port *port);
/* Before the device is stopped. */
void gremc_port_inner_rss_destroy(struct gremc_port_state *state);

/* ---- bond.c ---- */

/* Stop a member and remove it from its bond, which is stopped or which no worker uses at the time.
 * Thread:  control thread.
 * Returns: 0, or a negative value when the bond keeps it; DPDK's bonding logs the reason. */
int gremc_bond_member_detach(uint16_t bond, uint16_t member);

/* Close the devices of a port: a bond, then its members. */
void gremc_port_device_close(struct gremc_port_state *state, const char *name);

/* ---- kernel.c: interfaces of the kernel under net_af_packet and net_af_xdp ---- */

/* The longest frame that the driver's socket carries in both directions, or 0: no such limit known. */
uint32_t gremc_netdev_frame_max(const struct rte_eth_dev_info *info);
/* The mbuf room that the driver asks for, or 0. */
uint32_t gremc_netdev_rx_capacity(const struct rte_eth_dev_info *info);
/* Return 0 or a negative errno. */
int gremc_netdev_mtu_get(unsigned if_index, uint16_t *mtu);
int gremc_netdev_mtu_set(unsigned if_index, uint16_t mtu);
/* Is the MTU of the device the one of an interface that the kernel has? */
bool gremc_netdev_has_mtu(const struct rte_eth_dev_info *info);
/* The kernel's MTU under each ethdev, into set->kernel_mtu. */
void gremc_netdev_mtus_save(struct gremc_port_set *set);

/* Does the kernel's interface have a carrier? */
bool gremc_netdev_has_carrier(unsigned if_index);

/* ---- device.c, too ---- */

/* The ethdev of this name, or of this PCI address. Returns 0 or a negative errno. */
int gremc_device_find(const char *device, uint16_t *id);

/* ---- recover.c: resets and removals ---- */

/* After opening: how each wire is found again. */
void gremc_port_lowers_remember(struct gremc_port_state *state);
void gremc_port_lowers_forget(struct gremc_port_state *state);
/* An event of wire `wire` of the port. */
void gremc_port_lower_event(struct gremc_port_set *set, uint16_t index, uint16_t lower_id, uint32_t events,
			    uint64_t now);
/* The kernel has found a device: those that are missing are looked for at once. */
void gremc_port_missing_retry(struct gremc_port_state *state);
/* Go on with what the port's wires need. Returns milliseconds until there is more to do, -1: nothing. */
int gremc_port_recover(struct gremc_port_set *set, uint16_t index, uint64_t now);

/* ---- events.c ---- */

/* No callback runs any more when it returns. */
void gremc_ports_events_close(struct gremc_port_set *set);

/* ---- link.c ---- */

/* The link of a port now: of its device, and of the kernel's interface where the driver reports none. */
bool gremc_port_link_get(const struct gremc_port_state *state, struct rte_eth_link *link);
/* The port has started: the state that it begins with. */
void gremc_port_link_init(struct gremc_port_state *state, struct gremc_port *port);
/* Look at the link of a port and of its wires, log what has changed. Returns whether the status of the port
 * has changed. */
bool gremc_port_link_update(struct gremc_port_state *state, struct gremc_port *port, uint64_t now);

/* ---- mtu.c ---- */

/* The largest MTU of a device, and the bytes to add to it for a VLAN tag. */
uint32_t gremc_port_mtu_max(const struct rte_eth_dev_info *info);
uint16_t gremc_port_vlan_extra(const struct rte_eth_dev_info *info);
/* Which MTU the port gets, and the mbuf room and offloads that follow. */
int gremc_port_mtu_plan(struct gremc_port_set *set, uint16_t index);
/* After start: give it to a kernel's interface, read it back into port->mtu. */
int gremc_port_mtu_apply(struct gremc_port_set *set, uint16_t index);

/* ---- queues.c ---- */

/* Is anything the kernel's, so that the control thread sends and receives? */
bool gremc_port_has_host_path(const struct gremc_config *config);
/* How many of a device's `most` queues are used by `workers`. */
uint16_t gremc_port_queue_count(uint16_t most, unsigned workers, bool fixed);
/* From the counts of queues, workers and nodes in *ports: rx_worker, tx_worker, tx_queue of each port.
 * RX: the worker with the fewest queues (of this port, then of all; then one of the port's node) gets the
 * next one. TX: worker w owns queue w; where there are fewer queues than workers, the owners are chosen like
 * RX workers, a worker owns at most one queue of a port, and one without a queue hands over to queue w modulo
 * their number. */
void gremc_port_queues_assign(struct gremc_ports *ports);
/* Say by which queue, or by whom, the host's packets leave. */
void gremc_port_host_tx_report(const struct gremc_ports *ports, const struct gremc_port *port);
/* Does somebody but its owner send by this queue? */
bool gremc_port_tx_is_shared(const struct gremc_ports *ports, const struct gremc_port *port, uint16_t queue);
/* The lcores of the workers that are marked in `which`, as "1 2 5"; returns text. */
char *gremc_ports_lcores_format(const struct gremc_ports *ports, const bool *which, char *text, size_t size);

/* After the pools are made, whose plan has the size of the rings: the rings of shared TX queues. Returns 0,
 * or -ENOMEM with the error added. */
int gremc_ports_tx_rings_create(struct gremc_port_set *set);

/* ---- plan.c: how large pools and rings are ---- */

/* From all that is wanted (level 0) to the least that works. */
#define GREMC_POOL_LEVELS 6u

struct gremc_pool_plan {
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t count;     /* mbufs */
	uint32_t cache;     /* of each lcore, see GREMC_MEMPOOL_CACHE(); 0: none */
	uint16_t data_room; /* with headroom */
	int socket;
	struct rte_mempool **pool; /* where it goes */
};

struct gremc_pool_plans {
	struct gremc_pool_plan *plan;
	unsigned count;
	struct gremc_ring_sizes rings;
};

/* Plan all pools at a level; a pool that several queues or workers share once, for the first of them. Sets
 * the header rooms and the host's room. gremc_pool_plans_fini() frees the list. Returns 0 or -ENOMEM. */
int gremc_pool_plans_init(struct gremc_pool_plans *plans, struct gremc_port_set *set, unsigned level);
void gremc_pool_plans_fini(struct gremc_pool_plans *plans);
/* About how much memory they take. */
uint64_t gremc_pool_plans_bytes(const struct gremc_pool_plans *plans);
/* The first queue of the port that has this one's pool; the first worker that has this one's shard pool. */
uint16_t gremc_port_rx_pool_owner(const struct gremc_port_set *set, const struct gremc_port *port,
				  uint16_t queue);
uint16_t gremc_ports_split_pool_owner(const struct gremc_port_set *set, uint16_t worker);
/* The bytes that a header mbuf has after its headroom. */
uint32_t gremc_ports_header_capacity(const struct gremc_port_set *set);

/* ---- pool.c ---- */

void gremc_ports_pools_free(struct gremc_port_set *set);
/* How many mbufs a pool lacks, or all pools that the program and not a driver fills; what lacks some is
 * logged. */
unsigned gremc_pool_missing(const struct rte_mempool *pool);
unsigned gremc_ports_pools_missing(const struct gremc_port_set *set);

/* ---- numa.c ---- */

#define GREMC_NUMA_UNKNOWN (-1)
#define GREMC_NUMA_SEVERAL (-2) /* an lcore whose CPUs are of several nodes */

struct gremc_numa_lcore {
	unsigned lcore;
	int eal;    /* node as the EAL sees it */
	int kernel; /* as libnuma sees the CPUs it may run on */
};
struct gremc_numa_port {
	const char *name;
	int node;
};
struct gremc_numa_queue { /* a choice: this worker polls this RX queue, or owns this shared TX queue */
	uint16_t port, queue, worker;
	bool is_tx;
};
struct gremc_numa_pool {
	const char *name;
	int node;     /* where its memory is */
	bool of_port; /* an RX pool of `user`, a port; else the header pool of `user`, a worker */
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
	GREMC_NUMA_LCORE_DISAGREE, /* EAL and kernel see another node */
	GREMC_NUMA_QUEUE,          /* a queue is served from another node than its port's */
	GREMC_NUMA_POOL,           /* a pool's memory is on another node than its user */
};
struct gremc_numa_finding {
	enum gremc_numa_kind kind;
	unsigned index; /* in the topology's array of lcores, queues or pools */
	int is, wants;  /* nodes */
};

/* A pure function: what crosses nodes in the topology. Returns how many findings there are; the first `size`
 * of them are in findings. A node below 0 is unknown and crosses nothing. */
unsigned gremc_numa_check(const struct gremc_numa_topology *topology, struct gremc_numa_finding *findings,
			  unsigned size);
/* What it is and what to change; returns text. */
char *gremc_numa_finding_format(const struct gremc_numa_topology *topology,
				const struct gremc_numa_finding *finding, char *text, size_t size);

#endif
