/* SPDX-License-Identifier: BSD-3-Clause */
/* rib: what each origin wants of (S,G), (*,G) and (*,G/len), and the one route that the fan-out table gets of
 * it. Static routes, IGMP memberships and the kernel's multicast routes change at their own times; here they
 * meet:
 *
 *   - a route is in the table where an origin wants exactly it;
 *   - its oil is what all origins want of its packets: of static routes and of the kernel's the most exact
 *     one that covers it, and every IGMP member of it. So a join adds and never takes: a more exact route
 *     hides nobody who a wider one serves. Only a member's own exclusion of a source takes that member, and
 *     nothing but it, out of (S,G);
 *   - the kernel's TTL thresholds hold for interfaces that nobody but the kernel wants, and the list of
 *     sources of an interface for what its members want of any source;
 *   - its incoming interfaces are those of the most exact static route that covers it; without one, the
 *     kernel's; without one, any;
 *   - its origin is the first of static, igmp, kernel that wants exactly it.
 *
 * Interfaces are numbers that stay for as long as the configuration names the tunnel or port; which vif each
 * is at the moment is a table that a reload brings along.
 *
 * One writer, the control thread. Nothing reaches the fan-out table before gremc_rib_flush(): many changes
 * are one grace period.
 *
 * A flush and gremc_rib_replace_static() take long with many routes. In a job (base/job.h) they pause; the
 * control loop may change members and the kernel's routes meanwhile, and these changes are in the next flush.
 */
#ifndef GREMC_RIB_RIB_H
#define GREMC_RIB_RIB_H

#include <stdbool.h>
#include <stdint.h>

#include "fanout/fanout.h"
#include "igmp/igmp.h"

#define GREMC_RIB_NONE     UINT32_MAX       /* no interface, and in the table of vifs: no vif */
#define GREMC_RIB_REGISTER (UINT32_MAX - 1) /* the kernel's: whoever set the route asks for packets of it */

struct gremc_rib;

/* Who is told that a route got this id, before a reader can find it: to zero its counters. */
struct gremc_rib_callbacks {
	void (*on_new_id)(uint32_t id, void *argument);
	void *argument;
};

/* NULL: ENOMEM. The table outlives it, and has no other writer. */
struct gremc_rib *gremc_rib_create(struct gremc_fanout *fanout, const struct gremc_rib_callbacks *callbacks);
/* The routes stay in the table. */
void gremc_rib_destroy(struct gremc_rib *rib);

/* Make these the static routes and `vifs` the vifs of the interfaces below `interface_count`, and flush: all
 * or nothing. `routes`' iifs and oifs are interfaces. The three arrays, and those that the routes point to,
 * stay valid until the next call that succeeds, or gremc_rib_destroy(). Returns 0, -ECANCELED (the job that
 * runs this is cancelled), or what gremc_fanout_apply() says. `now` in seconds of the caller's clock, from
 * which routes have their age. */
int gremc_rib_replace_static(struct gremc_rib *rib, const struct gremc_mroute_spec *routes, uint32_t count,
			     const uint32_t *vifs, uint32_t interface_count, uint32_t now);

/* An interface's interest in (S,G), or with source 0 in (*,G), as gremc_igmp_callbacks say it. Returns 0, or
 * -ENOMEM: it has none now; say it again. GREMC_IGMP_NONE never fails. */
int gremc_rib_member(struct gremc_rib *rib, uint32_t interface, rte_be32_t source, rte_be32_t group,
		     enum gremc_igmp_request interest);
/* Members at this interface, who want any source, get those of the vif's list only (GREMC_THRESHOLD_SOURCES),
 * or again any. */
void gremc_rib_guard(struct gremc_rib *rib, uint32_t interface, bool guarded);
/* The proxy's upstream interface (RFC 4605, 4.2), or GREMC_RIB_NONE: what any interface sends goes there,
 * too, be there members or not. In 232.0.0.0/8 as in any other group: RFC 4605 excepts nothing, and RFC 4607
 * keeps packets without an (S,G) from receivers, not from the router above. */
void gremc_rib_upstream(struct gremc_rib *rib, uint32_t interface);

/* The kernel's route for (S,G), or with source 0 for (*,G), and that it has none. Interfaces that are
 * GREMC_RIB_NONE are left out; with iif GREMC_RIB_NONE the route takes packets from none. As in the kernel, a
 * (*,G) takes packets from its oifs as well, and group 0 is any group. `thresholds`: of the oifs, what a
 * packet's TTL must exceed; NULL: nothing to speak of. With GREMC_RIB_REGISTER among them, and nobody but the
 * kernel in it, the route is a sampled one: now and then a packet goes to the kernel. -ENOMEM. */
int gremc_rib_kernel_set(struct gremc_rib *rib, rte_be32_t source, rte_be32_t group, uint32_t iif,
			 const uint32_t *oifs, const uint8_t *thresholds, uint32_t oif_count);
void gremc_rib_kernel_remove(struct gremc_rib *rib, rte_be32_t source, rte_be32_t group);
/* Routes that the kernel has. */
uint32_t gremc_rib_kernel_count(const struct gremc_rib *rib);
/* Between the two: all that is set stays, what is not is removed at the end. */
void gremc_rib_kernel_begin(struct gremc_rib *rib);
void gremc_rib_kernel_end(struct gremc_rib *rib);

/* Bring what changed into the table. What does not go in (out of memory, or more routes than it holds) waits
 * for gremc_rib_retry(), or for a change of its own; returns how many such there were this time. While a
 * flush or a replacement is in progress this does nothing. */
uint32_t gremc_rib_flush(struct gremc_rib *rib, uint32_t now);
/* Let the next flush try those that have waited longest, some hundred of them. */
void gremc_rib_retry(struct gremc_rib *rib);
/* Any thread: routes that wait. */
uint32_t gremc_rib_waiting(const struct gremc_rib *rib);
/* Is there anything to flush? */
bool gremc_rib_is_dirty(const struct gremc_rib *rib);
/* How many routes a flush would look at, at most. */
uint32_t gremc_rib_dirty_count(const struct gremc_rib *rib);
/* A flush or a replacement is in progress, in a job that has paused. */
bool gremc_rib_is_busy(const struct gremc_rib *rib);

/* Any thread: since when the table's route with this id is there, by the caller's clock. */
uint32_t gremc_rib_since(const struct gremc_rib *rib, uint32_t id);
/* Any thread: routes that did not go in, so far. */
uint64_t gremc_rib_failures(const struct gremc_rib *rib);

#endif
