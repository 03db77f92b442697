/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/why: explains the handling of a packet by the decisions of the data path (datapath/decision.h). */
#include <stdio.h>
#include <string.h>

#include "datapath/decision.h"
#include "proto/proto.h"
#include "telemetry/telemetry_priv.h"

#define NAMES   64 /* interfaces that a reply names */
#define MISSING 32 /* of these, interfaces that are not members */

/* A hypothetical packet and the decisions about it. */
struct packet_query {
	struct gremc_query *query;
	const char *iif_name;
	uint32_t iif;  /* GREMC_VIF_NONE: a port without `multicast: true` */
	bool native;   /* it arrives by a port, not by a tunnel */
	uint16_t port; /* if native: its index */
	struct gremc_fanout_key key;
	enum gremc_drop reason; /* GREMC_DROP_NONE: forwarded */
	bool punted;            /* not dropped but punted, in this class: */
	enum gremc_punt class;
	const struct gremc_mroute *mroute; /* NULL: none matched, or the packet was dropped before */
	uint32_t oif_skip;                 /* index of the iif in the oil, or oif_count */
	uint32_t wanted, no_adjacency, oif_down, peer_dead;
	uint32_t limited; /* of `wanted`: those with a TTL threshold */
	uint16_t smallest_mtu;
};

/* ---- the decisions ---- */

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

/* Whether the operator has set the interface of an incoming vif, or that of its port, down. */
static bool iif_is_down(const struct packet_query *packet_query)
{
	const struct gremc_adjacency *adjacency =
		gremc_query_adjacency(packet_query->query, packet_query->iif);

	return gremc_vif_is_down(packet_query->query->telemetry->vifs, packet_query->iif) ||
	       (adjacency && adjacency->down);
}

/* The checks of the classify and decap stages on an otherwise correct packet from this source to this group.
 */
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

	if (packet_query->iif != GREMC_VIF_NONE && iif_is_down(packet_query))
		return GREMC_DROP_iif_down;
	/* a port without `multicast: true` accepts GRE only */
	if (packet_query->native &&
	    (packet_query->iif == GREMC_VIF_NONE || !gremc_ipv4_is_multicast(packet_query->key.group)))
		return GREMC_DROP_not_gre;
	error = gremc_ipv4_check_multicast(&ip);
	return gremc_drop_from_proto(error);
}

/* Whether outgoing interface `i` gets packets of this source with some TTL. */
static bool oif_accepts_source(const struct packet_query *packet_query, uint32_t i)
{
	const struct gremc_mroute *mroute = packet_query->mroute;

	return i != packet_query->oif_skip &&
	       (!mroute->limited || gremc_oif_accepts(packet_query->query->telemetry->vifs, mroute, i,
						      UINT8_MAX, packet_query->key.source));
}

/* Whether only packets above a TTL threshold of the kernel leave by outgoing interface `i`. */
static bool oif_has_threshold(const struct gremc_mroute *mroute, uint32_t i)
{
	return mroute->limited && gremc_mroute_thresholds(mroute)[i] > 0 &&
	       gremc_mroute_thresholds(mroute)[i] != GREMC_THRESHOLD_SOURCES;
}

/* Count the replicas of a mroute whose RPF check passes. */
static enum gremc_drop oifs_count(struct packet_query *packet_query)
{
	const struct gremc_mroute *mroute = packet_query->mroute;

	for (uint32_t i = 0; i < mroute->oif_count; i++) {
		if (!oif_accepts_source(packet_query, i))
			continue;
		packet_query->wanted++;
		packet_query->limited += oif_has_threshold(mroute, i);
	}
	return packet_query->wanted ? GREMC_DROP_NONE
				    : gremc_conditional_drop_reason(mroute, packet_query->oif_skip);
}

/* The lookup stage: longest match, RPF check, split horizon. */
static enum gremc_drop mroute_lookup(struct packet_query *packet_query)
{
	const struct gremc_mroute *mroute;

	gremc_fanout_lookup_bulk(gremc_fanout_at(packet_query->query->telemetry->fanout, SOCKET_ID_ANY),
				 &packet_query->key, 1, &mroute);
	packet_query->mroute = mroute;
	if (mroute == NULL)
		return GREMC_DROP_no_mroute;
	switch (gremc_rpf_check(mroute, packet_query->iif, &packet_query->oif_skip)) {
	case GREMC_RPF_FAIL:
		return GREMC_DROP_rpf;
	case GREMC_RPF_NO_OIF:
		return GREMC_DROP_empty_oil;
	case GREMC_RPF_PASS:
	case GREMC_RPF_CONDITIONAL:
		break;
	}
	return oifs_count(packet_query);
}

/* Whether a packet that is not forwarded is punted instead. */
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

/* The replicate stage: whether each outgoing interface can send. */
static void oifs_check(struct packet_query *packet_query)
{
	const struct gremc_vifs *vifs = packet_query->query->telemetry->vifs;
	const struct gremc_mroute *mroute = packet_query->mroute;

	for (uint32_t i = 0; i < mroute->oif_count; i++) {
		struct gremc_encap encap;
		uint16_t mtu;

		if (!oif_accepts_source(packet_query, i))
			continue;
		encap.encap_key = __atomic_load_n(&vifs->encap[mroute->vif[i]].encap_key, __ATOMIC_RELAXED);
		switch (gremc_replica_check(&encap, gremc_adjacency_load(vifs, encap.adjacency), 0)) {
		case GREMC_TX_DROP_oif_down:
			packet_query->oif_down++;
			break;
		case GREMC_TX_DROP_peer_dead:
			packet_query->peer_dead++;
			break;
		case GREMC_TX_DROP_no_adjacency:
			packet_query->no_adjacency++;
			break;
		default:
			break;
		}
		mtu = gremc_vif_mtu(vifs, mroute->vif[i]);
		if (packet_query->smallest_mtu == 0 || mtu < packet_query->smallest_mtu)
			packet_query->smallest_mtu = mtu;
	}
}

/* ---- IGMP ---- */

/* Whether a membership includes this source. */
static bool group_includes_source(const struct packet_query *packet_query,
				  const struct gremc_igmp_group_info *info)
{
	uint32_t shown = RTE_MIN(info->source_count, GREMC_IGMP_INFO_SOURCES);

	for (uint32_t i = 0; i < shown; i++)
		if (gremc_addr_to_ipv4(&info->sources[i].address) == packet_query->key.source)
			return !info->sources[i].excluded;
	/* the state of sources beyond those shown is unknown; such a member is not reported as missing */
	return info->exclude || info->is_static || info->source_count > shown;
}

/* Name the first interfaces with an IGMP querier that are not members. */
static void missing_members_reply(const struct packet_query *packet_query, struct rte_tel_data *reply)
{
	struct gremc_query *query = packet_query->query;
	struct gremc_igmp *igmp = query->telemetry->igmp;
	struct rte_tel_data *names = gremc_query_array(query, reply, "not_joined", RTE_TEL_STRING_VAL);
	const struct gremc_addr address = gremc_addr_from_ipv4(packet_query->key.group);
	struct gremc_igmp_interface_info info;
	char name[GREMC_VIF_NAME_SIZE];
	unsigned named = 0;

	for (uint32_t at = 0; named < MISSING && gremc_igmp_interface_info_get(igmp, at, &info);
	     at = info.interface + 1) {
		struct gremc_igmp_group_info group;

		if (info.mode != GREMC_IGMP_QUERIER ||
		    (gremc_igmp_group_find(igmp, info.interface, &address, &group) &&
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

	return gremc_igmp_interface_info_get(packet_query->query->telemetry->igmp, 0, &info);
}

/* The state of IGMP for a packet that no mroute covers. */
struct membership_summary {
	uint32_t members; /* interfaces whose membership includes it */
	uint32_t refused; /* interfaces with a join that was refused or evicted */
	uint32_t first;   /* of the members */
};

static struct membership_summary membership_summary(const struct packet_query *packet_query)
{
	struct gremc_igmp *igmp = packet_query->query->telemetry->igmp;
	const struct gremc_addr address = gremc_addr_from_ipv4(packet_query->key.group);
	struct membership_summary state = {0};
	struct gremc_igmp_interface_info info;
	struct gremc_igmp_group_info group;

	for (uint32_t at = 0; gremc_igmp_interface_info_get(igmp, at, &info); at = info.interface + 1) {
		if (info.mode != GREMC_IGMP_QUERIER)
			continue;
		if (gremc_igmp_group_find(igmp, info.interface, &address, &group) &&
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

/* Explain by IGMP why there is no mroute. */
static void no_member_reply(const struct packet_query *packet_query, struct rte_tel_data *reply,
			    const char *key)
{
	struct membership_summary state = membership_summary(packet_query);
	char name[GREMC_VIF_NAME_SIZE];

	/* a telemetry string has 127 characters at most */
	if (state.members)
		gremc_reply_format(
			reply, key,
			"joined at %u interface%s (%s first), but there is no capacity for its mroute; "
			"tried again every second",
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
				 "no interface has joined it by IGMP (/gremc/groups), and no other mroute "
				 "covers it (/gremc/mroutes)");
}

/* ---- the reply ---- */

/* Whether the incoming tunnel drops packets by their sequence number. */
static bool iif_is_strict(const struct packet_query *packet_query)
{
	const struct gremc_sequence_state *sequence =
		packet_query->iif == GREMC_VIF_NONE
			? NULL
			: gremc_sequence_load(packet_query->query->telemetry->vifs, packet_query->iif);

	return sequence && gremc_u8_load(&sequence->mode) == GREMC_SEQUENCE_STRICT;
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
		 (!igmp_is_used(packet_query) || !igmp_explains_no_mroute(packet_query)))
		gremc_reply_text(reply, key,
				 "232.0.0.0/8 is source-specific (RFC 4607): only an mroute with this "
				 "source matches");
	else if (packet_query->reason == GREMC_DROP_no_mroute && igmp_is_used(packet_query))
		no_member_reply(packet_query, reply, key);
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
	else if (packet_query->limited)
		gremc_reply_format(reply, key,
				   "%u of %u replicas only if the TTL is above the kernel's threshold of the "
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
	gremc_reply_u64(reply, "peer_dead", packet_query->peer_dead);
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
		if (!oif_accepts_source(packet_query, i))
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
