/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/why: a packet's way through the data path, walked with the data path's own functions. */
#include <stdio.h>
#include <string.h>

#include "proto/proto.h"
#include "telemetry/telemetry_priv.h"

#define NAMES   64 /* of interfaces in the reply */
#define MISSING 32 /* of those that are no members */

/* The packet in question and how far it came. */
struct packet_query {
	struct gremc_query *query;
	const char *iif_name;
	uint32_t iif;  /* GREMC_VIF_NONE: a port that takes no native multicast */
	bool native;   /* it comes by a port, not by a tunnel */
	uint16_t port; /* if native: its index */
	struct gremc_fanout_key key;
	enum gremc_drop reason; /* GREMC_DROP_NONE: forwarded */
	bool punted;            /* not dropped for it, but in this class: */
	enum gremc_punt class;
	const struct gremc_mroute *mroute; /* NULL: none matched, or it was not asked for */
	uint32_t wanted, no_adjacency, oif_down;
	uint32_t limited; /* of the wanted: those with a TTL threshold */
	uint16_t smallest_mtu;
};

static bool port_find(const struct gremc_ports *ports, const char *name, uint16_t *port)
{
	for (uint16_t i = 0; i < ports->count; i++) {
		if (ports->port[i] && strcmp(ports->port[i]->name, name) == 0) {
			*port = i;
			return true;
		}
	}
	return false;
}

static bool iif_argument_find(struct packet_query *packet_query)
{
	const struct gremc_telemetry *telemetry = packet_query->query->telemetry;
	const struct gremc_vif_info *info;

	packet_query->iif = gremc_vif_find(telemetry->vifs, packet_query->iif_name);
	info = packet_query->iif == GREMC_VIF_NONE ? NULL
						   : gremc_query_vif(packet_query->query, packet_query->iif);
	if (info) {
		packet_query->native = info->kind == GREMC_VIF_PORT;
		packet_query->port = info->port;
		return true;
	}
	packet_query->iif = GREMC_VIF_NONE;
	packet_query->native = true;
	if (port_find(telemetry->ports, packet_query->iif_name, &packet_query->port))
		return true;
	gremc_query_error(packet_query->query,
			  "IIF '%.32s' is neither a tunnel (/gremc/tunnels) nor a port (/gremc/ports)",
			  packet_query->iif_name);
	return false;
}

static bool address_arguments_parse(struct packet_query *packet_query)
{
	const char *source = packet_query->query->argument[1], *group = packet_query->query->argument[2];

	if (gremc_ipv4_parse(source, &packet_query->key.source)) {
		gremc_query_error(packet_query->query,
				  "SOURCE '%.20s' is not an IPv4 address; right would be 10.1.1.1", source);
		return false;
	}
	if (gremc_ipv4_parse(group, &packet_query->key.group)) {
		gremc_query_error(packet_query->query,
				  "GROUP '%.20s' is not an IPv4 address; right would be 239.1.1.1", group);
		return false;
	}
	return true;
}

/* Has the operator set the interface of this vif down, or that of its port? */
static bool vif_is_down(const struct packet_query *packet_query, uint32_t vif)
{
	const struct gremc_adjacency *adjacency = gremc_query_adjacency(packet_query->query, vif);

	return gremc_vif_is_down(packet_query->query->telemetry->vifs, vif) || (adjacency && adjacency->down);
}

/* What decap checks of a packet from this source to this group, all else in it being right. */
static enum gremc_drop input_check(const struct packet_query *packet_query)
{
	const struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = packet_query->key.source,
		.dst_addr = packet_query->key.group,
	};
	enum gremc_proto_error error;

	if (packet_query->iif != GREMC_VIF_NONE && vif_is_down(packet_query, packet_query->iif))
		return GREMC_DROP_iif_down;
	/* On a port a packet is outer, until it is multicast for a port that takes that. */
	if (packet_query->native &&
	    (packet_query->iif == GREMC_VIF_NONE || !gremc_ipv4_is_multicast(packet_query->key.group)))
		return GREMC_DROP_not_gre;
	error = gremc_ipv4_check_multicast(&ip);
	return gremc_drop_from_proto(error);
}

/* The TTL that a packet's must be above. */
static uint8_t oif_threshold(const struct gremc_mroute *mroute, uint32_t i)
{
	uint8_t threshold = mroute->limited ? gremc_mroute_thresholds(mroute)[i] : 0;

	return threshold == GREMC_THRESHOLD_SOURCES ? 0 : threshold;
}

/* Does the oif take such a source? */
static bool oif_accepts_source(const struct packet_query *packet_query, uint32_t i)
{
	const struct gremc_mroute *mroute = packet_query->mroute;

	return !mroute->limited || gremc_mroute_thresholds(mroute)[i] != GREMC_THRESHOLD_SOURCES ||
	       gremc_vif_accepts_source(packet_query->query->telemetry->vifs, mroute->vif[i],
					packet_query->key.source);
}

/* The lookup stage: longest match, RPF, split horizon. */
static enum gremc_drop mroute_lookup(struct packet_query *packet_query)
{
	const struct gremc_mroute *mroute;

	gremc_fanout_lookup_bulk(gremc_fanout_at(packet_query->query->telemetry->fanout, SOCKET_ID_ANY),
				 &packet_query->key, 1, &mroute);
	packet_query->mroute = mroute;
	if (mroute == NULL)
		return GREMC_DROP_no_mroute;
	if (!gremc_mroute_accepts(mroute, packet_query->iif))
		return GREMC_DROP_rpf;
	packet_query->wanted =
		mroute->oif_count - (gremc_mroute_skip(mroute, packet_query->iif) < mroute->oif_count);
	if (packet_query->wanted == 0)
		return GREMC_DROP_empty_oil;
	for (uint32_t i = 0; mroute->limited && i < mroute->oif_count; i++) {
		packet_query->wanted -=
			mroute->vif[i] != packet_query->iif && !oif_accepts_source(packet_query, i);
		packet_query->limited += mroute->vif[i] != packet_query->iif && oif_threshold(mroute, i) > 0;
	}
	return packet_query->wanted ? GREMC_DROP_NONE : GREMC_DROP_source_guard;
}

/* What is not forwarded may be the kernel's. */
static bool punt_lookup(struct packet_query *packet_query)
{
	const struct gremc_vifs *vifs = packet_query->query->telemetry->vifs;

	if (packet_query->reason == GREMC_DROP_not_gre)
		return gremc_punt_port_class(vifs, packet_query->port,
					     gremc_ipv4_is_multicast(packet_query->key.group),
					     &packet_query->class);
	return packet_query->iif != GREMC_VIF_NONE &&
	       gremc_punt_vif_class(vifs, packet_query->iif, packet_query->reason, &packet_query->class);
}

/* What replication would meet at the outgoing interfaces. */
static void oifs_check(struct packet_query *packet_query)
{
	const struct gremc_mroute *mroute = packet_query->mroute;

	for (uint32_t i = 0; i < mroute->oif_count; i++) {
		const struct gremc_adjacency *adjacency;
		uint16_t mtu;

		if (mroute->vif[i] == packet_query->iif || !oif_accepts_source(packet_query, i))
			continue;
		adjacency = gremc_query_adjacency(packet_query->query, mroute->vif[i]);
		mtu = gremc_vif_mtu(packet_query->query->telemetry->vifs, mroute->vif[i]);
		if (vif_is_down(packet_query, mroute->vif[i]))
			packet_query->oif_down++;
		else
			packet_query->no_adjacency += adjacency == NULL || !adjacency->resolved;
		if (packet_query->smallest_mtu == 0 || mtu < packet_query->smallest_mtu)
			packet_query->smallest_mtu = mtu;
	}
}

/* Does an interface's membership want packets of this source? Any source that is not refused, or this one. */
static bool group_includes_source(const struct packet_query *packet_query,
				  const struct gremc_igmp_group_info *info)
{
	uint32_t shown = RTE_MIN(info->source_count, GREMC_IGMP_INFO_SOURCES);

	for (uint32_t i = 0; i < shown; i++)
		if (info->sources[i].address == packet_query->key.source)
			return !info->sources[i].excluded;
	/* of more sources than are shown the rest is not known: no member is called missing wrongly */
	return info->exclude || info->is_static || info->source_count > shown;
}

/* The interfaces that IGMP asks and that are no members: the first of them by name. */
static void missing_members_reply(const struct packet_query *packet_query, struct rte_tel_data *reply)
{
	struct gremc_query *query = packet_query->query;
	struct gremc_igmp *igmp = query->telemetry->igmp;
	struct rte_tel_data *names = gremc_query_array(query, reply, "not_joined", RTE_TEL_STRING_VAL);
	struct gremc_igmp_interface_info info;
	char name[GREMC_VIF_NAME_SIZE];
	unsigned named = 0;

	for (uint32_t at = 0; named < MISSING && gremc_igmp_interface_info(igmp, at, &info);
	     at = info.interface + 1) {
		struct gremc_igmp_group_info group;

		if (info.mode != GREMC_IGMP_QUERIER ||
		    (gremc_igmp_group_find(igmp, info.interface, packet_query->key.group, &group) &&
		     group_includes_source(packet_query, &group)))
			continue;
		gremc_query_interface_name(query, info.interface, name);
		if (*name == '\0' || strcmp(name, packet_query->iif_name) == 0)
			continue;
		gremc_reply_array_text(names, name);
		named++;
	}
}

static bool igmp_is_used(const struct packet_query *packet_query)
{
	struct gremc_igmp_interface_info info;

	return gremc_igmp_interface_info(packet_query->query->telemetry->igmp, 0, &info);
}

/* What IGMP says of a packet that no mroute covers. */
struct membership_summary {
	uint32_t members; /* interfaces that want it */
	uint32_t refused; /* interfaces to which something was refused, or that gave up something */
	uint32_t first;   /* of the members */
};

static struct membership_summary membership_summary(const struct packet_query *packet_query)
{
	struct gremc_igmp *igmp = packet_query->query->telemetry->igmp;
	struct membership_summary state = {0};
	struct gremc_igmp_interface_info info;
	struct gremc_igmp_group_info group;

	for (uint32_t at = 0; gremc_igmp_interface_info(igmp, at, &info); at = info.interface + 1) {
		if (info.mode != GREMC_IGMP_QUERIER)
			continue;
		if (gremc_igmp_group_find(igmp, info.interface, packet_query->key.group, &group) &&
		    group_includes_source(packet_query, &group) && state.members++ == 0)
			state.first = info.interface;
		state.refused +=
			info.counters[GREMC_IGMP_COUNT_budget] || info.counters[GREMC_IGMP_COUNT_evicted];
	}
	return state;
}

static bool igmp_explains_no_mroute(const struct packet_query *packet_query)
{
	struct membership_summary state = membership_summary(packet_query);

	return state.members || state.refused;
}

/* No mroute, although IGMP is on: what is known of the reason. */
static void no_member_reply(const struct packet_query *packet_query, struct rte_tel_data *reply,
			    const char *key)
{
	struct membership_summary state = membership_summary(packet_query);
	char name[GREMC_VIF_NAME_SIZE];

	/* a telemetry string has 127 characters at most */
	if (state.members)
		gremc_reply_format(
			reply, key,
			"joined at %u interface%s (%s first), but the table had no room or memory for "
			"its mroute; tried again every second",
			state.members, state.members == 1 ? "" : "s",
			gremc_query_interface_name(packet_query->query, state.first, name));
	else if (state.refused)
		gremc_reply_format(
			reply, key,
			"not joined now; %u interface%s had joins refused or given up: all memberships "
			"are at their limit (/gremc/igmp)",
			state.refused, state.refused == 1 ? "" : "s");
	else
		gremc_reply_text(reply, key,
				 "nobody has joined it by IGMP (/gremc/groups), and nothing else covers it; "
				 "/gremc/mroutes lists all");
}

/* The sentence that this very case needs beside the reason's text. */
static void detail_reply(const struct packet_query *packet_query, struct rte_tel_data *reply)
{
	const char *key = "detail";

	if (packet_query->reason == GREMC_DROP_not_gre && gremc_ipv4_is_multicast(packet_query->key.group) &&
	    packet_query->iif == GREMC_VIF_NONE)
		gremc_reply_format(reply, key, "port %s takes GRE only: it has no 'multicast: true'",
				   packet_query->iif_name);
	else if (packet_query->reason == GREMC_DROP_no_mroute && gremc_ipv4_is_ssm(packet_query->key.group) &&
		 (!igmp_is_used(packet_query) || !igmp_explains_no_mroute(packet_query)))
		gremc_reply_text(reply, key,
				 "232.0.0.0/8 is source-specific (RFC 4607): only an mroute with this very "
				 "source matches");
	else if (packet_query->reason == GREMC_DROP_no_mroute && igmp_is_used(packet_query))
		no_member_reply(packet_query, reply, key);
	else if (packet_query->reason == GREMC_DROP_no_mroute)
		gremc_reply_text(
			reply, key,
			"neither an (S,G), nor a (*,G), nor a prefix covers it; /gremc/mroutes lists all");
	else if (packet_query->reason == GREMC_DROP_rpf)
		gremc_reply_format(reply, key,
				   "the mroute does not take packets from %s, but from those in iif_names",
				   packet_query->iif_name);
	else if (packet_query->reason == GREMC_DROP_empty_oil && packet_query->mroute->oif_count)
		gremc_reply_format(reply, key, "%s, where it came from, is the only outgoing interface",
				   packet_query->iif_name);
	else if (packet_query->reason == GREMC_DROP_empty_oil &&
		 packet_query->mroute->origin == GREMC_ORIGIN_IGMP)
		gremc_reply_text(reply, key, "every member of the group excludes this source");
	else if (packet_query->reason == GREMC_DROP_empty_oil)
		gremc_reply_text(reply, key, "the mroute has no outgoing interface");
	else if (packet_query->oif_down)
		gremc_reply_format(reply, key, "%u of %u replicas would be lost now: oif_down: %s",
				   packet_query->oif_down, packet_query->wanted,
				   gremc_tx_drop_text(GREMC_TX_DROP_oif_down));
	else if (packet_query->no_adjacency)
		gremc_reply_format(reply, key, "%u of %u replicas would be lost now: no_adjacency: %s",
				   packet_query->no_adjacency, packet_query->wanted,
				   gremc_tx_drop_text(GREMC_TX_DROP_no_adjacency));
	else if (packet_query->limited)
		gremc_reply_format(
			reply, key,
			"%u of %u replicas only for packets with a TTL above the threshold that the "
			"kernel has for the interface",
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

/* Where the kernel gets it: by the interface's own device, or by that which all share. IGMP needs none. */
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
	gremc_reply_address(reply, "source", packet_query->key.source);
	gremc_reply_address(reply, "group", packet_query->key.group);
	gremc_reply_text(reply, "verdict", forward ? "forward" : packet_query->punted ? "punt" : "drop");
	gremc_reply_text(reply, "reason", reason_name(packet_query));
	gremc_reply_text(reply, "text", reason_text(packet_query));
	detail_reply(packet_query, reply);
	gremc_reply_text(reply, "host", packet_query->punted ? host_interface_name(packet_query) : "");
	gremc_reply_u64(reply, "wanted", packet_query->wanted);
	gremc_reply_u64(reply, "no_adjacency", packet_query->no_adjacency);
	gremc_reply_u64(reply, "oif_down", packet_query->oif_down);
	gremc_reply_u64(reply, "smallest_mtu", packet_query->smallest_mtu);
}

/* The first of the accepted interfaces by name. */
static void iifs_reply(struct gremc_query *query, const struct gremc_mroute *mroute)
{
	struct rte_tel_data *names = gremc_query_array(query, query->reply, "iif_names", RTE_TEL_STRING_VAL);
	char name[GREMC_VIF_NAME_SIZE];

	for (uint32_t i = 0; i < mroute->iif_count && i < NAMES; i++)
		gremc_reply_array_text(names,
				       gremc_query_vif_name(query, gremc_mroute_iifs(mroute)[i], name));
}

/* The first of those by name that the packet leaves by. */
static void oifs_reply(const struct packet_query *packet_query)
{
	struct gremc_query *query = packet_query->query;
	struct rte_tel_data *names = gremc_query_array(query, query->reply, "oif_names", RTE_TEL_STRING_VAL);
	const struct gremc_mroute *mroute = packet_query->mroute;
	char name[GREMC_VIF_NAME_SIZE];
	unsigned named = 0;

	for (uint32_t i = 0; i < mroute->oif_count && named < NAMES; i++) {
		if (mroute->vif[i] == packet_query->iif || !oif_accepts_source(packet_query, i))
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

	if (!iif_argument_find(&packet_query) || !address_arguments_parse(&packet_query))
		return;
	packet_query.reason = input_check(&packet_query);
	if (packet_query.reason == GREMC_DROP_NONE)
		packet_query.reason = mroute_lookup(&packet_query);
	if (packet_query.reason == GREMC_DROP_NONE)
		oifs_check(&packet_query);
	else
		packet_query.punted = punt_lookup(&packet_query);
	verdict_reply(&packet_query, query->reply);
	if (igmp_is_used(&packet_query) && gremc_ipv4_is_multicast(packet_query.key.group))
		missing_members_reply(&packet_query, query->reply);
	if (packet_query.mroute)
		mroute_match_reply(query, packet_query.mroute);
	if (packet_query.reason == GREMC_DROP_NONE)
		oifs_reply(&packet_query);
}
