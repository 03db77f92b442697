/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/mroutes, /gremc/mroute: the multicast route table. */
#include <errno.h>
#include <string.h>

#include "telemetry/telemetry_priv.h"

#define MROUTES_PAGE 48
#define NAMES_PAGE   192

static void mroute_counters_reply(const struct gremc_query *query, struct rte_tel_data *dict, uint32_t id)
{
	uint64_t packets = 0, bytes = 0;

	for (unsigned i = 0; i < query->telemetry->stats_count; i++) {
		const struct gremc_mroute_counter *counter = &query->telemetry->stats[i]->mroute[id];

		packets += gremc_counter_read(&counter->packets);
		bytes += gremc_counter_read(&counter->bytes);
	}
	gremc_reply_u64(dict, "packets", packets);
	gremc_reply_u64(dict, "bytes", bytes);
}

static bool mroute_exists(const void *context, uint32_t number)
{
	return gremc_fanout_get(context, number) != NULL;
}

void gremc_command_mroutes(struct gremc_query *query)
{
	const struct gremc_fanout *fanout = query->telemetry->fanout;
	struct gremc_page page;

	if (!gremc_page_collect(&page, query, gremc_fanout_id_limit(fanout), MROUTES_PAGE, mroute_exists,
				fanout))
		return;
	for (uint32_t i = 0; i < page.count; i++) {
		const struct gremc_mroute *mroute = gremc_fanout_get(fanout, page.number[i]);
		struct rte_tel_data *dict;

		/* removed since the page was collected */
		if (mroute == NULL)
			continue;
		dict = gremc_page_entry(&page, query, i);
		gremc_reply_mroute(query, dict, mroute);
		mroute_counters_reply(query, dict, page.number[i]);
	}
}

/* Add the names of one page of vifs, from index `offset` on. Returns: the number of vifs behind the page. */
static uint32_t vif_names_reply(struct gremc_query *query, const char *key, const uint32_t *vifs,
				uint32_t count, uint32_t offset)
{
	struct rte_tel_data *array = gremc_query_array(query, query->reply, key, RTE_TEL_STRING_VAL);
	uint32_t first = RTE_MIN(offset, count), n = RTE_MIN(count - first, (uint32_t)NAMES_PAGE);
	char name[GREMC_VIF_NAME_SIZE];

	for (uint32_t i = first; i < first + n; i++)
		gremc_reply_array_text(array, gremc_query_vif_name(query, vifs[i], name));
	return count - first - n;
}

/* Find the branch of the iif in the fourth argument. Returns: NULL: the reply has the error. */
static const struct gremc_mroute *branch_argument_find(struct gremc_query *query,
						       const struct gremc_mroute *mroute)
{
	const char *name = query->argument[3];
	uint32_t iif;

	if (query->argument_count < 4) {
		if (!mroute->trunk)
			return mroute;
		gremc_query_error(query,
				  "several mroutes have this source and group, each for other incoming "
				  "interfaces; add one: /gremc/mroute,SOURCE,GROUP,0,IIF");
		return NULL;
	}
	iif = gremc_vif_find(query->telemetry->vifs, name);
	mroute = gremc_mroute_branch(mroute, iif);
	if (iif != GREMC_VIF_NONE && gremc_mroute_accepts(mroute, iif))
		return mroute;
	gremc_query_error(query, "no mroute with this source and group accepts packets from IIF '%.32s'",
			  name);
	return NULL;
}

/* Find the mroute of the arguments. Returns: NULL: the reply has the error. */
static const struct gremc_mroute *mroute_argument_find(struct gremc_query *query)
{
	const char *source_text = query->argument[0], *group_text = query->argument[1];
	const struct gremc_mroute *mroute;
	struct gremc_prefix group;
	struct gremc_addr address, source = {0};

	if (strcmp(source_text, "*") &&
	    (gremc_addr_parse(source_text, &source) || source.family != GREMC_FAMILY_IPV4)) {
		gremc_query_error(query, "SOURCE '%.20s' is neither an IPv4 address nor *", source_text);
		return NULL;
	}
	if (gremc_prefix_parse(group_text, &group, &address) || address.family != GREMC_FAMILY_IPV4) {
		gremc_query_error(query,
				  "GROUP '%.20s' is not an IPv4 address, or one with /LENGTH of up to 32",
				  group_text);
		return NULL;
	}
	if (!gremc_addr_is_equal(&address, &group.address)) {
		char text[GREMC_PREFIX_TEXT];

		gremc_query_error(query, "GROUP '%.20s' has bits after its length; right would be %s",
				  group_text, gremc_prefix_format(text, &group));
		return NULL;
	}
	mroute = gremc_fanout_find(query->telemetry->fanout, gremc_addr_to_ipv4(&source),
				   gremc_addr_to_ipv4(&address), (uint8_t)group.length);
	if (mroute)
		return branch_argument_find(query, mroute);
	gremc_query_error(query, "no mroute with just this source and group; /gremc/mroutes lists all, "
				 "/gremc/why shows the match");
	return NULL;
}

void gremc_command_mroute(struct gremc_query *query)
{
	const struct gremc_mroute *mroute = mroute_argument_find(query);
	uint32_t offset, oifs, iifs;

	if (mroute == NULL || !gremc_query_offset_parse(query, 2, &offset))
		return;
	gremc_reply_u64(query->reply, "number", mroute->id);
	gremc_reply_mroute(query, query->reply, mroute);
	mroute_counters_reply(query, query->reply, mroute->id);
	iifs = vif_names_reply(query, "iif_names", gremc_mroute_iifs(mroute), mroute->iif_count, offset);
	oifs = vif_names_reply(query, "oif_names", mroute->vif, mroute->oif_count, offset);
	gremc_reply_u64(query->reply, "offset", offset);
	gremc_reply_u64(query->reply, "next", iifs || oifs ? offset + NAMES_PAGE : 0);
}
