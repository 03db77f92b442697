/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of an interface. */
#ifndef GREMC_IGMP_COUNTERS_H
#define GREMC_IGMP_COUNTERS_H

#include <assert.h>

#include "proto/igmp.h"

/* Reasons why a message or a record has no effect: name and text. */
#define GREMC_IGMP_REFUSALS(X)                                                                               \
	X(off, "IGMP is off on this interface, or it is the upstream one")                                   \
	X(bad_source, "the sender's address is not a unicast address")                                       \
	X(router_alert, "no Router Alert option, which the interface requires")                              \
	X(version, "a version above the interface's")                                                        \
	X(rate, "above the interface's report-rate")                                                         \
	X(record_type, "an unknown record type (RFC 3376, 4.2.12)")                                          \
	X(link_local, "224.0.0.0/24, which is never forwarded and needs no membership")                      \
	X(group_range, "outside the interface's groups")                                                     \
	X(ssm_any, "any source of a group in 232.0.0.0/8 (RFC 4604)")                                        \
	X(source_refused, "a source outside the interface's sources, or not a unicast address")              \
	X(group_limit, "the interface has max-groups memberships")                                           \
	X(source_limit, "the membership has max-sources sources")                                            \
	X(budget, "all memberships together are at their limit, and no interface has more than this one")    \
	X(older_host, "ignored while a host of an older version is a member (RFC 3376, 7.3.2)")              \
	X(no_memory, "out of memory")

/* Events: name and text. */
#define GREMC_IGMP_EVENTS(X)                                                                                 \
	X(queries_received, "queries of another querier")                                                    \
	X(v1_reports, "version 1 reports")                                                                   \
	X(v2_reports, "version 2 reports")                                                                   \
	X(v3_reports, "version 3 reports")                                                                   \
	X(leaves, "version 2 leaves")                                                                        \
	X(queries_sent, "queries sent")                                                                      \
	X(reports_sent, "reports and leaves sent upstream")                                                  \
	X(deferred, "queries and reports deferred until the interface can send")                             \
	X(evicted, "groups and sources removed in favour of interfaces that have fewer")                     \
	X(joined, "memberships begun")                                                                       \
	X(left, "memberships ended")

/* Counters of an interface: errors of the parser, refusals, events. */
#define GREMC_IGMP_COUNTERS(X)                                                                               \
	GREMC_IGMP_ERRORS(X)                                                                                 \
	GREMC_IGMP_REFUSALS(X)                                                                               \
	GREMC_IGMP_EVENTS(X)

#define GREMC_X(name, text) GREMC_IGMP_COUNT_##name,
enum gremc_igmp_counter { GREMC_IGMP_COUNTERS(GREMC_X) GREMC_IGMP_COUNTER_COUNT };
#undef GREMC_X

/* A parser error is the index of its counter. */
#define GREMC_X(name, text)                                                                                  \
	static_assert((int)GREMC_IGMP_COUNT_##name == (int)GREMC_IGMP_ERROR_##name,                          \
		      "counters start with errors");
GREMC_IGMP_ERRORS(GREMC_X)
#undef GREMC_X

/* The name of a counter in telemetry. */
const char *gremc_igmp_counter_name(enum gremc_igmp_counter counter);
/* The description of a counter in telemetry. */
const char *gremc_igmp_counter_text(enum gremc_igmp_counter counter);

#endif
