/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/why: explains the handling of a packet by the decisions of the data path. */
#include <string.h>

#include "telemetry/why_priv.h"

#define NAMES 64 /* interfaces that a reply names */

/* Whether the incoming tunnel drops packets by their sequence number. */
static bool iif_is_strict(const struct packet_query *packet_query)
{
	const struct gremc_sequence_state *sequence =
		packet_query->iif == GREMC_VIF_NONE
			? NULL
			: gremc_sequence_load(packet_query->query->telemetry->vifs, packet_query->iif);

	return sequence && gremc_u8_load(&sequence->mode) == GREMC_SEQUENCE_STRICT;
}

/* Whether the incoming interface has a policer. */
static bool iif_is_policed(const struct packet_query *packet_query)
{
	const struct gremc_policy *policy =
		packet_query->iif == GREMC_VIF_NONE
			? NULL
			: gremc_policy_load(packet_query->query->telemetry->vifs, packet_query->iif);

	return policy && gremc_policy_has_rate(&policy->in);
}

/* Add a sentence about this case to the reason's text. */
static void detail_reply(const struct packet_query *packet_query, struct rte_tel_data *reply)
{
	const struct gremc_vifs *vifs = packet_query->query->telemetry->vifs;
	const char *key = "detail";

	if (packet_query->reason == GREMC_DROP_not_gre && gremc_ipv4_is_multicast(packet_query->key.group) &&
	    packet_query->iif == GREMC_VIF_NONE)
		gremc_reply_format(reply, key, "port %s accepts GRE only: it has no 'multicast: true'",
				   packet_query->iif_name);
	else if (packet_query->reason == GREMC_DROP_no_mroute && gremc_ipv4_is_ssm(packet_query->key.group) &&
		 (!gremc_why_igmp_is_used(packet_query) || !gremc_why_igmp_explains_no_mroute(packet_query)))
		gremc_reply_text(reply, key,
				 "232.0.0.0/8 is source-specific (RFC 4607): only an mroute with this "
				 "source matches");
	else if (packet_query->reason == GREMC_DROP_no_mroute && gremc_why_igmp_is_used(packet_query))
		gremc_why_no_member_reply(packet_query, reply, key);
	else if (packet_query->reason == GREMC_DROP_no_mroute)
		gremc_reply_text(
			reply, key,
			"neither an (S,G), nor a (*,G), nor a prefix covers it; /gremc/mroutes lists all");
	else if (packet_query->reason == GREMC_DROP_rpf)
		gremc_reply_format(reply, key,
				   "the mroute does not accept packets from %s, only from those in iif_names",
				   packet_query->iif_name);
	else if (packet_query->reason == GREMC_DROP_empty_oil && packet_query->mroute->oif_count)
		gremc_reply_format(reply, key, "%s, by which it arrived, is the only outgoing interface",
				   packet_query->iif_name);
	else if (packet_query->reason == GREMC_DROP_empty_oil &&
		 packet_query->mroute->origin == GREMC_ORIGIN_IGMP)
		gremc_reply_text(reply, key, "every member of the group excludes this source");
	else if (packet_query->reason == GREMC_DROP_empty_oil)
		gremc_reply_text(reply, key, "the mroute has no outgoing interface");
	else if (packet_query->policy)
		gremc_reply_format(reply, key, "%u of %u replicas are lost: %s: %s", packet_query->policy,
				   packet_query->wanted, gremc_tx_drop_name(packet_query->policy_reason),
				   gremc_tx_drop_text(packet_query->policy_reason));
	else if (packet_query->oif_down)
		gremc_reply_format(reply, key, "%u of %u replicas would be lost now: oif_down: %s",
				   packet_query->oif_down, packet_query->wanted,
				   gremc_tx_drop_text(GREMC_TX_DROP_oif_down));
	else if (packet_query->peer_dead)
		gremc_reply_format(reply, key, "%u of %u replicas would be lost now: peer_dead: %s",
				   packet_query->peer_dead, packet_query->wanted,
				   gremc_tx_drop_text(GREMC_TX_DROP_peer_dead));
	else if (packet_query->no_adjacency)
		gremc_reply_format(reply, key, "%u of %u replicas would be lost now: no_adjacency: %s",
				   packet_query->no_adjacency, packet_query->wanted,
				   gremc_tx_drop_text(GREMC_TX_DROP_no_adjacency));
	else if (packet_query->reason == GREMC_DROP_NONE && iif_is_strict(packet_query))
		gremc_reply_format(
			reply, key, "if its GRE sequence number is above %u, the last one of %s",
			(uint32_t)gremc_u64_load(&gremc_sequence_load(vifs, packet_query->iif)->last),
			packet_query->iif_name);
	else if (packet_query->reason == GREMC_DROP_NONE && iif_is_policed(packet_query))
		gremc_reply_format(reply, key, "within the rate of %s (`police`)", packet_query->iif_name);
	else if (packet_query->limited)
		gremc_reply_format(reply, key,
				   "%u of %u replicas only if the TTL is above the threshold of the "
				   "interface",
				   packet_query->limited, packet_query->wanted);
	else
		gremc_reply_text(reply, key, "");
}

static bool host_interface_exists(const struct packet_query *packet_query, const char *name)
{
	const struct gremc_telemetry_hosts *hosts = &packet_query->query->telemetry->hosts;
	struct gremc_host_device_info entry;

	for (uint32_t i = 0; hosts->count && i < hosts->count(hosts->host); i++)
		if (hosts->entry(hosts->host, i, &entry) && strcmp(entry.name, name) == 0)
			return true;
	return false;
}

/* The host interface that a punted packet is written to; "": none, and IGMP alone gets it. */
static const char *host_interface_name(const struct packet_query *packet_query)
{
	if (host_interface_exists(packet_query, packet_query->iif_name))
		return packet_query->iif_name;
	return !packet_query->native && host_interface_exists(packet_query, GREMC_HOST_INTERFACE)
		       ? GREMC_HOST_INTERFACE
		       : "";
}

static const char *reason_name(const struct packet_query *packet_query)
{
	if (packet_query->punted)
		return gremc_punt_name(packet_query->class);
	return packet_query->reason == GREMC_DROP_NONE ? "" : gremc_drop_name(packet_query->reason);
}

static const char *reason_text(const struct packet_query *packet_query)
{
	if (packet_query->punted)
		return gremc_punt_text(packet_query->class);
	return packet_query->reason == GREMC_DROP_NONE ? "" : gremc_drop_text(packet_query->reason);
}

static void verdict_reply(const struct packet_query *packet_query, struct rte_tel_data *reply)
{
	const bool forward = packet_query->reason == GREMC_DROP_NONE;

	gremc_reply_text(reply, "iif", packet_query->iif_name);
	gremc_reply_address(reply, "source", &(struct gremc_addr)GREMC_ADDR_IPV4(packet_query->key.source));
	gremc_reply_address(reply, "group", &(struct gremc_addr)GREMC_ADDR_IPV4(packet_query->key.group));
	gremc_reply_text(reply, "verdict", forward ? "forward" : packet_query->punted ? "punt" : "drop");
	gremc_reply_text(reply, "reason", reason_name(packet_query));
	gremc_reply_text(reply, "text", reason_text(packet_query));
	detail_reply(packet_query, reply);
	gremc_reply_text(reply, "host", packet_query->punted ? host_interface_name(packet_query) : "");
	gremc_reply_u64(reply, "wanted", packet_query->wanted);
	gremc_reply_u64(reply, "no_adjacency", packet_query->no_adjacency);
	gremc_reply_u64(reply, "oif_down", packet_query->oif_down);
	gremc_reply_u64(reply, "peer_dead", packet_query->peer_dead);
	gremc_reply_u64(reply, "policy", packet_query->policy);
	gremc_reply_u64(reply, "smallest_mtu", packet_query->smallest_mtu);
}

/* Name the first accepted incoming interfaces. */
static void iifs_reply(struct gremc_query *query, const struct gremc_mroute *mroute)
{
	struct rte_tel_data *names = gremc_query_array(query, query->reply, "iif_names", RTE_TEL_STRING_VAL);
	char name[GREMC_VIF_NAME_SIZE];

	for (uint32_t i = 0; i < mroute->iif_count && i < NAMES; i++)
		gremc_reply_array_text(names,
				       gremc_query_vif_name(query, gremc_mroute_iifs(mroute)[i], name));
}

/* Name the first interfaces that get a replica. */
static void oifs_reply(const struct packet_query *packet_query)
{
	struct gremc_query *query = packet_query->query;
	struct rte_tel_data *names = gremc_query_array(query, query->reply, "oif_names", RTE_TEL_STRING_VAL);
	const struct gremc_mroute *mroute = packet_query->mroute;
	char name[GREMC_VIF_NAME_SIZE];
	unsigned named = 0;

	for (uint32_t i = 0; i < mroute->oif_count && named < NAMES; i++) {
		if (!gremc_why_oif_accepts(packet_query, i))
			continue;
		gremc_reply_array_text(names, gremc_query_vif_name(query, mroute->vif[i], name));
		named++;
	}
}

static void mroute_match_reply(struct gremc_query *query, const struct gremc_mroute *mroute)
{
	struct rte_tel_data *dict = gremc_query_dict(query, query->reply, "mroute");

	gremc_reply_u64(dict, "number", mroute->id);
	gremc_reply_mroute(query, dict, mroute);
	iifs_reply(query, mroute);
}

void gremc_command_why(struct gremc_query *query)
{
	struct packet_query packet_query = {.query = query, .iif_name = query->argument[0]};

	if (!gremc_why_decide(&packet_query))
		return;
	verdict_reply(&packet_query, query->reply);
	if (gremc_why_igmp_is_used(&packet_query) && gremc_ipv4_is_multicast(packet_query.key.group))
		gremc_why_missing_members_reply(&packet_query, query->reply);
	if (packet_query.mroute)
		mroute_match_reply(query, packet_query.mroute);
	if (packet_query.reason == GREMC_DROP_NONE)
		oifs_reply(&packet_query);
}
