/* SPDX-License-Identifier: BSD-3-Clause */
/* The host side on the upstream interface (RFC 4605, 4.1): it merges the memberships of all downstream
 * interfaces and reports them by RFC 3376, 5, or in the version of an older querier.
 *
 * The merged state (RFC 3376, 3.2) is EXCLUDE if an interface is in EXCLUDE mode; its sources are those that
 * all such interfaces exclude and no interface includes. Otherwise it is INCLUDE of all included sources.
 * Counters of interfaces represent both. */
#include <stdlib.h>

#include "igmp/igmp_priv.h"

#define UNSOLICITED_INTERVAL 1000u /* milliseconds (RFC 3376, 8.11) */

/* igmp_leave() flushes at the end of the call. */
static void proxy_pace_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	(void)igmp;
	(void)timer;
}

int gremc_proxy_init(struct gremc_igmp *igmp)
{
	struct proxy *proxy = &igmp->proxy;

	proxy->random = igmp->now ^ (uintptr_t)igmp;
	proxy->retransmit.expire = gremc_proxy_retransmit_expire;
	proxy->answer.expire = gremc_proxy_answer_expire;
	proxy->group_answer.expire = gremc_proxy_group_answer_expire;
	proxy->pace.expire = proxy_pace_expire;
	proxy->packet = malloc(GREMC_IGMP_PACKET_MAX);
	if (proxy->packet == NULL || gremc_map_init(&proxy->groups) || gremc_map_init(&proxy->sources))
		return -1;
	return 0;
}

static void proxied_source_free(struct proxy *proxy, struct proxied_source *source)
{
	gremc_map_remove(&proxy->sources, &source->node);
	*source->previous = source->next;
	if (source->next)
		source->next->previous = source->previous;
	free(source);
}

static void proxied_group_free(struct proxy *proxy, struct proxied *proxied)
{
	while (proxied->sources)
		proxied_source_free(proxy, proxied->sources);
	gremc_map_remove(&proxy->groups, &proxied->node);
	*proxied->previous = proxied->next;
	if (proxied->next)
		proxied->next->previous = proxied->previous;
	free(proxied);
}

void gremc_proxy_fini(struct gremc_igmp *igmp)
{
	struct proxy *proxy = &igmp->proxy;

	proxy->is_closed = true;
	while (proxy->all)
		proxied_group_free(proxy, proxy->all);
	gremc_map_fini(&proxy->groups);
	gremc_map_fini(&proxy->sources);
	free(proxy->packet);
	proxy->packet = NULL;
}

static struct proxied *proxied_group_get(struct proxy *proxy, rte_be32_t group)
{
	struct gremc_map_node *node = gremc_map_find(&proxy->groups, group);
	struct proxied *proxied =
		node ? container_of(node, struct proxied, node) : calloc(1, sizeof(*proxied));

	if (node || proxied == NULL)
		return proxied;
	proxied->group = group;
	proxied->number = proxy->next_number++;
	gremc_map_add(&proxy->groups, &proxied->node, group);
	proxied->next = proxy->all;
	proxied->previous = &proxy->all;
	if (proxied->next)
		proxied->next->previous = &proxied->next;
	proxy->all = proxied;
	return proxied;
}

static struct proxied_source *proxied_source_get(struct proxy *proxy, struct proxied *proxied,
						 rte_be32_t address)
{
	uint64_t key = (uint64_t)proxied->number << 32 | address;
	struct gremc_map_node *node = gremc_map_find(&proxy->sources, key);
	struct proxied_source *source =
		node ? container_of(node, struct proxied_source, node) : calloc(1, sizeof(*source));

	if (node || source == NULL)
		return source;
	source->address = address;
	gremc_map_add(&proxy->sources, &source->node, key);
	source->next = proxied->sources;
	source->previous = &proxied->sources;
	if (source->next)
		source->next->previous = &source->next;
	proxied->sources = source;
	return source;
}

static void group_dirty_add(struct proxy *proxy, struct proxied *proxied)
{
	if (proxied->is_dirty)
		return;
	proxied->is_dirty = true;
	proxied->next_dirty = proxy->dirty;
	proxy->dirty = proxied;
}

bool gremc_proxy_change_prepare(struct gremc_igmp *igmp, rte_be32_t source, rte_be32_t group)
{
	struct proxy *proxy = &igmp->proxy;
	struct proxied *proxied;

	if (proxy->is_closed)
		return true;
	gremc_assert_locked(&igmp->lock);
	proxied = proxied_group_get(proxy, group);
	if (proxied == NULL)
		return false;
	/* the flush frees the group if no change follows */
	group_dirty_add(proxy, proxied);
	return source == 0 || proxied_source_get(proxy, proxied, source);
}

void gremc_proxy_change_add(struct gremc_igmp *igmp, rte_be32_t source, rte_be32_t group,
			    enum gremc_igmp_request before, enum gremc_igmp_request after)
{
	struct proxy *proxy = &igmp->proxy;
	struct proxied *proxied = proxy->is_closed ? NULL : proxied_group_get(proxy, group);
	struct proxied_source *at;

	gremc_assert_locked(&igmp->lock);
	if (proxied == NULL)
		return;
	group_dirty_add(proxy, proxied);
	if (source == 0) {
		proxied->any += (after == GREMC_IGMP_INCLUDE) - (before == GREMC_IGMP_INCLUDE);
		return;
	}
	at = proxied_source_get(proxy, proxied, source);
	if (at == NULL)
		return;
	at->included += (after == GREMC_IGMP_INCLUDE) - (before == GREMC_IGMP_INCLUDE);
	at->excluded += (after == GREMC_IGMP_EXCLUDE) - (before == GREMC_IGMP_EXCLUDE);
}

/* Whether the source is in the list of the merged state. */
static bool source_is_listed(const struct proxied *proxied, const struct proxied_source *source)
{
	if (proxied->any)
		return source->included == 0 && source->excluded == proxied->any;
	return source->included > 0;
}

static bool group_is_member(const struct proxied *proxied)
{
	bool member = proxied->any > 0;

	for (const struct proxied_source *source = proxied->sources; source && !member; source = source->next)
		member = source->included > 0;
	return member;
}

/* ---- changes ---- */

static void group_changes_mark(struct proxy *proxy, struct proxied *proxied)
{
	bool exclude = proxied->any > 0, changes_mode = exclude != proxied->exclude;

	if (changes_mode)
		proxied->mode_left = proxy->robustness;
	for (struct proxied_source *source = proxied->sources; source; source = source->next) {
		bool listed = source_is_listed(proxied, source);

		/* a report of a mode change contains the whole list (RFC 3376, 5.1) */
		if (changes_mode)
			source->changes_left = 0;
		else if (listed != source->is_listed && proxied->mode_left == 0)
			source->changes_left = proxy->robustness;
		source->is_listed = listed;
	}
	proxied->exclude = exclude;
}

/* Versions 1 and 2 report only whether there is a member. */
static void group_membership_mark(struct proxy *proxy, struct proxied *proxied)
{
	bool member = group_is_member(proxied);

	if (member != proxied->is_member)
		proxied->member_left = proxy->robustness;
	proxied->is_member = member;
}

static bool group_has_changes(const struct proxied *proxied)
{
	bool more = proxied->mode_left || proxied->member_left;

	for (const struct proxied_source *source = proxied->sources; source && !more; source = source->next)
		more = source->changes_left > 0;
	return more;
}

static void group_prune(struct proxy *proxy, struct proxied *proxied)
{
	struct proxied_source *next;

	for (struct proxied_source *source = proxied->sources; source; source = next) {
		next = source->next;
		if (source->included == 0 && source->excluded == 0 && source->changes_left == 0 &&
		    !source->is_listed)
			proxied_source_free(proxy, source);
	}
	if (proxied->any == 0 && proxied->sources == NULL && !group_has_changes(proxied) &&
	    !proxied->is_dirty && !proxied->is_pending && !proxied->is_answering)
		proxied_group_free(proxy, proxied);
}

/* Repeat the group's changes later, or free the group if no state remains. */
static void group_retransmit_or_prune(struct proxy *proxy, struct proxied *proxied)
{
	if (group_has_changes(proxied) && !proxied->is_pending) {
		proxied->is_pending = true;
		proxied->next_pending = proxy->pending;
		proxy->pending = proxied;
	}
	group_prune(proxy, proxied);
}

void gremc_proxy_answer_enqueue(struct proxy *proxy, struct proxied *proxied)
{
	if (proxied->is_answering)
		return;
	proxied->is_answering = true;
	proxied->next_answer = proxy->answers;
	proxy->answers = proxied;
}

static void changes_count_down(struct proxied *proxied)
{
	proxied->mode_left -= proxied->mode_left > 0;
	proxied->member_left -= proxied->member_left > 0;
	for (struct proxied_source *source = proxied->sources; source; source = source->next)
		source->changes_left -= source->changes_left > 0;
}

void gremc_proxy_group_written(struct gremc_igmp *igmp, struct proxied *proxied, bool is_sent)
{
	struct proxy *proxy = &igmp->proxy;

	if (proxy->is_answering && !is_sent) {
		gremc_proxy_answer_enqueue(proxy, proxied);
	} else if (proxy->is_answering) {
		group_prune(proxy, proxied);
	} else if (!is_sent) {
		group_dirty_add(proxy, proxied);
	} else {
		changes_count_down(proxied);
		group_retransmit_or_prune(proxy, proxied);
	}
}

static void changes_flush(struct proxy *proxy, struct proxy_writer *writer)
{
	while (proxy->dirty && (proxy->interface == NULL || gremc_proxy_writer_may_send(writer))) {
		struct proxied *proxied = proxy->dirty;

		proxy->dirty = proxied->next_dirty;
		proxied->is_dirty = false;
		group_changes_mark(proxy, proxied);
		group_membership_mark(proxy, proxied);
		if (proxy->interface) {
			gremc_proxy_change_write(writer, proxied);
		} else {
			gremc_proxy_changes_clear(proxied);
			group_retransmit_or_prune(proxy, proxied);
		}
	}
	gremc_proxy_writer_flush(writer);
}

static void answers_flush(struct proxy *proxy, struct proxy_writer *writer)
{
	proxy->is_answering = true;
	while (proxy->answers && gremc_proxy_writer_may_send(writer)) {
		struct proxied *proxied = proxy->answers;

		proxy->answers = proxied->next_answer;
		proxied->is_answering = false;
		gremc_proxy_state_write(writer, proxied);
	}
	gremc_proxy_writer_flush(writer);
	proxy->is_answering = false;
}

void gremc_proxy_flush(struct gremc_igmp *igmp)
{
	struct proxy *proxy = &igmp->proxy;
	struct proxy_writer writer;

	gremc_assert_locked(&igmp->lock);
	if (proxy->dirty == NULL && proxy->answers == NULL)
		return;
	if (proxy->interface && proxy->interface->is_blocked)
		return; /* continues when the interface is unblocked */
	gremc_proxy_writer_begin(&writer, igmp);
	changes_flush(proxy, &writer);
	answers_flush(proxy, &writer);
	if ((proxy->dirty || proxy->answers) && !writer.has_failed)
		gremc_timer_set(&igmp->wheel, &proxy->pace, igmp->now + GREMC_WHEEL_TICK);
	if (proxy->pending && proxy->retransmit.due == 0)
		gremc_timer_set(&igmp->wheel, &proxy->retransmit,
				igmp->now + gremc_proxy_random_delay(proxy, UNSOLICITED_INTERVAL));
}

void gremc_proxy_changes_clear(struct proxied *proxied)
{
	proxied->mode_left = proxied->member_left = 0;
	for (struct proxied_source *source = proxied->sources; source; source = source->next)
		source->changes_left = 0;
}

/* Report the whole state of the group to a new upstream, as often as a change. */
static void group_mark_new(struct proxy *proxy, struct proxied *proxied)
{
	if (proxied->exclude)
		proxied->mode_left = proxy->robustness;
	for (struct proxied_source *source = proxied->sources; source && !proxied->exclude;
	     source = source->next)
		source->changes_left = source->is_listed ? proxy->robustness : 0;
	if (proxied->is_member)
		proxied->member_left = proxy->robustness;
	group_dirty_add(proxy, proxied);
}

void gremc_proxy_start(struct gremc_igmp *igmp, struct interface *interface)
{
	struct proxy *proxy = &igmp->proxy;

	gremc_assert_locked(&igmp->lock);
	gremc_assert(proxy->interface == NULL);
	proxy->interface = interface;
	proxy->robustness = igmp->settings.robustness;
	proxy->v1_until = proxy->v2_until = 0;
	for (struct proxied *proxied = proxy->all; proxied; proxied = proxied->next)
		group_mark_new(proxy, proxied);
}

void gremc_proxy_stop(struct gremc_igmp *igmp)
{
	struct proxy *proxy = &igmp->proxy;
	struct proxied *next;

	gremc_timer_stop(&igmp->wheel, &proxy->retransmit);
	gremc_timer_stop(&igmp->wheel, &proxy->answer);
	gremc_timer_stop(&igmp->wheel, &proxy->group_answer);
	gremc_timer_stop(&igmp->wheel, &proxy->pace);
	if (proxy->interface)
		gremc_interface_unblock(proxy->interface);
	proxy->interface = NULL;
	proxy->pending = proxy->answers = NULL;
	for (struct proxied *proxied = proxy->all; proxied; proxied = next) {
		next = proxied->next;
		gremc_proxy_changes_clear(proxied);
		proxied->answer_at = 0;
		proxied->is_pending = proxied->is_answering = false;
		group_prune(proxy, proxied);
	}
}

/* ---- timers ---- */

uint64_t gremc_proxy_random_delay(struct proxy *proxy, uint64_t most)
{
	proxy->random = proxy->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return 1 + (proxy->random >> 33) % RTE_MAX(most, UINT64_C(1));
}

void gremc_proxy_retransmit_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	struct proxy *proxy = &igmp->proxy;

	(void)timer;
	while (proxy->pending) {
		struct proxied *proxied = proxy->pending;

		proxy->pending = proxied->next_pending;
		proxied->is_pending = false;
		group_dirty_add(proxy, proxied);
	}
}
