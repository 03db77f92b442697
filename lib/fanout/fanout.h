/* SPDX-License-Identifier: BSD-3-Clause */
/* fanout: the multicast route table: (S,G), (*,G) and (*,G/len) to the accepted incoming interfaces and the
 * oil.
 *
 * One writer (the control thread); any number of lock-free readers that are online in the RCU. A published
 * mroute is immutable: a change publishes another object by one pointer store and frees the first after a
 * grace period.
 *
 * What lookups touch is on each NUMA node that has workers: the hash, the routes. A worker reads its own
 * node's (gremc_fanout_at), so the writer makes every change on each of them. A lookup is exact on its node;
 * between two nodes a change is seen at moments a little apart.
 *
 * One hash holds all three kinds: its key is (source, group) for (S,G), and (length, group's prefix) for
 * a route of any source, where the length 0.0.0.0 to 0.0.0.32 stands in the source's place: no packet has
 * such a source (GREMC_PROTO_bad_source). A mask says which lengths are in use, so that a lookup probes these
 * only, longest first: (S,G), then (*,G/32), then shorter prefixes. Groups in 232.0.0.0/8 have (S,G), and
 * (*,232.0.0.0/8) for what has none; no other route of any source takes their packets. */
#ifndef GREMC_FANOUT_FANOUT_H
#define GREMC_FANOUT_FANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "fanout/origin.h"
#include "rcu/rcu.h"

#define GREMC_FANOUT_MAX  65535u     /* oifs of one mroute */
#define GREMC_FANOUT_BULK 64u        /* lookups a call */
#define GREMC_MROUTES_MAX (1u << 20) /* mroutes of one table */
/* Ids, and what is indexed by them: while one set of mroutes takes the place of another, both have theirs. */
#define GREMC_MROUTE_IDS_MAX (2 * GREMC_MROUTES_MAX)

struct gremc_fanout;
struct gremc_fanout_node; /* the table as it is read on one NUMA node */

/* What a packet has, network byte order. */
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
	uint8_t limited : 1; /* some oif does not take all packets: gremc_mroute_thresholds() */
	uint8_t loops : 1;   /* some accepted iif is in the oil */
	uint8_t sampled : 1; /* a limited one, of which the kernel gets a packet now and then */
	uint8_t plain : 1;   /* one iif, and an oil that is not empty, has it not, and takes all packets */
	uint32_t iif;        /* the only accepted incoming vif when iif_count is 1 */
	uint32_t iif_count;  /* 0: any vif is accepted */
	uint32_t oif_count;  /* 0 to GREMC_FANOUT_MAX */
	uint32_t vif[]; /* the oil, ascending; then the accepted iifs, ascending, when iif_count > 1; then
			 * the thresholds, when limited */
};

/* Vifs of the oil that are in an mroute's first cache line, with what a lookup reads. */
#define GREMC_MROUTE_LINE 5u

/* The accepted iifs as an array (of iif_count). */
static inline const uint32_t *gremc_mroute_iifs(const struct gremc_mroute *mroute)
{
	return mroute->iif_count == 1 ? &mroute->iif : &mroute->vif[mroute->oif_count];
}

/* Of a limited mroute: one of each oif. A packet leaves there only if its TTL, as received, is greater; or,
 * of GREMC_THRESHOLD_SOURCES, if its source is one of the vif's (gremc_vif_accepts_source()). */
#define GREMC_THRESHOLD_SOURCES UINT8_MAX
static inline const uint8_t *gremc_mroute_thresholds(const struct gremc_mroute *mroute)
{
	return (const uint8_t *)&mroute
		->vif[mroute->oif_count + (mroute->iif_count > 1 ? mroute->iif_count : 0)];
}

/* The first index in the ascending `vifs` that holds a vif >= `vif`; count when there is none. */
static inline uint32_t gremc_vif_lower_bound(const uint32_t *vifs, uint32_t count, uint32_t vif)
{
	const uint32_t *base = vifs;

	/* Halves without a branch on what was read: the answer is in base[0 .. count]. */
	while (count > 1) {
		uint32_t half = count / 2;

		base += base[half - 1] < vif ? half : 0;
		count -= half;
	}
	return (uint32_t)(base - vifs) + (count == 1 && *base < vif);
}

/* RPF: does the mroute take packets from this vif? */
static inline bool gremc_mroute_accepts(const struct gremc_mroute *mroute, uint32_t iif)
{
	uint32_t at;

	if (mroute->iif_count <= 1)
		return mroute->iif_count == 0 || mroute->iif == iif;
	at = gremc_vif_lower_bound(gremc_mroute_iifs(mroute), mroute->iif_count, iif);
	return at < mroute->iif_count && gremc_mroute_iifs(mroute)[at] == iif;
}

/* Split horizon: the place of the iif in the oil, or oif_count. */
static inline uint32_t gremc_mroute_skip(const struct gremc_mroute *mroute, uint32_t iif)
{
	uint32_t at;

	if (!mroute->loops)
		return mroute->oif_count;
	at = gremc_vif_lower_bound(mroute->vif, mroute->oif_count, iif);
	return at < mroute->oif_count && mroute->vif[at] == iif ? at : mroute->oif_count;
}

/* A wanted route, as the control thread says it. */
struct gremc_mroute_spec {
	rte_be32_t source; /* 0: any; otherwise length must be 32 */
	rte_be32_t group;
	uint8_t length;
	uint8_t origin, origins;
	uint32_t iif_count, oif_count;
	const uint32_t *iifs;      /* any order, no vif twice; iif_count 0: any */
	const uint32_t *oifs;      /* any order, no vif twice */
	const uint8_t *thresholds; /* of the oifs, which are ascending then; NULL: none has one */
	bool sampled;              /* only with thresholds */
};

enum gremc_fanout_op_kind { GREMC_FANOUT_SET, GREMC_FANOUT_REMOVE };
struct gremc_fanout_op {
	enum gremc_fanout_op_kind kind;
	struct gremc_mroute_spec spec; /* REMOVE reads source, group and length only */
};

/* A table whose hash starts with room for `entries` mroutes (it grows by itself up to GREMC_MROUTES_MAX),
 * with a copy of what lookups touch on each of `nodes` (copied), in memory beside DPDK's. NULL: ENOMEM. rcu
 * outlives it. */
struct gremc_fanout *gremc_fanout_create(uint32_t entries, const struct gremc_nodes *nodes,
					 struct gremc_rcu *rcu);
/* No reader may be left. */
void gremc_fanout_destroy(struct gremc_fanout *table);
/* Any thread: what lookups on NUMA node `socket` are to use: its copy, or the first one where it has none.
 * Lives as long as the table. */
const struct gremc_fanout_node *gremc_fanout_at(const struct gremc_fanout *table, int socket);

/* Writer: add, replace (SET of a key that exists: its id, and so its counters, stay) and remove routes, all
 * or none, under one grace period, which is committed here. A SET equal to what is published changes nothing.
 * Each key at most once in one call. Readers see each route as before or as after, never between, and all
 * additions before the first removal.
 * Returns 0; or, and then nothing has changed:
 * -ENOMEM;
 * -ENOSPC: over GREMC_MROUTES_MAX when it is done, or no id is left: removed routes hold theirs until their
 * grace period is over;
 * -E2BIG: over GREMC_FANOUT_MAX oifs or iifs;
 * -EINVAL: not a group, host bits, a source with a prefix, a source in 0.0.0.0/8 or multicast, a vif twice,
 * a key twice, oifs with thresholds that are not ascending, a route of any source inside 232.0.0.0/8;
 * -ENOENT: REMOVE of what is not there;
 * -ECANCELED: in a job (base/job.h), which pauses between routes, and is cancelled.
 * on_new_id, when not NULL, is called for the id of each added route before a reader can find it (to zero its
 * counters). */
int gremc_fanout_apply(struct gremc_fanout *table, const struct gremc_fanout_op *ops, uint32_t count,
		       void (*on_new_id)(uint32_t id, void *argument), void *argument);

/* Reader: longest match of each of n <= GREMC_FANOUT_BULK keys, in the node's memory; NULL where none. A
 * group in 232.0.0.0/8 matches (S,G) only (RFC 4607). */
void gremc_fanout_lookup_bulk(const struct gremc_fanout_node *node, const struct gremc_fanout_key *keys,
			      uint32_t n, const struct gremc_mroute **out);

/* Of the functions from here on a reader may be on any node: they look at the first.
 * Reader, or the writer: the route of an id, or NULL. Ids below gremc_fanout_id_limit() may be in use. */
const struct gremc_mroute *gremc_fanout_get(const struct gremc_fanout *table, uint32_t id);
uint32_t gremc_fanout_id_limit(const struct gremc_fanout *table);
/* Reader, or the writer: the route with exactly this key, or NULL. */
const struct gremc_mroute *gremc_fanout_find(const struct gremc_fanout *table, rte_be32_t source,
					     rte_be32_t group, uint8_t length);

struct gremc_fanout_usage {
	uint32_t mroutes;
	uint32_t capacity; /* of the hash as it is now */
	uint64_t nodes;    /* copies of hash and objects */
	uint64_t bytes;    /* all memory of the table: slots, and of each node hash and objects */
	uint64_t lengths;  /* bit 33: (S,G) in use; bit 34: (*,232.0.0.0/8); bit n: (*,G/n) */
};
void gremc_fanout_usage(const struct gremc_fanout *table, struct gremc_fanout_usage *usage);

#endif
