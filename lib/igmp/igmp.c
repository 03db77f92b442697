/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine: creation, interfaces, time, and packets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "igmp/igmp_priv.h"

static const struct {
	const char *name, *text;
} counter_rows[] = {
#define GREMC_X(name, text) {#name, text},
	GREMC_IGMP_COUNTERS(GREMC_X)
#undef GREMC_X
};

const char *gremc_igmp_counter_name(enum gremc_igmp_counter counter)
{
	return counter_rows[counter].name;
}

const char *gremc_igmp_counter_text(enum gremc_igmp_counter counter)
{
	return counter_rows[counter].text;
}

/* Start of each public function that changes the state; igmp_leave() ends it and reports changes upstream. */
static void igmp_enter(struct gremc_igmp *igmp, uint64_t now)
{
	gremc_assert_control_thread();
	pthread_mutex_lock(&igmp->lock);
	if (now > igmp->now)
		igmp->now = now;
}

static void igmp_leave(struct gremc_igmp *igmp)
{
	gremc_proxy_flush(igmp);
	pthread_mutex_unlock(&igmp->lock);
}

struct gremc_igmp *gremc_igmp_create(const struct gremc_igmp_settings *settings,
				     const struct gremc_igmp_callbacks *callbacks, uint64_t now)
{
	struct gremc_igmp *igmp = calloc(1, sizeof(*igmp));

	if (igmp == NULL)
		return NULL;
	pthread_mutex_init(&igmp->lock, NULL);
	igmp->settings = *settings;
	igmp->callbacks = *callbacks;
	igmp->now = now;
	igmp->wheel.tick = now / GREMC_WHEEL_TICK;
	igmp->unblock.expire = gremc_igmp_unblock_expire;
	igmp->republish.expire = gremc_igmp_republish_expire;
	if (gremc_map_init(&igmp->memberships) || gremc_map_init(&igmp->sources) || gremc_proxy_init(igmp) ||
	    gremc_budget_init(igmp)) {
		gremc_igmp_destroy(igmp);
		return NULL;
	}
	return igmp;
}

static void igmp_interface_free(struct gremc_igmp *igmp, struct interface *interface)
{
	while (interface->memberships)
		gremc_membership_destroy(igmp, interface->memberships);
	gremc_querier_stop(igmp, interface);
	gremc_interface_unblock(interface);
	gremc_budget_interface_remove(igmp, interface);
	igmp->interfaces[interface->number] = NULL;
	free(interface->arrays);
	free(interface);
}

void gremc_igmp_destroy(struct gremc_igmp *igmp)
{
	if (igmp == NULL)
		return;
	gremc_assert_control_thread();
	pthread_mutex_lock(&igmp->lock);
	igmp->callbacks.change = NULL;
	gremc_proxy_fini(igmp);
	for (uint32_t i = 0; i < igmp->interface_limit; i++)
		if (igmp->interfaces[i])
			igmp_interface_free(igmp, igmp->interfaces[i]);
	gremc_map_fini(&igmp->memberships);
	gremc_map_fini(&igmp->sources);
	gremc_budget_fini(igmp);
	free(igmp->interfaces);
	free(igmp->numbers);
	pthread_mutex_unlock(&igmp->lock);
	pthread_mutex_destroy(&igmp->lock);
	free(igmp);
}

void gremc_igmp_configure(struct gremc_igmp *igmp, const struct gremc_igmp_settings *settings, uint64_t now)
{
	igmp_enter(igmp, now);
	igmp->settings = *settings;
	for (uint32_t i = 0; i < igmp->interface_limit; i++) {
		struct interface *interface = igmp->interfaces[i];

		if (interface && (interface->is_querier || interface->policy.mode != GREMC_IGMP_QUERIER)) {
			interface->robustness = settings->robustness;
			interface->query_interval = settings->query_interval;
		}
	}
	igmp_leave(igmp);
}

/* ---- interfaces ---- */

/* Copy a policy and its arrays, which share one block.
 * Returns: 0 or -ENOMEM. */
static int policy_copy(struct gremc_igmp_policy *to, void **arrays, const struct gremc_igmp_policy *from)
{
	size_t groups = from->group_count * sizeof(*from->groups);
	size_t sources = from->source_count * sizeof(*from->sources);
	size_t joins = from->join_count * sizeof(*from->joins);
	uint8_t *block = malloc(joins + groups + sources + 1);

	if (block == NULL)
		return -ENOMEM;
	*to = *from;
	if (joins)
		to->joins = memcpy(block, from->joins, joins);
	if (groups)
		to->groups = memcpy(block + joins, from->groups, groups);
	if (sources)
		to->sources = memcpy(block + joins + groups, from->sources, sources);
	*arrays = block;
	return 0;
}

static int interface_slot_reserve(struct gremc_igmp *igmp, uint32_t number)
{
	uint32_t limit = RTE_MAX(64u, RTE_MAX(number + 1, igmp->interface_limit * 2));
	struct interface **interfaces;

	if (number < igmp->interface_limit)
		return 0;
	if (gremc_budget_reserve(igmp, limit))
		return -ENOMEM;
	interfaces = realloc(igmp->interfaces, limit * sizeof(struct interface *));
	if (interfaces == NULL)
		return -ENOMEM;
	for (uint32_t i = igmp->interface_limit; i < limit; i++)
		interfaces[i] = NULL;
	igmp->interfaces = interfaces;
	igmp->interface_limit = limit;
	return 0;
}

static struct interface *igmp_interface_create(struct gremc_igmp *igmp, uint32_t number)
{
	struct interface *interface =
		interface_slot_reserve(igmp, number) ? NULL : calloc(1, sizeof(*interface));

	if (interface == NULL)
		return NULL;
	interface->number = number;
	interface->robustness = igmp->settings.robustness;
	interface->query_interval = igmp->settings.query_interval;
	interface->query.expire = gremc_querier_expire;
	interface->other_querier.expire = gremc_querier_other_expire;
	igmp->interfaces[number] = interface;
	gremc_budget_interface_add(igmp, interface);
	return interface;
}

/* After a change of the upstream: see gremc_querier_update(). */
static void queriers_update(struct gremc_igmp *igmp)
{
	for (uint32_t i = 0; i < igmp->interface_limit; i++)
		if (igmp->interfaces[i])
			gremc_querier_update(igmp, igmp->interfaces[i]);
}

/* Change the role from that of the policy `before`.
 * Input:   all memberships of the interface are withdrawn. */
static void interface_role_change(struct gremc_igmp *igmp, struct interface *interface,
				  const struct gremc_igmp_policy *before)
{
	enum gremc_igmp_mode mode = interface->policy.mode;

	if (before->mode == GREMC_IGMP_UPSTREAM && mode != GREMC_IGMP_UPSTREAM) {
		gremc_proxy_stop(igmp);
		queriers_update(igmp);
	}
	if (before->mode == GREMC_IGMP_QUERIER && mode != GREMC_IGMP_QUERIER)
		gremc_querier_stop(igmp, interface);
	if (mode != GREMC_IGMP_QUERIER)
		while (interface->memberships)
			gremc_membership_destroy(igmp, interface->memberships);
	if (mode == GREMC_IGMP_UPSTREAM && before->mode != GREMC_IGMP_UPSTREAM) {
		gremc_proxy_start(igmp, interface);
		queriers_update(igmp);
	}
	if (mode == GREMC_IGMP_QUERIER &&
	    (before->mode != GREMC_IGMP_QUERIER ||
	     !gremc_addr_is_equal(&before->address, &interface->policy.address) ||
	     before->version != interface->policy.version)) {
		gremc_timer_stop(&igmp->wheel, &interface->other_querier);
		gremc_querier_start(igmp, interface);
	}
	gremc_querier_update(igmp, interface);
}

/* Whether the addresses of the policy are IPv4. */
static bool policy_is_ipv4(const struct gremc_igmp_policy *policy)
{
	bool is_ipv4 = policy->address.family != GREMC_FAMILY_IPV6;

	for (uint32_t i = 0; i < policy->join_count; i++)
		is_ipv4 &= policy->joins[i].group.family == GREMC_FAMILY_IPV4 &&
			   policy->joins[i].source.family != GREMC_FAMILY_IPV6;
	return is_ipv4;
}

static int igmp_interface_set(struct gremc_igmp *igmp, uint32_t number,
			      const struct gremc_igmp_policy *policy)
{
	struct interface *interface = gremc_igmp_interface_find(igmp, number);
	struct gremc_igmp_policy before, copy;
	void *arrays;

	if (policy->mode == GREMC_IGMP_UPSTREAM && igmp->proxy.interface &&
	    igmp->proxy.interface != interface)
		return -EEXIST;
	if (!policy_is_ipv4(policy))
		return -EAFNOSUPPORT;
	if (policy_copy(&copy, &arrays, policy))
		return -ENOMEM;
	if (interface == NULL)
		interface = igmp_interface_create(igmp, number);
	if (interface == NULL) {
		free(arrays);
		return -ENOMEM;
	}
	/* withdraw under the old policy, which published */
	for (struct membership *m = interface->memberships; m; m = m->next)
		gremc_membership_withdraw(igmp, m);
	before = interface->policy;
	interface->policy = copy;
	free(interface->arrays);
	interface->arrays = arrays;
	interface->tokens = gremc_policy_token_max(policy);
	interface->tokens_at = igmp->now;
	interface_role_change(igmp, interface, &before);
	if (policy->mode == GREMC_IGMP_QUERIER)
		gremc_interface_join_static(igmp, interface);
	gremc_interface_publish(igmp, interface);
	return 0;
}

int gremc_igmp_interface_set(struct gremc_igmp *igmp, uint32_t interface,
			     const struct gremc_igmp_policy *policy, uint64_t now)
{
	int rc;

	igmp_enter(igmp, now);
	rc = igmp_interface_set(igmp, interface, policy);
	igmp_leave(igmp);
	return rc;
}

void gremc_igmp_interface_remove(struct gremc_igmp *igmp, uint32_t number, uint64_t now)
{
	struct interface *interface;

	igmp_enter(igmp, now);
	interface = gremc_igmp_interface_find(igmp, number);
	if (interface) {
		bool was_upstream = interface == igmp->proxy.interface;

		if (was_upstream)
			gremc_proxy_stop(igmp);
		igmp_interface_free(igmp, interface);
		if (was_upstream)
			queriers_update(igmp);
	}
	igmp_leave(igmp);
}

void gremc_igmp_budget_set(struct gremc_igmp *igmp, uint32_t routes, uint64_t now)
{
	igmp_enter(igmp, now);
	gremc_budget_set(igmp, routes);
	igmp_leave(igmp);
}

/* ---- time ---- */

void gremc_igmp_timers_run(struct gremc_igmp *igmp, uint64_t now)
{
	igmp_enter(igmp, now);
	gremc_wheel_run(&igmp->wheel, igmp, igmp->now);
	igmp_leave(igmp);
}

uint64_t gremc_igmp_next_due(const struct gremc_igmp *igmp)
{
	return gremc_wheel_next(&igmp->wheel);
}

/* ---- packets ---- */

static bool sender_is_valid(rte_be32_t source)
{
	uint8_t net = (uint8_t)(rte_be_to_cpu_32(source) >> 24);

	/* a host without an address sends from 0.0.0.0 (RFC 3376, 4.2.13) */
	return source == 0 || (net != 0 && net != 127 && net < 224);
}

/* Returns: the counter of the refusal; GREMC_IGMP_COUNTER_COUNT if the message is accepted. */
static enum gremc_igmp_counter message_check(const struct interface *interface,
					     const struct gremc_igmp_message *message)
{
	const struct gremc_igmp_policy *policy = &interface->policy;
	bool is_query = message->type == GREMC_IGMP_QUERY;

	if (policy->mode == GREMC_IGMP_OFF || (policy->mode == GREMC_IGMP_UPSTREAM && !is_query))
		return GREMC_IGMP_COUNT_off;
	if (!sender_is_valid(message->source))
		return GREMC_IGMP_COUNT_bad_source;
	if (policy->router_alert && !message->has_router_alert)
		return GREMC_IGMP_COUNT_router_alert;
	if ((policy->version < 3 && message->type == GREMC_IGMP_V3_REPORT) ||
	    (policy->version < 2 &&
	     (message->type == GREMC_IGMP_V2_REPORT || message->type == GREMC_IGMP_LEAVE)))
		return GREMC_IGMP_COUNT_version;
	return GREMC_IGMP_COUNTER_COUNT;
}

/* Process a version 1 or 2 message as a version 3 record (RFC 3376, 7.3.2). */
static void old_message_accept(struct gremc_igmp *igmp, struct interface *interface,
			       const struct gremc_igmp_message *message)
{
	const struct gremc_igmp_record record = {
		.type = message->type == GREMC_IGMP_LEAVE ? GREMC_IGMP_TO_IN : GREMC_IGMP_IS_EX,
		.group = message->group,
	};
	struct membership *membership;
	uint64_t until;

	if (!gremc_membership_record_input(igmp, interface, &record) || message->type == GREMC_IGMP_LEAVE)
		return;
	membership = gremc_membership_find(igmp, interface, message->group);
	if (membership == NULL)
		return;
	until = igmp->now + gremc_igmp_group_timeout(igmp, interface);
	if (message->type == GREMC_IGMP_V1_REPORT)
		membership->v1_until = until;
	else
		membership->v2_until = until;
}

static void records_accept(struct gremc_igmp *igmp, struct interface *interface,
			   const struct gremc_igmp_message *message)
{
	const uint8_t *at = message->records;
	struct gremc_igmp_record record;

	for (uint16_t i = 0; i < message->record_count; i++) {
		at = gremc_igmp_record_read(at, &record);
		gremc_membership_record_input(igmp, interface, &record);
	}
}

static void message_accept(struct gremc_igmp *igmp, struct interface *interface,
			   const struct gremc_igmp_message *message)
{
	switch (message->type) {
	case GREMC_IGMP_QUERY:
		if (interface->policy.mode == GREMC_IGMP_UPSTREAM)
			gremc_proxy_query_input(igmp, message);
		else
			gremc_querier_query_input(igmp, interface, message);
		break;
	case GREMC_IGMP_V1_REPORT:
		gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_v1_reports);
		old_message_accept(igmp, interface, message);
		break;
	case GREMC_IGMP_V2_REPORT:
		gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_v2_reports);
		old_message_accept(igmp, interface, message);
		break;
	case GREMC_IGMP_LEAVE:
		gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_leaves);
		old_message_accept(igmp, interface, message);
		break;
	case GREMC_IGMP_V3_REPORT:
		gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_v3_reports);
		records_accept(igmp, interface, message);
		break;
	}
}

void gremc_igmp_input(struct gremc_igmp *igmp, uint32_t number, const uint8_t *packet, size_t length,
		      uint64_t now)
{
	struct gremc_igmp_message message;
	enum gremc_igmp_counter refusal;
	struct interface *interface;
	enum gremc_igmp_error error;

	igmp_enter(igmp, now);
	/* timers that were due before the packet arrived */
	gremc_wheel_run(&igmp->wheel, igmp, igmp->now);
	interface = gremc_igmp_interface_find(igmp, number);
	if (interface == NULL)
		goto out;
	error = gremc_igmp_parse(packet, length, &message);
	if (error != GREMC_IGMP_OK) {
		gremc_igmp_counter_increment(interface, (enum gremc_igmp_counter)error);
		goto out;
	}
	refusal = message_check(interface, &message);
	if (refusal == GREMC_IGMP_COUNTER_COUNT)
		message_accept(igmp, interface, &message);
	else
		gremc_igmp_counter_increment(interface, refusal);
out:
	igmp_leave(igmp);
}
