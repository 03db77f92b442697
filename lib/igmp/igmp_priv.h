/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside igmp/: timers, the state of interfaces, memberships and sources, and what its files ask of each
 * other. All of it is under the engine's mutex. */
#ifndef GREMC_IGMP_IGMP_PRIV_H
#define GREMC_IGMP_IGMP_PRIV_H

#include <pthread.h>

#include "base/map.h"
#include "igmp/igmp.h"

/* ---- wheel.c ---- */

#define GREMC_WHEEL_TICK   10u /* milliseconds */
#define GREMC_WHEEL_LEVELS 4u
#define GREMC_WHEEL_SLOTS  256u

struct gremc_timer {
	struct gremc_timer *next, **previous; /* previous NULL: not in a slot */
	uint64_t due;                         /* milliseconds; 0: not running */
	void (*expire)(struct gremc_igmp *igmp, struct gremc_timer *timer);
};

/* A hierarchical wheel: setting and stopping a timer costs the same with one of them and with a million. */
struct gremc_wheel {
	uint64_t tick; /* all up to it has expired */
	uint32_t count;
	struct gremc_timer *slots[GREMC_WHEEL_LEVELS][GREMC_WHEEL_SLOTS];
};

/* (Re)start the timer: it expires in the first tick that begins at `due` or later. */
void gremc_timer_set(struct gremc_wheel *wheel, struct gremc_timer *timer, uint64_t due);
void gremc_timer_stop(struct gremc_wheel *wheel, struct gremc_timer *timer);
/* Call expire() of all that are due, which may set and stop any timer. */
void gremc_wheel_run(struct gremc_wheel *wheel, struct gremc_igmp *igmp, uint64_t now);
uint64_t gremc_wheel_next(const struct gremc_wheel *wheel);

/* ---- the state ---- */

struct interface;

/* What a membership or a source holds of a route that it asks for (budget.c). */
struct holder {
	struct requested_route *route;
	struct interface *interface;
	struct holder *next, **previous;                 /* in route->holders */
	struct holder *next_granted, **previous_granted; /* in interface->granted, unless pinned */
	bool is_source;                                  /* of a struct source, else of a struct membership */
	bool is_pinned; /* by the configuration: never given up, charged to no interface */
};

/* A source of a membership. In RFC 3376's words: with its timer running it is in A, or in X in EXCLUDE mode;
 * `excluded`: in Y; with neither it is there for being static only. */
struct source {
	struct gremc_map_node node; /* of igmp->sources: membership number, address */
	struct source *next, **previous;
	struct membership *membership;
	struct holder holder;
	struct gremc_timer timer;
	rte_be32_t address;
	uint32_t mark; /* epoch of the record that names it */
	uint8_t queries_left;
	bool excluded, is_static;
	uint8_t published; /* enum gremc_igmp_request */
};

/* One interface's membership in one group. */
struct membership {
	struct gremc_map_node node; /* of igmp->memberships: interface, group */
	struct membership *next, **previous;
	struct interface *interface;
	struct holder holder;
	rte_be32_t group;
	uint32_t number; /* in igmp->numbers */
	uint64_t since;
	struct source *sources;
	uint32_t source_count;
	bool exclude, is_static; /* static: of any source */
	bool published;          /* any source was wanted when it was last said */
	bool is_query_pending;   /* queries are due that could not leave */
	uint8_t queries_left;
	uint64_t v1_until, v2_until;   /* older hosts are present (RFC 3376, 7.3.2) */
	struct gremc_timer timer;      /* of EXCLUDE mode */
	struct gremc_timer retransmit; /* of queries */
};

struct interface {
	uint32_t number;
	struct gremc_igmp_policy policy; /* its arrays are in `arrays` */
	void *arrays;
	struct membership *memberships;
	uint32_t membership_count;
	bool is_querier;
	bool forwards; /* its memberships count (RFC 4605, 4.2) */
	rte_be32_t querier;
	uint8_t startup_left;
	uint8_t robustness;      /* in use */
	uint32_t query_interval; /* in use */
	struct gremc_timer query, other_querier;
	/* A message could not leave: none is tried before the interface can send again. */
	bool is_blocked, is_query_due; /* query: a general one is to leave then */
	uint64_t blocked_since;
	struct interface *next_blocked, **previous_blocked; /* in igmp->blocked */
	/* of the budget */
	uint32_t cost, heap_at;
	struct holder *granted;     /* the newest first */
	bool is_unpublished;        /* there was no memory to say all that is wanted */
	bool is_starved;            /* something was refused or given up since its members were last asked */
	uint64_t tokens, tokens_at; /* thousandths of a record, and when they were counted */
	uint64_t counters[GREMC_IGMP_COUNTER_COUNT];
};

/* ---- proxy.c: what is wanted downstream, and said upstream ---- */

struct proxied_source {
	struct gremc_map_node node; /* of proxy->sources: number of the group, address */
	struct proxied_source *next, **previous;
	rte_be32_t address;
	uint32_t included, excluded; /* by how many interfaces */
	bool is_listed;              /* in the list that was said */
	uint8_t changes_left;
};

struct proxied {
	struct gremc_map_node node;       /* of proxy->groups: the group */
	struct proxied *next, **previous; /* in proxy->all */
	struct proxied *next_dirty, *next_pending, *next_answer;
	struct proxied *next_written; /* in the report at hand */
	rte_be32_t group;
	uint32_t number;
	uint32_t any; /* interfaces that want any source */
	struct proxied_source *sources;
	bool is_dirty, is_pending, is_answering; /* in proxy->dirty, pending, answers */
	bool exclude, is_member;                 /* as said */
	uint8_t mode_left;                       /* how often the mode is still to be said */
	uint8_t member_left;                     /* how often, to older queriers, whether there are members */
	uint64_t answer_at;                      /* to a query; 0: none is open */
};

struct proxy {
	struct interface *interface; /* NULL: there is no upstream */
	struct gremc_map groups, sources;
	struct proxied *all;
	struct proxied *dirty;   /* to be said as soon as messages may leave: changed, or once more */
	struct proxied *pending; /* to be said once more when `retransmit` expires */
	struct proxied *answers; /* state to be said as soon as messages may leave */
	uint32_t next_number;
	struct gremc_timer retransmit, answer; /* of changes; to a general query */
	struct gremc_timer group_answer;       /* to group queries */
	struct gremc_timer pace;               /* the next tick's messages */
	uint64_t paced_tick;
	uint32_t paced_left;         /* messages that may still leave in that tick */
	uint8_t *packet;             /* GREMC_IGMP_PACKET_MAX bytes */
	uint64_t v1_until, v2_until; /* an older querier is present */
	uint64_t random;
	uint8_t robustness;
	bool is_answering; /* the report at hand holds answers, not changes */
	bool is_closed;    /* being taken down */
};

/* Longer bursts overrun transmit queues: the rest leaves in the ticks after. */
#define GREMC_PROXY_MESSAGES_A_TICK 64u

/* ---- budget.c: how much all memberships together may ask for, and which interface gets how much of it ----
 */

/* A route that memberships ask for. */
struct requested_route {
	struct gremc_map_node node; /* of budget->routes: source, group */
	struct holder *holders;
	struct interface *payer; /* NULL: all holders are pinned */
};

/* Of a route, in holders: about what it takes of memory beside one. */
#define GREMC_COST_ROUTE 8u

struct budget {
	uint64_t limit, used;
	struct gremc_map routes;
	struct interface **heap; /* all interfaces, the one with the largest cost first */
	uint32_t heap_count;
	uint32_t starved; /* interfaces with is_starved, at most */
	uint64_t refilled;
	struct gremc_timer refill_timer; /* asks their members again */
};

struct gremc_igmp {
	pthread_mutex_t lock;
	struct gremc_igmp_settings settings;
	struct gremc_igmp_callbacks callbacks;
	uint64_t now;
	struct gremc_wheel wheel;
	struct interface **interfaces; /* [number] */
	uint32_t interface_limit;
	struct gremc_map memberships, sources;
	struct membership **numbers;                        /* NULL: free */
	uint32_t number_limit, number_capacity, first_free; /* none below first_free is free */
	uint32_t epoch;
	struct interface *blocked;
	struct gremc_timer unblock;   /* asks whether they can send */
	struct gremc_timer republish; /* what there was no memory for */
	struct budget budget;
	struct proxy proxy;
};

static inline void gremc_igmp_counter_increment(struct interface *interface, enum gremc_igmp_counter counter)
{
	interface->counters[counter]++;
}

static inline struct interface *gremc_igmp_interface_find(const struct gremc_igmp *igmp, uint32_t number)
{
	return number < igmp->interface_limit ? igmp->interfaces[number] : NULL;
}

/* Group membership interval, and the older host present interval (RFC 3376, 8.4, 8.13). */
static inline uint64_t gremc_igmp_group_timeout(const struct gremc_igmp *igmp,
						const struct interface *interface)
{
	return (uint64_t)interface->robustness * interface->query_interval + igmp->settings.response_interval;
}

static inline unsigned gremc_igmp_last_member_count(const struct gremc_igmp *igmp,
						    const struct interface *interface)
{
	return igmp->settings.last_member_count ? igmp->settings.last_member_count : interface->robustness;
}

/* Last member query time (8.10). */
static inline uint64_t gremc_igmp_last_member_time(const struct gremc_igmp *igmp,
						   const struct interface *interface)
{
	return (uint64_t)igmp->settings.last_member_interval * gremc_igmp_last_member_count(igmp, interface);
}

static inline bool gremc_source_timer_runs(const struct source *source)
{
	return source->timer.due != 0;
}

/* ---- store.c: memberships and sources come and go ---- */

struct membership *gremc_membership_find(const struct gremc_igmp *igmp, const struct interface *interface,
					 rte_be32_t group);
/* A new one, INCLUDE of nothing. NULL: refused, counted. */
struct membership *gremc_membership_create(struct gremc_igmp *igmp, struct interface *interface,
					   rte_be32_t group, bool is_pinned);
/* Withdraws what was published. */
void gremc_membership_destroy(struct gremc_igmp *igmp, struct membership *membership);
struct source *gremc_source_find(const struct gremc_igmp *igmp, const struct membership *membership,
				 rte_be32_t address);
/* The source, made when it is not there. NULL: refused, counted. */
struct source *gremc_source_get(struct gremc_igmp *igmp, struct membership *membership, rte_be32_t address,
				bool is_pinned);
/* Without a word: what was said of it is what holds without it. */
void gremc_source_destroy(struct gremc_igmp *igmp, struct source *source);

/* ---- budget.c ---- */

int gremc_budget_init(struct gremc_igmp *igmp);
/* No holder is left. */
void gremc_budget_fini(struct gremc_igmp *igmp);
/* Memory for so many interfaces, so that adding one cannot fail. Returns 0, or -1: ENOMEM. */
int gremc_budget_reserve(struct gremc_igmp *igmp, uint32_t interfaces);
void gremc_budget_interface_add(struct gremc_igmp *igmp, struct interface *interface);
/* It has no holders any more. */
void gremc_budget_interface_remove(struct gremc_igmp *igmp, struct interface *interface);
/* Make the budget so many routes with one holder each; interfaces with most give up what exceeds it. */
void gremc_budget_set(struct gremc_igmp *igmp, uint32_t routes);
/* Hold the route; memberships of other interfaces may be gone afterwards, none of this interface. Returns
 * false when it is refused, which is counted. */
bool gremc_holder_add(struct gremc_igmp *igmp, struct interface *interface, struct holder *holder,
		      rte_be32_t source, rte_be32_t group, bool is_pinned);
void gremc_holder_remove(struct gremc_igmp *igmp, struct holder *holder);
void gremc_holder_pin(struct gremc_igmp *igmp, struct holder *holder, bool is_pinned);

/* ---- publish.c ---- */

/* Say again what there was no memory for. */
void gremc_igmp_republish_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);
/* Withdraw the source and forget it; its membership goes with its last state. */
void gremc_source_evict(struct gremc_igmp *igmp, struct source *source);

/* Say what changed of the membership since the last time, let go of sources without a state, and of the
 * membership itself when nothing is left. It may be gone afterwards. */
void gremc_membership_publish(struct gremc_igmp *igmp, struct membership *membership);
/* Nothing is wanted of it any more; said, but the state stays. */
void gremc_membership_withdraw(struct gremc_igmp *igmp, struct membership *membership);
/* All of an interface's. */
void gremc_interface_publish(struct gremc_igmp *igmp, struct interface *interface);
bool gremc_policy_allows_source(const struct gremc_igmp_policy *policy, rte_be32_t source);
bool gremc_policy_allows_group(const struct gremc_igmp_policy *policy, rte_be32_t group);
/* Memberships and sources of the configuration. */
void gremc_interface_join_static(struct gremc_igmp *igmp, struct interface *interface);

/* ---- member.c: RFC 3376, 6.4 and 6.5 ---- */

/* Returns false when the record was refused as a whole, which is counted. */
bool gremc_membership_record_input(struct gremc_igmp *igmp, struct interface *interface,
				   const struct gremc_igmp_record *record);
/* Thousandths of a record that the full bucket holds: one second's, and one for each membership allowed, so
 * that all of them may begin at once. */
static inline uint64_t gremc_policy_token_max(const struct gremc_igmp_policy *policy)
{
	return UINT64_C(1000) * RTE_MAX(policy->report_rate, policy->max_groups);
}
void gremc_membership_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);
void gremc_source_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* ---- last.c: group specific queries, sent (6.6.3) and received (6.6.1) ---- */

/* Sources of one query, also where a larger one would fit. */
#define GREMC_QUERY_SOURCES 1024u

/* Q(G), and Q(G, the running sources whose mark is, or with `marked` false is not, the epoch). */
void gremc_membership_group_query(struct gremc_igmp *igmp, struct membership *membership);
void gremc_membership_source_query(struct gremc_igmp *igmp, struct membership *membership, bool marked);
void gremc_membership_retransmit_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);
/* The interface can send again: send the queries that could not leave. */
void gremc_membership_resume(struct gremc_igmp *igmp, struct membership *membership);
/* Whether the membership's timers wait because its members could not be asked yet. */
bool gremc_membership_timer_waits(const struct gremc_igmp *igmp, const struct membership *membership);
void gremc_membership_timers_lower(struct gremc_igmp *igmp, struct membership *membership,
				   const struct gremc_igmp_message *query);

/* ---- send.c ---- */

/* Bytes of the largest IP packet that may leave by the interface now. 0: none can, which is counted. */
size_t gremc_interface_packet_max(struct gremc_igmp *igmp, struct interface *interface);
/* Send an IP packet. Returns false, counted, when it could not leave: send it again after the interface is
 * unblocked. */
bool gremc_interface_send(struct gremc_igmp *igmp, struct interface *interface, const uint8_t *packet,
			  size_t length);
/* Take the interface off the list of blocked ones, if it is there. */
void gremc_interface_unblock(struct interface *interface);
void gremc_igmp_unblock_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* ---- querier.c ---- */

void gremc_querier_start(struct gremc_igmp *igmp, struct interface *interface);
void gremc_querier_stop(struct gremc_igmp *igmp, struct interface *interface);
void gremc_querier_query_input(struct gremc_igmp *igmp, struct interface *interface,
			       const struct gremc_igmp_message *query);
void gremc_querier_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);
void gremc_querier_other_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);
/* Returns false when the query could not leave. One that the interface's version does not have is left out,
 * which is a success. */
bool gremc_querier_query_send(struct gremc_igmp *igmp, struct interface *interface, rte_be32_t group,
			      const rte_be32_t *sources, uint16_t source_count, bool suppress);
/* Ask the members now, and not with the next general query, where that is ours to do. */
void gremc_querier_query_now(struct gremc_igmp *igmp, struct interface *interface);
/* The interface can send again: send the queries that could not leave. */
void gremc_querier_resume(struct gremc_igmp *igmp, struct interface *interface);
/* Whether the interface's memberships count: not where another one is the querier of a proxy. */
void gremc_querier_update(struct gremc_igmp *igmp, struct interface *interface);

/* ---- proxy.c ---- */

int gremc_proxy_init(struct gremc_igmp *igmp);
void gremc_proxy_fini(struct gremc_igmp *igmp);
void gremc_proxy_start(struct gremc_igmp *igmp, struct interface *interface);
void gremc_proxy_stop(struct gremc_igmp *igmp);
/* Memory for a change. Returns false: ENOMEM. */
bool gremc_proxy_change_prepare(struct gremc_igmp *igmp, rte_be32_t source, rte_be32_t group);
/* A downstream interface's interest went from one to another. It has been prepared, and so cannot fail. */
void gremc_proxy_change_add(struct gremc_igmp *igmp, rte_be32_t source, rte_be32_t group,
			    enum gremc_igmp_request before, enum gremc_igmp_request after);
/* Send what is to be said now. */
void gremc_proxy_flush(struct gremc_igmp *igmp);
/* Nothing is left to be said of it. */
void gremc_proxy_changes_clear(struct proxied *proxied);
/* 1 to `most` milliseconds, at random. */
uint64_t gremc_proxy_random_delay(struct proxy *proxy, uint64_t most);
void gremc_proxy_retransmit_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* ---- upstream.c ---- */

/* A report being filled; full ones leave. */
struct proxy_writer {
	struct gremc_igmp *igmp;
	struct gremc_igmp_report report;
	struct proxied *written; /* groups whose last record is in the report */
	bool has_failed;         /* a message could not leave; the rest does not try */
};

void gremc_proxy_writer_begin(struct proxy_writer *writer, struct gremc_igmp *igmp);
/* Whether another group's messages may leave in this tick. */
bool gremc_proxy_writer_may_send(const struct proxy_writer *writer);
/* Write what changed of the group, or its state; gremc_proxy_group_written() follows when the last of it has
 * left, or could not. */
void gremc_proxy_change_write(struct proxy_writer *writer, struct proxied *proxied);
void gremc_proxy_state_write(struct proxy_writer *writer, struct proxied *proxied);
/* Send what the writer still holds. */
void gremc_proxy_writer_flush(struct proxy_writer *writer);
/* proxy.c: all that was written of the group has left, or is to be written again. It may be gone afterwards.
 */
void gremc_proxy_group_written(struct gremc_igmp *igmp, struct proxied *proxied, bool has_left);
/* proxy.c: say the group's state as soon as messages may leave. */
void gremc_proxy_answer_enqueue(struct proxy *proxy, struct proxied *proxied);
void gremc_proxy_answer_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);
void gremc_proxy_group_answer_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);
void gremc_proxy_query_input(struct gremc_igmp *igmp, const struct gremc_igmp_message *query);

#endif
