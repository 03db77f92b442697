/* SPDX-License-Identifier: BSD-3-Clause */
/* The multicast route table: (S,G), (*,G) and (*,G/len) to the accepted incoming interfaces and the
 * oil.
 *
 * One writer (the control thread); any number of lock-free readers that are online in the RCU. A published
 * mroute is immutable: a change publishes another object by one pointer store and frees the first after a
 * grace period.
 *
 * The hash and the routes are on each NUMA node that has workers. A worker reads the copy of its own node
 * (gremc_fanout_at()), so the writer makes every change on each node. A lookup is exact on its node. Two
 * nodes may see a change at slightly different times.
 *
 * One hash holds all three kinds. The key of (S,G) is (source, group). The key of a wildcard is (length,
 * prefix of the group): the length, as 0.0.0.0 to 0.0.0.32, replaces the source, because no packet has such a
 * source (GREMC_PROTO_bad_source). A mask holds the lengths in use, so that a lookup probes only these, the
 * longest first: (S,G), then (*,G/32), then shorter prefixes. Packets to 232.0.0.0/8 match (S,G), else
 * (*,232.0.0.0/8), and no other wildcard (RFC 4607).
 *
 * Thread:  the writer is the control thread, or its job. A reader is online in the RCU. */
#ifndef GREMC_FANOUT_FANOUT_H
#define GREMC_FANOUT_FANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "fanout/origin.h"
#include "rcu/rcu.h"

#define GREMC_FANOUT_MAX  65535u     /* oifs of one mroute */
#define GREMC_FANOUT_BULK 64u        /* lookups of one call */
#define GREMC_MROUTES_MAX (1u << 20) /* mroutes of one table */
/* Ids of mroutes, and entries of arrays that they index. While one set of mroutes replaces another, both have
 * ids. */
#define GREMC_MROUTE_IDS_MAX (2 * GREMC_MROUTES_MAX)

struct gremc_fanout;
struct gremc_fanout_node; /* the copy of one NUMA node, for lookups */

/* The addresses of a packet, in network byte order. */
struct gremc_fanout_key {
	rte_be32_t source;
	rte_be32_t group;
};

/* A published route: immutable, valid for a reader until its next quiescent state. */
struct gremc_mroute {
	uint32_t id;         /* below GREMC_MROUTE_IDS_MAX: its slot and the index of its counters */
	rte_be32_t source;   /* 0: any */
	rte_be32_t group;    /* of a prefix: host bits zero */
	uint8_t length;      /* of the group's prefix, 4 to 32 */
	uint8_t origin;      /* enum gremc_origin */
	uint8_t origins;     /* bit per enum gremc_origin: whose interfaces are in the oil */
	uint8_t limited : 1; /* conditional OIFs: gremc_mroute_thresholds() */
	uint8_t loops : 1;   /* some accepted iif is in the oil */
	uint8_t sampled : 1; /* punt-sampled; only with `limited` */
	uint8_t plain : 1;   /* simple RPF, and an oil that is not empty and takes all packets */
	uint8_t rotates : 1; /* the order of the replicas changes from packet to packet */
	uint8_t trunk : 1;   /* stands for the branches of its key: gremc_mroute_branch() */
	uint8_t branch : 1;  /* one of several mroutes of its key, each with other iifs */
	uint32_t iif;        /* the only accepted incoming vif when iif_count is 1 */
	uint32_t iif_count;  /* 0: any vif is accepted */
	uint32_t oif_count;  /* 0 to GREMC_FANOUT_MAX */
	uint32_t vif[]; /* the oil, ascending; then the accepted iifs, ascending, when iif_count > 1; then
			 * the thresholds, when limited. A trunk: the accepted iifs, ascending, then for each
			 * the distance of its branch */
};

/* The distance between two mroutes of a table is a multiple of so many bytes. */
#define GREMC_MROUTE_STEP 64u

/* Vifs of the oil that are in the first cache line of an mroute, beside the fields that a lookup reads. */
#define GREMC_MROUTE_LINE 5u

/* The accepted iifs: an array of iif_count vifs. */
static inline const uint32_t *gremc_mroute_iifs(const struct gremc_mroute *mroute)
{
	return mroute->iif_count == 1 ? &mroute->iif : &mroute->vif[mroute->oif_count];
}

/* The threshold of a source-filtered OIF: a packet leaves if gremc_vif_accepts_source() is true. */
#define GREMC_THRESHOLD_SOURCES UINT8_MAX
/* The thresholds of a limited mroute, one for each oif. A packet leaves only if its TTL as received is
 * greater than the threshold. */
static inline const uint8_t *gremc_mroute_thresholds(const struct gremc_mroute *mroute)
{
	return (const uint8_t *)&mroute
		->vif[mroute->oif_count + (mroute->iif_count > 1 ? mroute->iif_count : 0)];
}

/* The first index in the ascending `vifs` whose vif is at least `vif`; `count` if there is none. */
static inline uint32_t gremc_vif_lower_bound(const uint32_t *vifs, uint32_t count, uint32_t vif)
{
	const uint32_t *base = vifs;

	/* Without a branch on the vif that was read. The result is in base[0 .. count]. */
	while (count > 1) {
		uint32_t half = count / 2;

		base += base[half - 1] < vif ? half : 0;
		count -= half;
	}
	return (uint32_t)(base - vifs) + (count == 1 && *base < vif);
}

/* The branch of the iif with index `i` of a trunk. */
static inline const struct gremc_mroute *gremc_trunk_branch_at(const struct gremc_mroute *trunk, uint32_t i)
{
	const int32_t distance = (int32_t)trunk->vif[trunk->iif_count + i];

	return (const struct gremc_mroute *)((const uint8_t *)trunk + (int64_t)distance * GREMC_MROUTE_STEP);
}

/* The mroute for packets of this vif among those of one key: the branch of a trunk that accepts it, else the
 * mroute itself. A trunk without such a branch does not accept the vif either. */
static inline const struct gremc_mroute *gremc_mroute_branch(const struct gremc_mroute *mroute, uint32_t iif)
{
	uint32_t at;

	if (!mroute->trunk)
		return mroute;
	at = gremc_vif_lower_bound(mroute->vif, mroute->iif_count, iif);
	return at < mroute->iif_count && mroute->vif[at] == iif ? gremc_trunk_branch_at(mroute, at) : mroute;
}

/* RPF: whether the mroute accepts packets of this vif. */
static inline bool gremc_mroute_accepts(const struct gremc_mroute *mroute, uint32_t iif)
{
	uint32_t at;

	if (mroute->iif_count <= 1)
		return mroute->iif_count == 0 || mroute->iif == iif;
	at = gremc_vif_lower_bound(gremc_mroute_iifs(mroute), mroute->iif_count, iif);
	return at < mroute->iif_count && gremc_mroute_iifs(mroute)[at] == iif;
}

/* Split horizon: the index of the iif in the oil, or oif_count. */
static inline uint32_t gremc_mroute_skip(const struct gremc_mroute *mroute, uint32_t iif)
{
	uint32_t at;

	if (!mroute->loops)
		return mroute->oif_count;
	at = gremc_vif_lower_bound(mroute->vif, mroute->oif_count, iif);
	return at < mroute->oif_count && mroute->vif[at] == iif ? at : mroute->oif_count;
}

/* A route as the control thread requests it. */
struct gremc_mroute_spec {
	rte_be32_t source; /* 0: any; otherwise length must be 32 */
	rte_be32_t group;
	uint8_t length;
	uint8_t origin, origins;
	uint32_t iif_count, oif_count;
	const uint32_t *iifs;      /* any order, no vif twice; iif_count 0: any */
	const uint32_t *oifs;      /* any order, no vif twice */
	const uint8_t *thresholds; /* [oif], if the oifs are ascending; NULL: none has one */
	bool sampled;              /* only with thresholds */
	bool rotates;              /* the order of the replicas changes from packet to packet */
	/* Several mroutes with this key, each with other iifs, at least one. Only the key of this spec is
	 * used then. 0: this is the mroute. */
	uint32_t branch_count;
	const struct gremc_mroute_spec *branches;
};

enum gremc_fanout_op_kind { GREMC_FANOUT_SET, GREMC_FANOUT_REMOVE };
struct gremc_fanout_op {
	enum gremc_fanout_op_kind kind;
	struct gremc_mroute_spec spec; /* REMOVE reads source, group and length only */
};

/* Create the table, with a copy for lookups on each of `nodes`, in memory beside DPDK's.
 * Input:    `entries` is the first capacity of the hash, which grows up to GREMC_MROUTES_MAX. `nodes` is
 *           copied.
 * Lifetime: rcu outlives the table.
 * Returns:  NULL: out of memory. */
struct gremc_fanout *gremc_fanout_create(uint32_t entries, const struct gremc_nodes *nodes,
					 struct gremc_rcu *rcu);
/* Free the table and its mroutes. No reader is online. NULL is allowed. */
void gremc_fanout_destroy(struct gremc_fanout *table);
/* Thread:   any.
 * Lifetime: that of the table.
 * Returns:  the copy for lookups on NUMA node `socket`; the first copy if that node has none. */
const struct gremc_fanout_node *gremc_fanout_at(const struct gremc_fanout *table, int socket);

/* Add, replace and remove routes: all or none, under one grace period, which begins here. A SET of a key that
 * exists replaces the route, which keeps its id and so its counters. A SET that is equal to the published
 * route changes nothing. A reader sees each route as before or as after the call, and all additions before
 * the first removal.
 * Thread:  control thread, or a job, which pauses between routes.
 * Input:   each key at most once. on_new_id, unless NULL, is called with the id of each added route before a
 *          reader can find the route, to reset its counters.
 * Errors:  nothing has changed.
 *          -ENOMEM.
 *          -ECANCELED: the job is cancelled.
 *          -ENOSPC: more than GREMC_MROUTES_MAX routes, or no id is free, because removed routes keep theirs
 *          for a grace period.
 *          -E2BIG: more than GREMC_FANOUT_MAX oifs or iifs.
 *          -EINVAL: not a group; host bits; a source with a prefix; a source in 0.0.0.0/8 or multicast; a vif
 *          or a key twice; oifs with thresholds that are not ascending; a wildcard inside 232.0.0.0/8.
 *          -ENOENT: a REMOVE of a key that does not exist. */
__rte_warn_unused_result int gremc_fanout_apply(struct gremc_fanout *table, const struct gremc_fanout_op *ops,
						uint32_t count,
						void (*on_new_id)(uint32_t id, void *argument),
						void *argument);

/* Find the longest match of each of n keys.
 * Thread:  a reader.
 * Input:   `node` is the copy of the reader's node; n <= GREMC_FANOUT_BULK.
 * Output:  out[i] is the mroute of key i, or NULL.
 * RFC:     4607: a group in 232.0.0.0/8 matches (S,G) and (*,232.0.0.0/8) only. */
void gremc_fanout_lookup_bulk(const struct gremc_fanout_node *node, const struct gremc_fanout_key *keys,
			      uint32_t n, const struct gremc_mroute **out);

/* ---- for readers on any node, and the control thread: these read the first copy ---- */

/* The mroute or branch with the id, or NULL. A trunk has none of its own. */
const struct gremc_mroute *gremc_fanout_get(const struct gremc_fanout *table, uint32_t id);
/* An upper bound of the ids in use. */
uint32_t gremc_fanout_id_limit(const struct gremc_fanout *table);
/* The mroute or trunk with exactly this key, or NULL. */
const struct gremc_mroute *gremc_fanout_find(const struct gremc_fanout *table, rte_be32_t source,
					     rte_be32_t group, uint8_t length);

struct gremc_fanout_usage {
	uint32_t mroutes;
	uint32_t capacity; /* present one of the hash */
	uint64_t nodes;    /* copies of the hash and of the mroutes */
	uint64_t bytes;    /* memory of the table on all nodes */
	uint64_t lengths;  /* bit 33: (S,G) in use; bit 34: (*,232.0.0.0/8); bit n: (*,G/n) */
};
/* The size of the table. Each figure is exact at some moment of the call.
 * Thread:  any. */
void gremc_fanout_usage(const struct gremc_fanout *table, struct gremc_fanout_usage *usage);

#endif
