/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker: the state of one polling lcore; and the group of all workers. */
#ifndef GREMC_DATAPATH_WORKER_H
#define GREMC_DATAPATH_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_rcu_qsbr.h>

#include "base/atomic.h"
#include "datapath/egress.h"
#include "datapath/encap.h"
#include "datapath/packet.h"
#include "datapath/sample.h"
#include "port/port.h"

struct gremc_pending;
struct gremc_reassembly;

/* The fields that replicas of one packet key and one encap key have in common. Valid while both keys match;
 * invalidated at the end of each burst, because it holds pointers that RCU protects. */
struct gremc_replica_cache {
	uint64_t encap_key;                      /* gremc_encap.encap_key */
	uint64_t packet_key;                     /* gremc_packet_key(); 0: the cache is invalid */
	const struct gremc_adjacency *adjacency; /* of the vifs, or `marked` */
	struct gremc_tx *tx;
	struct gremc_outer_fields outer;
	uint32_t pkt_len;
	uint16_t headers;       /* bytes, L2 included */
	uint8_t header_length;  /* bytes, without L2 */
	bool chained;           /* the payload is chained, not copied */
	bool template_only;     /* the template and `outer` are the whole outer header */
	uint64_t mbuf_words[4]; /* struct gremc_mbuf_fields up to data_len and inner_length */
	struct gremc_adjacency marked;
	uint32_t vif;    /* of the replica that the cache is filled for */
	bool has_tokens; /* of its policer */
};

/* Values of an inner packet that its replicas share. Each is computed when the first replica needs it. */
struct gremc_digest {
	uint16_t sum;         /* of the whole packet, folded */
	uint16_t source_port; /* gremc_udp_source_port(); 0: not computed */
	bool has_sum;
};

/* The digest of the packet in replication (datapath/options.h). */
struct gremc_digest_cache {
	const struct rte_mbuf *packet; /* in burst number `burst` */
	uint64_t burst;
	struct gremc_digest digest;
};

#define GREMC_FRAGMENTS_MAX 64u /* of one packet */

/* The fragments of one packet, which further replicas of it share (fragment.h). */
struct gremc_fragments {
	const struct rte_mbuf *packet; /* NULL: none; only compared, because it may be freed */
	uint64_t burst;                /* gremc_stats_sequence() of its burst */
	uint16_t mtu;
	bool is_sending; /* replicas of fragments are not fragmented again */
	uint32_t count;
	struct rte_mbuf *mbuf[GREMC_FRAGMENTS_MAX];
};

/* An RX queue that the worker polls. */
struct gremc_rxq {
	uint16_t queue;
	uint16_t port; /* index */
	uint16_t vlan;
	bool multicast; /* the port takes native multicast */
	struct rte_mempool *pool;
	/* Writer of all: the control thread. Reader: the worker. */
	gremc_atomic_u16 id;         /* ethdev; stored before `closed` is released */
	gremc_atomic_bool closed;    /* the queue must not be polled */
	gremc_atomic_bool down;      /* the operator has set the interface down */
	gremc_atomic_bool slow_path; /* down, or tagged: no frame takes the fast path of classify */
};

/* Exponential back-off of a worker that finds no packets. */
struct gremc_idle {
	uint32_t empty; /* empty iterations in a row */
	uint32_t sleep; /* the next sleep, microseconds */
};

struct gremc_worker {
	/* ---- constant while the worker runs ---- */
	uint32_t index;
	unsigned lcore;
	int rcu_slot;
	struct rte_rcu_qsbr *qsbr;
	const struct gremc_vifs *vifs;          /* the copy of the worker's NUMA node */
	const struct gremc_fanout_node *fanout; /* the copy of the worker's NUMA node */
	struct gremc_stats *stats;              /* writer: the worker; any thread reads */
	struct gremc_pending *pending;          /* replicas whose next hop is not resolved */
	struct gremc_reassembly *reassembly;    /* outer fragments that wait for others */
	struct rte_mempool *header_pool;
	uint32_t header_capacity;       /* bytes for headers and copied payload after RTE_PKTMBUF_HEADROOM */
	struct rte_mempool *split_pool; /* payload copies for other workers; NULL: oils are not split */
	uint16_t rxq_count;
	struct gremc_worker_group *group;
	struct gremc_rxq rxq[GREMC_WORKER_QUEUES_MAX];
	struct rte_ring *punt_ring[GREMC_PUNT_COUNT]; /* to the control thread */
	struct rte_ring *inject_ring;                 /* from the control thread */
	struct rte_ring *handoff_ring;                /* from the other workers; NULL: there is one worker */
	struct gremc_rxq host_rxq; /* stands for the host's vif; its port is the one after the others */

	/* ---- settings. Writer: gremc_workers_configure() on the control thread. Reader: the worker, each
	 * field once a burst; a burst may see some old and some new values. ---- */
	gremc_atomic_u16 copy_threshold __rte_cache_aligned; /* inner bytes; up to it payloads are copied */
	gremc_atomic_u32 split_threshold; /* replicas from which an oil is split; UINT32_MAX: never */
	gremc_atomic_bool software_rss;   /* received flows are handed to their workers */
	gremc_atomic_bool reassembles;    /* outer fragments of tunnels */
	gremc_atomic_bool sleep_when_idle;
	gremc_atomic_u32 max_sleep; /* microseconds */

	/* ---- the worker's own ---- */
	struct gremc_idle idle __rte_cache_aligned;
	/* since gremc_worker_account() */
	uint32_t rx_packets, forwarded;
	uint32_t handed_off;  /* packets given to other workers, less those taken from them */
	uint32_t waiting;     /* replicas that began to wait in `pending`, less those that ended */
	uint32_t reassembled; /* outer fragments that came into `reassembly`, less packets and drops out of it
			       */
	uint32_t punted[GREMC_PUNT_COUNT];
	uint64_t rx_bytes;
	uint32_t drops[GREMC_DROP_COUNT];
	bool dropped_any;
	bool punted_any;      /* or `reassembled` has changed */
	bool pending_changed; /* a replica of this burst came to `pending` or left it */
	bool has_pending;     /* `pending` or `reassembly` is not empty */
	struct gremc_ids ids; /* of packets with DF clear */
	/* the present window of the longest iteration: its start and its longest iteration (TSC) */
	uint64_t window, window_longest;
	uint32_t header_count; /* of the header mbufs in stock */
	struct rte_mbuf *header[GREMC_BURST];
	struct gremc_replica_cache cache;
	struct gremc_fragments fragments;
	struct gremc_burst burst;
	struct gremc_egress egress;
	struct gremc_digest_cache digest_cache;
};

/* The steps of a shutdown. A worker begins each step when all workers have ended the previous one, because
 * packets that one worker gives another become packets that the other gives away in the next step. */
enum gremc_shutdown_step {
	GREMC_SHUTDOWN_RECEIVED, /* no worker receives: no flow is handed off */
	GREMC_SHUTDOWN_FLOWS,    /* no flow is left in a ring: no part of an oil is handed off */
	GREMC_SHUTDOWN_SPLITS,   /* no part of an oil is left: no replica is enqueued to a queue's owner */
	GREMC_SHUTDOWN_COUNT
};

/* The workers of a forwarder and the state that they share. */
struct gremc_worker_group {
	/* ---- constant while workers run, except `stop`: each worker reads this line in each iteration ----
	 */
	uint32_t count;
	gremc_atomic_bool stop; /* writer: gremc_workers_stop() on any thread; readers: the workers */
	int host_event;         /* eventfd that wakes the control thread */
	bool software_rss;      /* the pools are planned for it */
	bool copy_only;         /* no port sends chains */
	/* [mroute id] true: the next packet of a punt-sampled mroute goes to the kernel.
	 * Writers: the control thread sets it, the worker that punts the packet clears it. */
	gremc_atomic_bool *punt_sample;
	/* [mroute id] gremc_timestamp() of the last wrong-vif packet that the kernel got; 0: none.
	 * Writers and readers: the workers. */
	gremc_atomic_u32 *wrong_vif_time;
	/* [vif * GREMC_KEEPALIVE_KINDS + enum gremc_keepalive_kind] gremc_timestamp() of the last accepted
	 * keepalive; 0: none. Writers and readers: the workers. */
	gremc_atomic_u32 *keepalive_time;
	gremc_atomic_u32 *id_counters; /* of identifications, which the threads share */
	struct gremc_worker *worker[GREMC_WORKERS_MAX];
	struct gremc_egress *host_egress; /* the control thread's; NULL: no port has a queue to spare */
	uint32_t stats_count;             /* of the workers, then of host_egress */
	struct gremc_stats *stats[GREMC_WORKERS_MAX + 1];

	/* [enum gremc_shutdown_step] workers that have reached the step.
	 * Writers and readers: the workers, after `stop`. */
	gremc_atomic_u32 reached[GREMC_SHUTDOWN_COUNT] __rte_cache_aligned;

	/* The control thread waits for host_event. Writers: the control thread sets it, the worker that wakes
	 * the control thread clears it. */
	gremc_atomic_bool host_sleeps __rte_cache_aligned;
	/* ---- the control thread's own ---- */
	uint32_t host_turn;        /* the worker whose rings are polled first */
	struct gremc_ids host_ids; /* like a worker's */
};

/* ---- counts of one burst ---- */

/* Drop a packet that came by a vif. The counters of drops per vif have memory of their own, so a packet that
 * is forwarded does not pay for them.
 * Input:   vif: GREMC_VIF_NONE: unknown.
 *          start: where the packet begins, for its sample.
 * Owner:   takes the mbuf over. */
static inline void gremc_sampled_drop(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *mbuf,
				      struct gremc_packet_start start, enum gremc_drop reason)
{
	gremc_assert(reason > GREMC_DROP_NONE && reason < GREMC_DROP_COUNT);
	if (vif != GREMC_VIF_NONE)
		gremc_counter_add(&worker->stats->vif_drop[vif].packets[reason], 1);
	worker->drops[reason]++;
	worker->dropped_any = true;
	if (gremc_samples_accept(worker->stats->samples, reason))
		gremc_packet_sample(worker->stats->samples, reason, worker->vifs, vif, mbuf, start);
	gremc_burst_done(&worker->burst, mbuf);
}

/* Drop a packet that came by a vif. The mbuf's data begins with the Ethernet header.
 * Input:   vif: GREMC_VIF_NONE: unknown.
 * Owner:   takes the mbuf over. */
static inline void gremc_vif_drop(struct gremc_worker *worker, uint32_t vif, struct rte_mbuf *mbuf,
				  enum gremc_drop reason)
{
	gremc_sampled_drop(worker, vif, mbuf, GREMC_STARTS_WITH_FRAME, reason);
}

/* Drop a frame of the burst.
 * Owner:   takes the mbuf over. */
static inline void gremc_packet_drop(struct gremc_worker *worker, struct rte_mbuf *mbuf,
				     enum gremc_drop reason)
{
	gremc_vif_drop(worker, GREMC_VIF_NONE, mbuf, reason);
}

/* Record the source and group of the last packet that came by the vif and was dropped for this reason. */
static inline void gremc_vif_drop_flow_set(struct gremc_worker *worker, uint32_t vif, enum gremc_drop reason,
					   const struct rte_ipv4_hdr *ip)
{
	uint64_t flow;

	memcpy(&flow, &ip->src_addr, sizeof(flow));
	gremc_counter_set(&worker->stats->vif_drop[vif].flow[reason], flow);
}

/* Drop a packet whose source and group are known, after its outer headers have been cut off.
 * Owner:   takes the mbuf over. */
static inline void gremc_flow_drop(struct gremc_worker *worker, const struct gremc_packet *packet,
				   enum gremc_drop reason, const struct rte_ipv4_hdr *ip)
{
	gremc_vif_drop_flow_set(worker, packet->iif, reason, ip);
	gremc_sampled_drop(worker, packet->iif, packet->mbuf, gremc_packet_start_after_cut(packet), reason);
}

/* End a burst: enqueue its punts, free its finished mbufs, publish its counts.
 * Thread:  the worker's, or the control thread after all workers have ended.
 * Input:   rxq: the queue of the burst; NULL: the packets came from a ring. */
void gremc_worker_account(struct gremc_worker *worker, const struct gremc_rxq *rxq);

#endif
