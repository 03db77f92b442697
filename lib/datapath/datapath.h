/* SPDX-License-Identifier: BSD-3-Clause */
/* datapath: what a worker does to packets, one file a stage:
 *
 *     rx -> classify -> decap -> lookup -> replicate (encap each replica) -> tx
 *
 * A stage is a function over the arrays of one burst. No stage logs, locks, takes heap memory, makes a system
 * call or writes to a line that another worker writes. A packet leaves the pipeline as a replica given to a
 * port, by a ring to the control thread (a punt: it is the kernel's), or as a named drop; all are counted
 * once a burst (gremc_worker_account). */
#ifndef GREMC_DATAPATH_DATAPATH_H
#define GREMC_DATAPATH_DATAPATH_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "datapath/encap.h"
#include "fanout/fanout.h"
#include "port/port.h"
#include "rcu/rcu.h"
#include "stats/stats.h"
#include "vif/vif.h"

#define GREMC_SHUTDOWN_MS 1000 /* of waiting at the end, for other workers and for ports */

#define GREMC_BURST       64u
#define GREMC_WORKER_RXQS 64u

/* One packet on its way through the stages. Each stage reads what the ones before it wrote. */
struct gremc_packet {
	struct rte_mbuf *mbuf;             /* from decap on its data begin with the inner IP header */
	const struct gremc_mroute *mroute; /* lookup */
	uint32_t iif;                      /* decap: the vif it came by */
	uint32_t oif_skip;     /* lookup: the place of iif in the oil, or its length (split horizon) */
	uint16_t inner_offset; /* classify: from the frame's start to the inner packet */
	uint16_t inner_room;   /* classify: bytes that the outer packet leaves to the inner one */
	uint16_t length;       /* decap: of the inner packet */
	uint8_t outer_tos;     /* classify */
	bool native;           /* classify: multicast of a port, without an outer header */
};

/* A burst: packets [0, count) are alive, in order of arrival. */
struct gremc_burst {
	uint32_t count;
	uint32_t done_count;
	bool punted_any;
	uint32_t punt_count[GREMC_PUNT_COUNT];
	struct gremc_packet packet[GREMC_BURST];
	struct gremc_tunnel_key tunnel[GREMC_BURST]; /* classify */
	struct gremc_fanout_key key[GREMC_BURST];    /* decap */
	struct rte_mbuf *done[GREMC_BURST]; /* dropped, or copied to all: gremc_worker_account() frees them */
	struct rte_mbuf *punted[GREMC_PUNT_COUNT][GREMC_BURST]; /* handed over together, there, too */
};

/* A worker's way out of one port. */
struct gremc_tx {
	uint64_t bytes; /* in the buffer */
	uint32_t count;
	uint16_t id; /* ethdev */
	uint16_t queue;
	uint16_t max_segments; /* of one packet; UINT16_MAX: no limit; 1: single-segment packets only */
	bool keep_alive;
	/* GREMC_TX_DROP_NONE: the port is open; else why its replicas are dropped. Atomic; writer: the
	 * control thread. */
	enum gremc_transmitter_pending_free closed;
	bool to_host;          /* the ring is the control thread's: what it takes is sent */
	bool holds;            /* the port has not taken everything: the rest is in the backlog */
	uint16_t givers;       /* workers that use our queue through `share` */
	struct rte_ring *ring; /* not NULL: hand over to the worker that owns the queue */
	/* Since gremc_worker_account(): */
	uint32_t sent, lost, queued;
	uint64_t sent_bytes;
	struct gremc_backlog *backlog; /* of a queue of ours */
	/* Flushed when it has reached a burst: what is added at once, a burst at most, has room behind. */
	struct rte_mbuf *packet[2 * GREMC_BURST];
	struct rte_ring *share; /* not NULL: what others give for our queue */
} __rte_cache_aligned;
static_assert(2 * GREMC_BURST <= GREMC_TX_MBUFS && 3 * GREMC_BURST <= GREMC_WORK_MBUFS,
	      "the pools are planned with so many mbufs in a worker's hands");

/* What replicas have in common as long as their encaps are of one shape and their packets alike: settled
 * once, for they mostly are. Of one burst, for it holds what the tables said in it. */
struct gremc_replica_cache {
	uint64_t encap_key;
	uint64_t like; /* gremc_packet_key(); 0: nothing is settled */
	const struct gremc_adjacency *adjacency;
	struct gremc_tx *tx;
	struct gremc_outer_fields outer;
	uint32_t pkt_len;
	uint16_t headers; /* bytes of all of them */
	uint8_t header_length;
	bool chained;       /* the payload is, not copied */
	bool plain;         /* the template is all but for `outer` */
	uint64_t fields[4]; /* of the mbuf, but for the vif */
};

struct gremc_rxq {
	uint16_t id; /* ethdev */
	uint16_t queue;
	uint16_t port; /* index */
	uint16_t vlan;
	bool multicast; /* native multicast is taken */
	bool down;      /* the operator has set the interface down; atomic, the control thread's */
	bool unusual;   /* down, or tagged: no frame is a usual one; the same */
	bool closed;    /* not to be touched; the control thread stores it; atomic */
	struct rte_mempool *pool;
};

/* A transmit queue of ours that others use through a ring. */
struct gremc_tx_shared_queue {
	struct rte_ring *ring;
	uint16_t port; /* index */
};

/* Exponential back-off of a worker that finds nothing. */
struct gremc_idle {
	uint32_t empty; /* empty iterations in a row */
	uint32_t sleep; /* the next sleep, microseconds */
};

struct gremc_worker {
	/* read only after start */
	uint32_t index;
	unsigned lcore;
	int rcu_slot;
	struct rte_rcu_qsbr *qsbr;
	const struct gremc_vifs *vifs;          /* of this worker's NUMA node */
	const struct gremc_fanout_node *fanout; /* of this worker's NUMA node */
	struct gremc_stats *stats;
	struct gremc_pending *wait; /* replicas whose next hop is not known yet */
	struct rte_mempool *header_pool;
	uint32_t header_capacity;       /* bytes for headers and copied payload after RTE_PKTMBUF_HEADROOM */
	struct rte_mempool *shard_pool; /* copies for other workers; NULL: no shards */
	uint16_t rxq_count, share_count, port_count;
	bool needs_keep_alive;
	struct gremc_worker_group *group;
	struct gremc_rxq rxq[GREMC_WORKER_RXQS];
	struct gremc_tx_shared_queue share[GREMC_CONFIG_PORTS_MAX];
	struct rte_ring *up[GREMC_PUNT_COUNT]; /* to the control thread */
	struct rte_ring *down;                 /* from it */
	struct rte_ring *relay;                /* from other workers; NULL: there are none */
	struct gremc_rxq host_rxq; /* stands for the host's vif; its port is the one behind the others */

	/* gremc_workers_configure() stores these, relaxed, while the worker runs */
	uint16_t copy_threshold __rte_cache_aligned; /* inner bytes; up to it replicas are copies */
	uint32_t shard_threshold; /* replicas of a packet from which workers share them; UINT32_MAX: never */
	bool spread;              /* received flows are shared by the workers */
	uint16_t tx_retries;      /* attempts without progress after the first */
	bool idle_enabled;
	uint32_t max_sleep; /* microseconds */

	/* this worker's alone */
	struct gremc_idle idle __rte_cache_aligned;
	uint64_t last_keep_alive;
	uint32_t rx_packets, forwarded, wanted, injected, relayed, waiting;
	uint32_t punted[GREMC_PUNT_COUNT];
	bool wake_host; /* something was handed to the control thread: gremc_punt_wake() */
	uint64_t rx_bytes;
	uint16_t ip_id; /* identification of the next outer packet with DF clear */
	uint32_t drop[GREMC_DROP_COUNT];
	uint32_t loss[GREMC_TX_DROP_COUNT];
	bool dropped_any, lost_any;
	bool waits; /* something does, in `wait` */
	bool holds; /* something is held in a port's backlog */
	uint64_t patience,
		waited_until; /* how long ports may be waited for; up to when that is counted (TSC) */
	uint64_t window, window_longest; /* when the present one began, and its longest iteration (TSC) */
	uint32_t header_count;           /* of the header mbufs at hand */
	struct rte_mbuf *header[GREMC_BURST];
	struct gremc_replica_cache run;
	struct gremc_burst burst;
	struct gremc_tx
		*tx[GREMC_CONFIG_PORTS_MAX + 1]; /* by port index; NULL: a bond's member; last: host */
};

/* The steps of the end, each of which a worker begins when all have ended the one before: packets that one
 * gives another become what is given in the next. */
enum gremc_shutdown_step {
	GREMC_SHUTDOWN_RECEIVED, /* nothing is received any more: no flow is given */
	GREMC_SHUTDOWN_FLOWS,    /* all flows have been taken: no shard is given */
	GREMC_SHUTDOWN_SPLITS,   /* all shards have been taken: no replica is handed over */
	GREMC_SHUTDOWN_COUNT
};

/* The workers of a forwarder and what they share. The sender is the control thread's: a worker that no lcore
 * runs, with the TX queues that ports have to spare (gremc_port.host_tx). */
struct gremc_worker_group {
	/* Read only after start, but for `stop`, which is written once: each worker reads this line in each
	 * iteration. */
	uint32_t count;
	uint32_t stop;   /* atomic: set by gremc_workers_stop() */
	int host_event;  /* eventfd */
	bool spread;     /* the pools are planned for it */
	bool copies;     /* no port sends chains */
	uint8_t *sample; /* [mroute id] 1: the next packet of a sampled mroute is the kernel's; atomic */
	/* [mroute id] gremc_timestamp() of the last packet on a wrong vif that the kernel got, 0: none;
	 * atomic
	 */
	uint32_t *wrong_vif;
	struct gremc_worker *worker[GREMC_WORKERS_MAX];
	struct gremc_worker *sender; /* NULL: no port has a queue to spare */
	uint32_t stats_count;        /* of the workers, then of the sender */
	struct gremc_stats *stats[GREMC_WORKERS_MAX + 1];

	/* the workers' at the end */
	/* atomic: how many have come to each of the steps of the end (enum gremc_shutdown_step) */
	uint32_t ended[GREMC_SHUTDOWN_COUNT] __rte_cache_aligned;

	/* the control thread's; workers that punt read and clear `host_sleeps` */
	uint32_t host_sleeps __rte_cache_aligned; /* atomic: the control thread waits for host_event */
	uint32_t host_turn;                       /* whose rings come first */
	uint16_t host_ip_id;                      /* as a worker's ip_id */
};

/* Control thread, before start: a worker for each of ports->worker, with the tables of its socket. All
 * arguments outlive the group. NULL: ENOMEM. */
struct gremc_worker_group *gremc_workers_create(const struct gremc_ports *ports,
						const struct gremc_config_settings *settings,
						const struct gremc_vifs *vifs,
						const struct gremc_fanout *fanout, struct gremc_rcu *rcu);
/* Control thread, at any time: take over what may change while the workers run (copy threshold, retries,
 * idle, shards and spreading). Shards and spreading stay off where the pools are not planned for them
 * (gremc_ports.shards, .spread). */
void gremc_workers_configure(struct gremc_worker_group *group, const struct gremc_config_settings *settings);
/* Take over status and device of a port: replicas to one that has lost its link are lost as `link_down`
 * without a try. Of a closed one (gremc_port_is_closed()) nothing is received, and replicas are lost as
 * `port_down`; a grace period later no worker is inside its driver.
 * Thread:  control thread, at any time. */
void gremc_workers_port_changed(struct gremc_worker_group *group, const struct gremc_port *port);
/* The operator has set a port's interface down, or up: what arrives by a port that is down is dropped as
 * iif_down.
 * Thread:  control thread. */
void gremc_workers_port_down(struct gremc_worker_group *group, uint16_t port, bool down);
/* After every gremc_worker_run() has returned, while the ports are open: what still stands in any ring,
 * because a worker did not come to take it in time, is dropped or lost by name, and accounted. */
void gremc_workers_drain(struct gremc_worker_group *group);
/* Free what stands in the rings of the host path, and all the rest. */
void gremc_workers_destroy(struct gremc_worker_group *group, struct gremc_rcu *rcu);

/* On the worker's lcore: poll until the group is stopped; what other workers handed over is sent before it
 * returns. That takes GREMC_SHUTDOWN_MS at most, however slow the other workers and the ports are. */
void gremc_worker_run(struct gremc_worker *worker);
/* Any thread: end every gremc_worker_run() of the group. Async-signal-safe. */
void gremc_workers_stop(struct gremc_worker_group *group);

/* ---- an mbuf that names a vif ----
 *
 * What stands in a ring or a queue may stand there for longer than a grace period: by then the index that it
 * names may be free, or another vif's. So it carries the serial number, too: the index is hash.usr, the
 * number hash.fdir.hi beside it. Drivers that transmit read neither. */

/* Reader, in the period in which it has found the vif (GREMC_VIF_NONE: there is none). */
static inline void gremc_mbuf_vif_set(struct rte_mbuf *mbuf, const struct gremc_vifs *vifs, uint32_t vif)
{
	mbuf->hash.usr = vif;
	mbuf->hash.fdir.hi = vif == GREMC_VIF_NONE ? 0 : gremc_vif_serial(vifs, vif);
}

/* Reader: the vif, which stays good until the next quiescent state; GREMC_VIF_NONE: none, or it has been
 * removed. */
static inline uint32_t gremc_mbuf_vif(const struct rte_mbuf *mbuf, const struct gremc_vifs *vifs)
{
	const uint32_t vif = mbuf->hash.usr;

	return vif < GREMC_VIFS_MAX && gremc_vif_is(vifs, vif, mbuf->hash.fdir.hi) ? vif : GREMC_VIF_NONE;
}

/* ---- the host path: the control thread's ends of the rings ----
 *
 * A punted mbuf says what it is:
 *     port      index of the port it came by, and then it is the frame as it was received (a VLAN tag that
 *               the device took out is in vlan_tci, with RTE_MBUF_F_RX_VLAN_STRIPPED); or GREMC_PORT_NONE: it
 *               is an inner packet, which begins with its IP header
 *     gremc_mbuf_vif()  the vif that it came by; GREMC_VIF_NONE: none, a frame of the underlay, or it has
 * been removed since l2_len    bytes before the IP header (0 of an inner packet) packet_type  of class
 * `control`: gremc_timestamp() when it was handed over One whose vif is the host's is a replica that an oil
 * asked for: a frame with an Ethernet header whose bytes 6 to 9 hold the vif that the original came by, and
 * packet_type that one's serial number. The caller frees them. */

/* Now, in a word that is round again after minutes; and how many nanoseconds ago that was. Any thread. */
uint32_t gremc_timestamp(void);
uint64_t gremc_timestamp_age(uint32_t stamp);

/* Take up to n punted packets of a class, from all workers in turn. Returns how many. */
uint32_t gremc_punt_dequeue(struct gremc_worker_group *group, enum gremc_punt class, struct rte_mbuf **mbufs,
			    uint32_t n);
/* About to wait for group->host_event (an eventfd for epoll): from now on a worker that punts writes to it.
 * false: there is something to take already. */
bool gremc_punt_sleep_begin(struct gremc_worker_group *group);
/* Awake again. */
void gremc_punt_sleep_end(struct gremc_worker_group *group);

/* Any reader: an ordinary packet (not IGMP) of a vif that is not forwarded, for this reason: is it punted
 * instead of dropped, and in which class? */
bool gremc_punt_vif_class(const struct gremc_vifs *vifs, uint32_t vif, enum gremc_drop reason,
			  enum gremc_punt *class);
/* The same of an IPv4 frame of a port that is no vif's. */
bool gremc_punt_port_class(const struct gremc_vifs *vifs, uint16_t port, bool multicast,
			   enum gremc_punt *class);

/* Give frames to be sent by a port as they are: `port` is its index, hash.usr a vif that they are counted for
 * (then l2_len is the length of the L2 header, and outer header and packet follow) or GREMC_VIF_NONE. Or,
 * with the port of the host (gremc_worker.host_rxq), give inner packets of the host's vif to the fast path.
 * Frames for a port that has a TX queue for it (gremc_port.host_tx) have been sent, or lost and counted, when
 * this returns; the rest goes through one worker. Returns how many were taken; the others, last in the array
 * now, are the caller's still. The order of what goes to one port holds. */
uint32_t gremc_inject_frames(struct gremc_worker_group *group, struct rte_mbuf **mbufs, uint32_t n);
/* How many could be given to that worker now. */
uint32_t gremc_inject_capacity(const struct gremc_worker_group *group);

/* Make of an inner packet (IPv4, from its IP header on, headroom before it) the frame by which it leaves a
 * vif: a tunnel, or, of multicast, a native port; for gremc_inject_frames(). TTL and checksum stay as they
 * are. Returns 0; -EMSGSIZE (over the vif's MTU), -EHOSTUNREACH (the next hop's MAC is not known), -ENETDOWN
 * (the operator has set the interface down), -ENOBUFS (no headroom). */
int gremc_inject_encap(struct gremc_worker_group *group, struct rte_mbuf *mbuf, uint32_t vif);
/* A copy of an inner packet in a buffer of the pool (gremc_ports.host_pool), so made, and given to a worker.
 * The errors of gremc_inject_encap(); -ENOBUFS: no buffer, too, or not a packet; -EAGAIN: the ring is full.
 */
int gremc_inject_packet(struct gremc_worker_group *group, struct rte_mempool *pool, const void *packet,
			uint16_t length, uint32_t vif);

/* ---- the stages, in order ---- */

/* Receive from one queue into worker->burst. Returns how many packets; shared buffers have been copied. */
uint32_t gremc_stage_rx(struct gremc_worker *worker, const struct gremc_rxq *rxq);
/* Ethernet, VLAN, outer IPv4 and GRE: whose packet is it? */
void gremc_stage_classify(struct gremc_worker *worker, const struct gremc_rxq *rxq);
/* Find the tunnel, take the outer headers off, check the inner packet. */
void gremc_stage_decap(struct gremc_worker *worker, const struct gremc_rxq *rxq);
/* Find the mroute; RPF and split horizon. */
void gremc_stage_lookup(struct gremc_worker *worker);
/* One replica for each outgoing interface, encapsulated, given to its port's transmit buffer. */
void gremc_stage_replicate(struct gremc_worker *worker);
/* Instead of rx, for what the control thread gave: until it is transmitted. Returns how many. */
uint32_t gremc_stage_inject(struct gremc_worker *worker);
/* Transmit what the buffers hold. */
void gremc_stage_tx(struct gremc_worker *worker);
/* Free the dropped, publish the burst's counts. */
void gremc_worker_account(struct gremc_worker *worker, const struct gremc_rxq *rxq);

/* What follows rx, for the burst that came from this queue. */
void gremc_worker_forward(struct gremc_worker *worker, const struct gremc_rxq *rxq);
/* All of them for one queue: returns how many packets were received. */
uint32_t gremc_worker_poll(struct gremc_worker *worker, const struct gremc_rxq *rxq);

#endif
