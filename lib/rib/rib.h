/* SPDX-License-Identifier: BSD-3-Clause */
/* rib: the routes that each origin requests, merged to one mroute per key in the fan-out table. The origins
 * are static routes, IGMP memberships and the kernel's multicast routes. The rules:
 *
 *   - The table has an mroute for each key that an origin requests exactly.
 *   - Its oil is the union of the OIFs that origins request for its packets: the OIFs of the most specific
 * static route and of the most specific kernel route that cover it, and all members. So a join only adds: an
 *     (S,G) inherits the OIFs of the (*,G) and of the prefixes that cover it. Only a member that excludes a
 *     source removes itself, and nothing else, from that (S,G).
 *   - A TTL threshold of the kernel applies to an interface that only the kernel requests. The source filter
 *     of an interface applies where its members request any source.
 *   - Static routes with one key and other iifs make the mroute a trunk: each is a branch, to which the rules
 *     apply as to an mroute with this static route alone.
 *   - Its iifs are those of the most specific static route that covers it; else those of the kernel's; else
 *     any.
 *   - Its origin is the first of enum gremc_origin that requests exactly this key.
 *   - The order of its replicas is that of the most specific static route that covers it.
 *
 * An interface is a number that stays while the configuration has the tunnel or port. A reload passes the
 * table of the vifs that the interfaces currently have.
 *
 * Changes take effect in gremc_rib_flush(), many of them in one grace period. A flush and
 * gremc_rib_static_replace() take long with many routes. In a job (base/job.h) they pause; meanwhile the
 * control loop may change members and kernel routes, which the next flush applies.
 *
 * Keys have addresses of either family. The fan-out table has IPv4 only, so the rib refuses a key of another
 * family with -EAFNOSUPPORT.
 *
 * Thread:  control thread, the only writer, unless a contract names another one. */
#ifndef GREMC_RIB_RIB_H
#define GREMC_RIB_RIB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "config/config.h"
#include "fanout/fanout.h"
#include "igmp/igmp.h"

#define GREMC_RIB_NONE UINT32_MAX /* no interface; in the table of vifs: no vif */
/* The kernel's register interface: the daemon that set the route requests its packets. */
#define GREMC_RIB_REGISTER (UINT32_MAX - 1)

struct gremc_rib; /* heap */

/* The key of an mroute: (S,G), (*,G) or (*,G/length). */
struct gremc_rib_key {
	struct gremc_addr source; /* without a family: any; else the group is a single one */
	struct gremc_prefix group;
};

static_assert(sizeof(struct gremc_rib_key) == sizeof(struct gremc_addr) + sizeof(struct gremc_prefix),
	      "a key has no padding, so it is compared as a whole");

/* A static route. */
struct gremc_rib_route {
	struct gremc_rib_key key;
	uint32_t iif_count, oif_count;
	const uint32_t *iifs; /* interfaces, none twice; iif_count 0: any */
	const uint32_t *oifs; /* interfaces, none twice */
	bool rotates;         /* the order of the replicas changes from packet to packet */
	/* Another route with this key and other iifs, which is not in the array; NULL: none. Each of them
	 * then has iifs, and applies to packets of these only. */
	const struct gremc_rib_route *next;
};

struct gremc_rib_callbacks {
	/* A route got this id, and no reader can find it yet: zero its counters. NULL: nothing to do. */
	void (*on_new_id)(uint32_t id, void *argument);
	void *argument;
};

/* Create a rib without routes, the only writer of the table.
 * Owner:   the table stays the caller's and outlives the rib; callbacks are copied.
 * Returns: NULL: out of memory. */
struct gremc_rib *gremc_rib_create(struct gremc_fanout *fanout, const struct gremc_rib_callbacks *callbacks);
/* Free the rib. Its mroutes stay in the table. NULL is allowed. */
void gremc_rib_destroy(struct gremc_rib *rib);

/* Set the policies that the next gremc_rib_static_replace() applies, or not, with all else. Oils respect
 * them: an interface does not get groups inside its outer boundary, and mroutes with interfaces that check
 * packets have conditional OIFs.
 * Input:   policies: [interface below interface_count] NULL: none; the table NULL: no policies.
 * Owner:   as the routes of gremc_rib_static_replace(). */
void gremc_rib_policies_set(struct gremc_rib *rib, const struct gremc_config_policy *const *policies,
			    uint32_t interface_count);

/* Replace the static routes and the table of vifs, and flush: all or nothing.
 * Input:   vifs: [interface below interface_count] vif, or GREMC_RIB_NONE. No flush or replacement is in
 *          progress.
 * Owner:   `routes`, their arrays and `vifs` stay valid until the next call that succeeds, or
 *          gremc_rib_destroy().
 * Units:   now: seconds of the caller's clock, for gremc_rib_since().
 * Errors:  -EAFNOSUPPORT: a key that is not IPv4; -EINVAL: a key twice, or a `next` that breaks its contract;
 *          -ECANCELED: the job is cancelled; -ENOMEM and the errors of gremc_fanout_apply(). */
__rte_warn_unused_result int gremc_rib_static_replace(struct gremc_rib *rib,
						      const struct gremc_rib_route *routes, uint32_t count,
						      const uint32_t *vifs, uint32_t interface_count,
						      uint32_t now);

/* Set the request of an interface for (S,G), or for (*,G) with a source without a family.
 * Errors:  -ENOMEM: the interface requests nothing now; repeat the call. -EAFNOSUPPORT: no change.
 *          GREMC_IGMP_NONE does not fail. */
__rte_warn_unused_result int gremc_rib_member_set(struct gremc_rib *rib, uint32_t interface,
						  const struct gremc_addr *source,
						  const struct gremc_addr *group,
						  enum gremc_igmp_request request);
/* Set whether members of an interface that request any source get the sources of the vif's filter only
 * (GREMC_THRESHOLD_SOURCES).
 * Errors:  -ENOMEM: no change. */
__rte_warn_unused_result int gremc_rib_source_filter_set(struct gremc_rib *rib, uint32_t interface,
							 bool is_filtered);
/* Set the proxy's upstream interface, or GREMC_RIB_NONE. All packets of the other interfaces also leave by
 * it, with or without members. This includes 232.0.0.0/8: RFC 4607 withholds packets without an (S,G) from
 * receivers, not from the router above.
 * Errors:  -ENOMEM: no change.
 * RFC:     4605, section 4.2. */
__rte_warn_unused_result int gremc_rib_upstream_set(struct gremc_rib *rib, uint32_t interface);

/* Add or replace the kernel's route for (S,G), or for (*,G) with a source without a family. As in the kernel,
 * a (*,G) also accepts packets from its OIFs.
 * Input:   group: without a family: all groups. iif GREMC_RIB_NONE: the route accepts no packet. oifs:
 *          GREMC_RIB_NONE is left out. With GREMC_RIB_REGISTER the route is punt-sampled, unless another
 *          origin requests it. thresholds: [oif] a packet's TTL must be greater; NULL: none.
 * Errors:  -ENOMEM, -EAFNOSUPPORT: no change. */
__rte_warn_unused_result int gremc_rib_kernel_set(struct gremc_rib *rib, const struct gremc_addr *source,
						  const struct gremc_addr *group, uint32_t iif,
						  const uint32_t *oifs, const uint8_t *thresholds,
						  uint32_t oif_count);
/* Remove the kernel's route with this key; no-op without one. */
void gremc_rib_kernel_remove(struct gremc_rib *rib, const struct gremc_addr *source,
			     const struct gremc_addr *group);
/* Returns: number of the kernel's routes. */
uint32_t gremc_rib_kernel_count(const struct gremc_rib *rib);
/* Begin a dump of the kernel's routes. */
void gremc_rib_kernel_begin(struct gremc_rib *rib);
/* End the dump: remove the kernel's routes that were not set since gremc_rib_kernel_begin(). */
void gremc_rib_kernel_end(struct gremc_rib *rib);

/* Apply the changes to the table. A route that does not fit (out of memory, or the table is full) waits for
 * gremc_rib_retry() or for a change of its own. No-op while a flush or a replacement is in progress.
 * Units:   now: as in gremc_rib_static_replace().
 * Returns: number of routes that did not fit in this call. */
uint32_t gremc_rib_flush(struct gremc_rib *rib, uint32_t now);
/* Let the next flush retry the routes that have waited longest, some hundreds of them. */
void gremc_rib_retry(struct gremc_rib *rib);
/* Thread:  any.
 * Returns: number of routes that wait. */
uint32_t gremc_rib_waiting(const struct gremc_rib *rib);
/* Whether a flush has work. */
bool gremc_rib_is_dirty(const struct gremc_rib *rib);
/* Returns: the largest number of routes that a flush would process. */
uint32_t gremc_rib_dirty_count(const struct gremc_rib *rib);
/* Whether a flush or a replacement is in progress, in a job that has paused. */
bool gremc_rib_is_busy(const struct gremc_rib *rib);

/* Thread:  any.
 * Returns: the time at which the table's route with this id was added. */
uint32_t gremc_rib_since(const struct gremc_rib *rib, uint32_t id);
/* Thread:  any.
 * Returns: number of routes and requests that failed so far. */
uint64_t gremc_rib_failures(const struct gremc_rib *rib);

#endif
