/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes of the rib to the fan-out table: the budget of memberships, flushes, retries. */
#include "control/control_priv.h"

#define FLUSH_MAX      4096u /* dirty routes; a job flushes more */
#define RETRY_INTERVAL 1000u /* milliseconds between two tries of routes that do not fit */

/* ---- the budget of memberships ---- */

static uint32_t routes_left(const struct gremc_membership *membership, uint32_t static_count)
{
	uint64_t used =
		(uint64_t)static_count + gremc_rib_kernel_count(membership->rib) + GREMC_MROUTES_SLACK;

	used = RTE_MAX(used, (uint64_t)GREMC_MROUTES_RESERVED);
	return used < GREMC_MROUTES_MAX ? (uint32_t)(GREMC_MROUTES_MAX - used) : 0;
}

/* Returns: whether memberships have lost routes, which the next flush removes. */
static bool budget_set(struct gremc_membership *membership, uint32_t static_count)
{
	uint32_t routes = routes_left(membership, static_count);
	bool is_less = routes < membership->budget;

	if (routes != membership->budget)
		gremc_igmp_budget_set(membership->igmp, routes, gremc_clock_ms());
	membership->budget = routes;
	return is_less && gremc_rib_is_dirty(membership->rib);
}

void gremc_membership_reserve(struct gremc_control *control, uint32_t static_count)
{
	struct gremc_membership *membership = &control->membership;

	gremc_assert_control_thread();
	if (!budget_set(membership, static_count))
		return;
	/* routes that do not fit stay dirty or wait; gremc_rib_static_replace() reports a lack of capacity */
	(void)gremc_rib_flush(membership->rib, (uint32_t)(gremc_clock_ms() / 1000));
	gremc_rcu_synchronize(control->rcu);
	gremc_rcu_reclaim(control->rcu);
}

/* ---- flushes ---- */

static bool flush_is_long(const struct gremc_membership *membership)
{
	return gremc_rib_dirty_count(membership->rib) > FLUSH_MAX;
}

static void table_flush(struct gremc_control *control, uint64_t now)
{
	struct gremc_membership *membership = &control->membership;

	if (gremc_rib_is_dirty(membership->rib))
		gremc_steering_due_set(control);
	if (gremc_rib_flush(membership->rib, (uint32_t)(now / 1000)))
		GREMC_LOG_LIMITED(
			ERR,
			"%u mroutes do not fit into the table: out of memory, or more than %u; they are "
			"tried again every second",
			gremc_rib_waiting(membership->rib), GREMC_MROUTES_MAX);
	if (membership->retry_at == 0 &&
	    (gremc_rib_waiting(membership->rib) || gremc_rib_is_dirty(membership->rib)))
		membership->retry_at = now + RETRY_INTERVAL;
}

/* A job's function. */
static int table_flush_run(void *control)
{
	table_flush(control, gremc_clock_ms());
	return 0;
}

bool gremc_membership_job_is_due(const struct gremc_control *control)
{
	const struct gremc_membership *membership = &control->membership;

	gremc_assert_control_thread();
	return flush_is_long(membership) && !gremc_rib_is_busy(membership->rib);
}

bool gremc_membership_job_start(struct gremc_control *control)
{
	gremc_assert_control_thread();
	return flush_is_long(&control->membership) &&
	       gremc_control_job_start(control, "gremc-routes", table_flush_run, NULL);
}

static void waiting_retry(struct gremc_membership *membership, uint64_t now)
{
	if (membership->retry_at == 0 || now < membership->retry_at)
		return;
	gremc_rib_retry(membership->rib);
	membership->retry_at = 0;
}

/* Record the delays of the reports whose changes the table has now. */
static void reports_measure(struct gremc_membership *membership)
{
	for (uint32_t i = 0; i < membership->reports.count; i++)
		gremc_delays_add(&membership->delays, gremc_timestamp_age(membership->reports.stamp[i]));
	membership->reports.count = 0;
}

void gremc_membership_flush(struct gremc_control *control, uint64_t now)
{
	struct gremc_membership *membership = &control->membership;

	gremc_assert_control_thread();
	if (gremc_rib_is_busy(membership->rib))
		return;
	(void)budget_set(membership, membership->routes.count); /* a flush follows in any case */
	waiting_retry(membership, now);
	if (flush_is_long(membership))
		return;
	table_flush(control, now);
	gremc_u64_store_release(&membership->applied, gremc_u64_load(&membership->changes));
	reports_measure(membership);
}
