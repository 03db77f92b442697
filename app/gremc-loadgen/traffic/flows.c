/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>

#include "traffic/flows.h"

#define UDP_ECHO    7u /* RFC 2544, C.2.6.4.3 */
#define FIRST_PORT  49152u
#define PORT_MASK   0x3fffu
#define FIRST_SPACE 1024u /* elements of a new array */

/* ---- selection of the mroute ---- */

static bool mroute_covers(const struct gremc_config_mroute *mroute, rte_be32_t source, rte_be32_t group)
{
	const struct gremc_addr address = gremc_addr_from_ipv4(group);

	if (!gremc_prefix_covers(&mroute->group, &address))
		return false;
	return gremc_addr_is_set(&mroute->source) ? gremc_addr_to_ipv4(&mroute->source) == source
						  : !gremc_ipv4_is_ssm(group);
}

uint32_t gremc_flows_match(const struct gremc_config *config, rte_be32_t source, rte_be32_t group)
{
	uint32_t best = GREMC_FLOW_NONE;
	int best_rank = -1;

	for (uint32_t i = 0; i < config->mroute_count; i++) {
		const struct gremc_config_mroute *mroute = &config->mroutes[i];
		int rank = gremc_addr_is_set(&mroute->source) ? 33 : (int)mroute->group.length;

		if (rank > best_rank && mroute_covers(mroute, source, group)) {
			best = i;
			best_rank = rank;
		}
	}
	return best;
}

/* Does this mroute, and no other one, forward the packet? (S,G) routes are unique in a valid configuration,
 * and no mroute names a source of BENCHMARK_NET, so only a longer prefix can take precedence. */
static bool mroute_is_selected(const struct gremc_config *config, uint32_t mroute, rte_be32_t source,
			       rte_be32_t group)
{
	const struct gremc_config_mroute *m = &config->mroutes[mroute];

	return gremc_addr_is_set(&m->source) || gremc_flows_match(config, source, group) == mroute;
}

/* ---- arrays of flows and streams ---- */

/* Double the capacity of an array until it holds `needed` elements. realloc() would lose the alignment to
 * cache lines. */
static int aligned_array_grow(void **array, size_t size, uint32_t used, uint32_t *capacity, uint32_t needed)
{
	uint32_t more = *capacity ? *capacity : FIRST_SPACE;
	void *larger;

	while (more < needed)
		more *= 2;
	larger = aligned_alloc(RTE_CACHE_LINE_SIZE, size * more);
	if (larger == NULL)
		return -ENOMEM;
	if (used)
		memcpy(larger, *array, size * used);
	free(*array);
	*array = larger;
	*capacity = more;
	return 0;
}

/* The flows with the capacity of their arrays. */
struct flows_storage {
	struct gremc_flows flows;
	uint32_t flow_capacity, stream_capacity;
};

static enum gremc_tunneling flow_tunneling(const struct gremc_flows *flows, uint32_t from,
					   const uint32_t *sites, uint32_t count)
{
	uint32_t native = 0;

	for (uint32_t i = 0; i < count; i++)
		native += flows->site[sites[i]].native;
	if (flows->site[from].native)
		return native == 0 ? GREMC_TUNNELING_ENCAP : GREMC_TUNNELING_MIXED;
	if (native == 0)
		return GREMC_TUNNELING_REENCAP;
	return native == count ? GREMC_TUNNELING_DECAP : GREMC_TUNNELING_MIXED;
}

static struct gremc_stream stream_make(const struct gremc_site *site, uint32_t number, uint32_t flow)
{
	return (struct gremc_stream){
		.remote = site->native ? 0 : site->site,
		.local = site->native ? site->port : site->forwarder,
		.key = site->out_key,
		.flow = flow,
		.site = number,
		.port = (uint16_t)site->port,
		.has_key = site->has_out,
	};
}

int gremc_flows_add(struct gremc_flows *flows, const struct gremc_flow *flow, const uint32_t *sites,
		    uint32_t count)
{
	struct flows_storage *storage = (struct flows_storage *)flows;
	struct gremc_flow *added;

	if (flows->count >= GREMC_FLOWS_MAX || flows->stream_count + count > GREMC_STREAMS_MAX)
		return -ENOSPC;
	if (flows->count == storage->flow_capacity &&
	    aligned_array_grow((void **)&flows->flow, sizeof(*flow), flows->count, &storage->flow_capacity,
			       flows->count + 1))
		return -ENOMEM;
	if (flows->stream_count + count > storage->stream_capacity &&
	    aligned_array_grow((void **)&flows->stream, sizeof(*flows->stream), flows->stream_count,
			       &storage->stream_capacity, flows->stream_count + count))
		return -ENOMEM;
	added = &flows->flow[flows->count];
	*added = *flow;
	added->first = flows->stream_count;
	added->fanout = count;
	added->tunneling = flow_tunneling(flows, flow->from, sites, count);
	added->source_port = rte_cpu_to_be_16(FIRST_PORT + (flows->count & PORT_MASK));
	added->target_port = RTE_BE16(UDP_ECHO);
	for (uint32_t i = 0; i < count; i++)
		flows->stream[flows->stream_count++] =
			stream_make(&flows->site[sites[i]], sites[i], flows->count);
	flows->count++;
	return 0;
}

/* ---- flows of the mroutes ---- */

struct flow_maker {
	struct gremc_flows *flows;
	const struct gremc_flows_options *options;
	uint32_t *all; /* sites that `any` and `all` stand for */
	uint32_t all_count;
	uint32_t *sites; /* scratch: the receiving sites of a flow */
	uint32_t limit;
};

static int mroute_flow_add(struct flow_maker *maker, uint32_t number, uint32_t from, rte_be32_t group)
{
	const struct gremc_config_mroute *mroute = &maker->flows->config->mroutes[number];
	const uint32_t *to = mroute->to_all ? maker->all : mroute->to;
	uint32_t to_count = mroute->to_all ? maker->all_count : mroute->to_count, count = 0;
	struct gremc_flow flow = {
		.source = gremc_addr_is_set(&mroute->source) ? gremc_addr_to_ipv4(&mroute->source)
							     : maker->flows->site[from].inner,
		.group = group,
		.from = from,
		.mroute = number,
	};

	if (maker->flows->count >= maker->limit ||
	    !mroute_is_selected(maker->flows->config, number, flow.source, group))
		return 0;
	for (uint32_t i = 0; i < to_count; i++)
		if (to[i] != from) /* split horizon */
			maker->sites[count++] = to[i];
	return count ? gremc_flows_add(maker->flows, &flow, maker->sites, count) : 0;
}

/* Add flows from up to `senders` tunnels and as many LANs. Each mroute starts at another one, so that the
 * load is spread. */
static int mroute_senders_add(struct flow_maker *maker, uint32_t number, rte_be32_t group)
{
	const struct gremc_config_mroute *mroute = &maker->flows->config->mroutes[number];
	const uint32_t *from = mroute->from_any ? maker->all : mroute->from;
	uint32_t count = mroute->from_any ? maker->all_count : mroute->from_count, tunnels = 0, lans = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t site = from[(number + i) % count];
		uint32_t *used = maker->flows->site[site].native ? &lans : &tunnels;
		int rc;

		if ((*used)++ >= maker->options->senders)
			continue;
		rc = mroute_flow_add(maker, number, site, group);
		if (rc)
			return rc;
	}
	return 0;
}

static int mroute_flows_add(struct flow_maker *maker, uint32_t number)
{
	const struct gremc_prefix *group = &maker->flows->config->mroutes[number].group;
	uint64_t groups = UINT64_C(1) << (32 - group->length), requested = maker->options->groups_per_route;
	/* Skip the first addresses of a prefix: those of 224.0.0.0/4 are link-local groups. */
	uint32_t first =
		rte_be_to_cpu_32(gremc_addr_to_ipv4(&group->address)) + (group->length < 24 ? 1 << 8 : 0);

	if (groups > 256)
		groups -= 256;
	for (uint64_t i = 0; i < groups && i < requested; i++) {
		int rc = mroute_senders_add(maker, number, rte_cpu_to_be_32(first + (uint32_t)i));

		if (rc)
			return rc;
	}
	return 0;
}

/* Add unicast flows from each tunnel to the inner address of another one. */
static int unicast_flows_add(struct flow_maker *maker)
{
	uint32_t tunnels = maker->flows->config->tunnel_count;

	for (uint32_t i = 0; tunnels > 1 && i < maker->options->unicast; i++) {
		uint32_t from = i % tunnels, to = (from + 1 + i / tunnels % (tunnels - 1)) % tunnels;
		struct gremc_flow flow = {
			.source = maker->flows->site[from].inner,
			.group = maker->flows->site[to].inner,
			.from = from,
			.mroute = GREMC_FLOW_NONE,
			.kind = GREMC_FLOW_UNICAST,
		};
		int rc = gremc_flows_add(maker->flows, &flow, &to, 1);

		if (rc)
			return rc;
	}
	return 0;
}

static int flow_maker_init(struct flow_maker *maker, struct gremc_flows *flows,
			   const struct gremc_flows_options *options)
{
	*maker = (struct flow_maker){.flows = flows, .options = options};
	maker->limit = options->limit ? options->limit : GREMC_FLOWS_MAX;
	maker->all = malloc((flows->site_count + 1) * sizeof(*maker->all));
	maker->sites = malloc((flows->site_count + 1) * sizeof(*maker->sites));
	if (maker->all == NULL || maker->sites == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < flows->site_count; i++)
		if (flows->site[i].used)
			maker->all[maker->all_count++] = i;
	return 0;
}

static int config_flows_add(struct gremc_flows *flows, const struct gremc_flows_options *options)
{
	struct flow_maker maker;
	int rc = flow_maker_init(&maker, flows, options);

	for (uint32_t i = 0; rc == 0 && i < flows->config->mroute_count; i++)
		rc = mroute_flows_add(&maker, i);
	if (rc == 0)
		rc = unicast_flows_add(&maker);
	free(maker.all);
	free(maker.sites);
	return rc;
}

/* ---- create and destroy ---- */

struct gremc_flows *gremc_flows_create(const struct gremc_config *config,
				       const struct gremc_flows_options *options, struct gremc_errors *errors)
{
	struct flows_storage *storage = calloc(1, sizeof(*storage));
	struct gremc_flows *flows = storage ? &storage->flows : NULL;
	int rc;

	if (flows == NULL) {
		gremc_errors_add(errors, NULL, 0, 0, "out of memory");
		return NULL;
	}
	flows->config = config;
	flows->site = gremc_sites_create(config, &flows->site_count);
	rc = flows->site ? 0 : -ENOMEM;
	if (rc == 0)
		rc = config_flows_add(flows, options);
	if (rc == 0 && flows->count == 0) {
		gremc_errors_add(
			errors, NULL, 0, 0,
			"the configuration has no mroute that forwards a packet: an mroute needs a `from` and a "
			"`to` that is another interface");
		goto fail;
	}
	if (rc == 0)
		rc = gremc_flows_index(flows);
	if (rc == 0)
		return flows;
	gremc_errors_add(
		errors, NULL, 0, 0, "%s",
		rc == -ENOSPC ? "more than 16,777,216 streams (flows times fan-out): limit them with --flows"
			      : "out of memory");
fail:
	gremc_flows_destroy(flows);
	return NULL;
}

void gremc_flows_destroy(struct gremc_flows *flows)
{
	if (flows == NULL)
		return;
	free(flows->site);
	free(flows->flow);
	free(flows->stream);
	free(flows->slot);
	free(flows);
}

/* ---- the hash table of streams ---- */

int gremc_flows_index(struct gremc_flows *flows)
{
	uint32_t slots = rte_align32pow2(flows->stream_count * 2 + 2);
	uint32_t *slot = calloc(slots, sizeof(*slot));

	if (slot == NULL)
		return -ENOMEM;
	free(flows->slot);
	flows->slot = slot;
	flows->slot_mask = slots - 1;
	for (uint32_t i = 0; i < flows->stream_count; i++) {
		const struct gremc_stream *s = &flows->stream[i];
		uint32_t at = gremc_stream_hash(s->remote, s->local, s->key, s->flow);

		while (slot[at & flows->slot_mask])
			at++;
		slot[at & flows->slot_mask] = i + 1;
	}
	return 0;
}

void gremc_flows_reset(struct gremc_flows *flows)
{
	for (uint32_t i = 0; i < flows->stream_count; i++) {
		struct gremc_stream *s = &flows->stream[i];

		s->next = s->window = s->received = 0;
		s->duplicated = s->reordered = s->late = 0;
	}
}
