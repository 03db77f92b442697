/* SPDX-License-Identifier: BSD-3-Clause */
/* The proxy's upstream side: merged state (proxy.c), messages and queries (upstream.c).
 * Thread:  control thread, with the engine's mutex locked. */
#ifndef GREMC_IGMP_PROXY_PRIV_H
#define GREMC_IGMP_PROXY_PRIV_H

#include "igmp/state_priv.h"

/* ---- proxy.c ---- */

/* Initialize a proxy without an upstream.
 * Returns: 0; -1 if memory is exhausted. */
__rte_warn_unused_result int gremc_proxy_init(struct gremc_igmp *igmp);

/* Free the proxy; later changes are ignored. */
void gremc_proxy_fini(struct gremc_igmp *igmp);

/* Make an interface the upstream and report all groups on it. */
void gremc_proxy_start(struct gremc_igmp *igmp, struct interface *interface);

/* Remove the upstream. The merged state remains. */
void gremc_proxy_stop(struct gremc_igmp *igmp);

/* Allocate the memory of a change.
 * Returns: false if memory is exhausted. */
bool gremc_proxy_change_prepare(struct gremc_igmp *igmp, rte_be32_t source, rte_be32_t group);

/* Apply a change of a downstream interface's request.
 * Input:   gremc_proxy_change_prepare() has succeeded for it. */
void gremc_proxy_change_add(struct gremc_igmp *igmp, rte_be32_t source, rte_be32_t group,
			    enum gremc_igmp_request before, enum gremc_igmp_request after);

/* Send the reports of changes and the answers that are due. */
void gremc_proxy_flush(struct gremc_igmp *igmp);

/* Clear all reports of changes that remain to be sent for the group. */
void gremc_proxy_changes_clear(struct proxied *proxied);

/* Returns: a random delay of 1 to `most` milliseconds. */
uint64_t gremc_proxy_random_delay(struct proxy *proxy, uint64_t most);

/* Timer: queue the pending changes for another report. */
void gremc_proxy_retransmit_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* Account for the records of a group. If they were not sent, queue the group again.
 * Lifetime: frees the group if no state remains. */
void gremc_proxy_group_written(struct gremc_igmp *igmp, struct proxied *proxied, bool is_sent);

/* Queue the state of a group for a report. */
void gremc_proxy_answer_enqueue(struct proxy *proxy, struct proxied *proxied);

/* ---- upstream.c ---- */

/* A report under construction. A full report is sent. */
struct proxy_writer {
	struct gremc_igmp *igmp;
	struct gremc_igmp_report report;
	struct proxied *written; /* groups whose last record is in the report */
	bool has_failed;         /* a message was not sent; the writer sends no other */
};

/* Start an empty report, for the largest packet that the upstream can send. */
void gremc_proxy_writer_begin(struct proxy_writer *writer, struct gremc_igmp *igmp);

/* Whether the writer may send more messages in this tick. */
bool gremc_proxy_writer_may_send(const struct proxy_writer *writer);

/* Write the changes of a group (RFC 3376, 5.1). gremc_proxy_group_written() is called after its last record
 * was sent or has failed. */
void gremc_proxy_change_write(struct proxy_writer *writer, struct proxied *proxied);

/* Write the state of a group (RFC 3376, 5.2), like gremc_proxy_change_write(). */
void gremc_proxy_state_write(struct proxy_writer *writer, struct proxied *proxied);

/* Send the report, if it has a record. */
void gremc_proxy_writer_flush(struct proxy_writer *writer);

/* Timer: answer a general query. */
void gremc_proxy_answer_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* Timer: answer the group queries that are due. */
void gremc_proxy_group_answer_expire(struct gremc_igmp *igmp, struct gremc_timer *timer);

/* Process a query of the upstream querier. */
void gremc_proxy_query_input(struct gremc_igmp *igmp, const struct gremc_igmp_message *query);

#endif
