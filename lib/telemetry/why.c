/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/why: a packet's way through the data path, walked with the data path's own functions. */
#include <stdio.h>
#include <string.h>

#include "proto/proto.h"
#include "telemetry/telemetry_priv.h"

#define NAMES   64 /* of interfaces in the reply */
#define MISSING 32 /* of those that are no members */

/* The packet in question and how far it came. */
struct walk {
	struct gremc_query *query;
	const char *iif_name;
	uint32_t iif;  /* GREMC_VIF_NONE: a port that takes no native multicast */
	bool native;   /* it comes by a port, not by a tunnel */
	uint16_t port; /* if native: its index */
	struct gremc_fanout_key key;
	enum gremc_drop reason; /* GREMC_DROP_COUNT: forwarded */
	bool punted;            /* not dropped for it, but in this class: */
	enum gremc_punt class;
	const struct gremc_mroute *mroute; /* NULL: none matched, or it was not asked for */
	uint32_t wanted, no_adjacency, oif_down;
	uint32_t limited; /* of the wanted: those with a TTL threshold */
	uint16_t smallest_mtu;
};

static bool find_port(const struct gremc_ports *ports, const char *name, uint16_t *port)
{
	for (uint16_t i = 0; i < ports->count; i++) {
		if (ports->port[i] && strcmp(ports->port[i]->name, name) == 0) {
			*port = i;
			return true;
		}
	}
	return false;
}

static bool find_iif(struct walk *walk)
{
	const struct gremc_telemetry *telemetry = walk->query->telemetry;
	const struct gremc_vif_info *info;

	walk->iif = gremc_vif_find(telemetry->vifs, walk->iif_name);
	info = walk->iif == GREMC_VIF_NONE ? NULL : gremc_query_vif(walk->query, walk->iif);
	if (info) {
		walk->native = info->kind == GREMC_VIF_PORT;
		walk->port = info->port;
		return true;
	}
	walk->iif = GREMC_VIF_NONE;
	walk->native = true;
	if (find_port(telemetry->ports, walk->iif_name, &walk->port))
		return true;
	gremc_query_error(walk->query,
			  "IIF '%.32s' is neither a tunnel (/gremc/tunnels) nor a port (/gremc/ports)",
			  walk->iif_name);
	return false;
}

static bool find_addresses(struct walk *walk)
{
	const char *source = walk->query->argument[1], *group = walk->query->argument[2];

	if (gremc_ipv4_parse(source, &walk->key.source)) {
		gremc_query_error(walk->query,
				  "SOURCE '%.20s' is not an IPv4 address; right would be 10.1.1.1", source);
		return false;
	}
	if (gremc_ipv4_parse(group, &walk->key.group)) {
		gremc_query_error(walk->query,
				  "GROUP '%.20s' is not an IPv4 address; right would be 239.1.1.1", group);
		return false;
	}
	return true;
}

/* Has the operator set the interface of this vif down, or that of its port? */
static bool is_down(const struct walk *walk, uint32_t vif)
{
	const struct gremc_adjacency *adjacency = gremc_query_adjacency(walk->query, vif);

	return gremc_vif_is_down(walk->query->telemetry->vifs, vif) || (adjacency && adjacency->down);
}

/* What decap checks of a packet from this source to this group, all else in it being right. */
static enum gremc_drop check_packet(const struct walk *walk)
{
	const struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = walk->key.source,
		.dst_addr = walk->key.group,
	};
	enum gremc_proto_error error;

	if (walk->iif != GREMC_VIF_NONE && is_down(walk, walk->iif))
		return GREMC_DROP_iif_down;
	/* On a port a packet is outer, until it is multicast for a port that takes that. */
	if (walk->native && (walk->iif == GREMC_VIF_NONE || !gremc_ipv4_is_multicast(walk->key.group)))
		return GREMC_DROP_not_gre;
	error = gremc_ipv4_check_multicast(&ip);
	return error == GREMC_PROTO_OK ? GREMC_DROP_COUNT : (enum gremc_drop)error;
}

/* The TTL that a packet's must be above. */
static uint8_t threshold_of(const struct gremc_mroute *mroute, uint32_t i)
{
	uint8_t threshold = mroute->limited ? gremc_mroute_thresholds(mroute)[i] : 0;

	return threshold == GREMC_THRESHOLD_SOURCES ? 0 : threshold;
}

/* Does the oif take such a source? */
static bool takes(const struct walk *walk, uint32_t i)
{
	const struct gremc_mroute *mroute = walk->mroute;

	return !mroute->limited || gremc_mroute_thresholds(mroute)[i] != GREMC_THRESHOLD_SOURCES ||
	       gremc_vif_takes_source(walk->query->telemetry->vifs, mroute->vif[i], walk->key.source);
}

/* The lookup stage: longest match, RPF, split horizon. */
static enum gremc_drop look_up(struct walk *walk)
{
	const struct gremc_mroute *mroute;

	gremc_fanout_lookup_bulk(gremc_fanout_at(walk->query->telemetry->fanout, SOCKET_ID_ANY), &walk->key,
				 1, &mroute);
	walk->mroute = mroute;
	if (mroute == NULL)
		return GREMC_DROP_no_mroute;
	if (!gremc_mroute_accepts(mroute, walk->iif))
		return GREMC_DROP_rpf;
	walk->wanted = mroute->oif_count - (gremc_mroute_skip(mroute, walk->iif) < mroute->oif_count);
	if (walk->wanted == 0)
		return GREMC_DROP_empty_oil;
	for (uint32_t i = 0; mroute->limited && i < mroute->oif_count; i++) {
		walk->wanted -= mroute->vif[i] != walk->iif && !takes(walk, i);
		walk->limited += mroute->vif[i] != walk->iif && threshold_of(mroute, i) > 0;
	}
	return walk->wanted ? GREMC_DROP_COUNT : GREMC_DROP_source_guard;
}

/* What is not forwarded may be the kernel's. */
static bool look_up_the_host(struct walk *walk)
{
	const struct gremc_vifs *vifs = walk->query->telemetry->vifs;

	if (walk->reason == GREMC_DROP_not_gre)
		return gremc_punt_of_port(vifs, walk->port, gremc_ipv4_is_multicast(walk->key.group),
					  &walk->class);
	return walk->iif != GREMC_VIF_NONE && gremc_punt_of_vif(vifs, walk->iif, walk->reason, &walk->class);
}

/* What replication would meet at the outgoing interfaces. */
static void look_out(struct walk *walk)
{
	const struct gremc_mroute *mroute = walk->mroute;

	for (uint32_t i = 0; i < mroute->oif_count; i++) {
		const struct gremc_adjacency *adjacency;
		uint16_t mtu;

		if (mroute->vif[i] == walk->iif || !takes(walk, i))
			continue;
		adjacency = gremc_query_adjacency(walk->query, mroute->vif[i]);
		mtu = gremc_vif_mtu(walk->query->telemetry->vifs, mroute->vif[i]);
		if (is_down(walk, mroute->vif[i]))
			walk->oif_down++;
		else
			walk->no_adjacency += adjacency == NULL || !adjacency->resolved;
		if (walk->smallest_mtu == 0 || mtu < walk->smallest_mtu)
			walk->smallest_mtu = mtu;
	}
}

/* Does an interface's membership want packets of this source? Any source that is not refused, or this one. */
static bool wants(const struct walk *walk, const struct gremc_igmp_group_info *info)
{
	uint32_t shown = RTE_MIN(info->source_count, GREMC_IGMP_INFO_SOURCES);

	for (uint32_t i = 0; i < shown; i++)
		if (info->sources[i].address == walk->key.source)
			return !info->sources[i].excluded;
	/* of more sources than are shown the rest is not known: no member is called missing wrongly */
	return info->exclude || info->is_static || info->source_count > shown;
}

/* The interfaces that IGMP asks and that are no members: the first of them by name. */
static void reply_missing(const struct walk *walk, struct rte_tel_data *reply)
{
	struct gremc_query *query = walk->query;
	struct gremc_igmp *igmp = query->telemetry->igmp;
	struct rte_tel_data *names = gremc_query_array(query, reply, "not_joined", RTE_TEL_STRING_VAL);
	struct gremc_igmp_interface_info info;
	char name[GREMC_VIF_NAME_SIZE];
	unsigned named = 0;

	for (uint32_t at = 0; named < MISSING && gremc_igmp_interface_info(igmp, at, &info);
	     at = info.interface + 1) {
		struct gremc_igmp_group_info group;

		if (info.mode != GREMC_IGMP_QUERIER ||
		    (gremc_igmp_group_find(igmp, info.interface, walk->key.group, &group) &&
		     wants(walk, &group)))
			continue;
		gremc_query_interface_name(query, info.interface, name);
		if (*name == '\0' || strcmp(name, walk->iif_name) == 0)
			continue;
		gremc_reply_item(names, name);
		named++;
	}
}

static bool has_igmp(const struct walk *walk)
{
	struct gremc_igmp_interface_info info;

	return gremc_igmp_interface_info(walk->query->telemetry->igmp, 0, &info);
}

/* What IGMP says of a packet that no mroute covers. */
struct membership_state {
	uint32_t members; /* interfaces that want it */
	uint32_t refused; /* interfaces to which something was refused, or that gave up something */
	uint32_t first;   /* of the members */
};

static struct membership_state membership_state(const struct walk *walk)
{
	struct gremc_igmp *igmp = walk->query->telemetry->igmp;
	struct membership_state state = {0};
	struct gremc_igmp_interface_info info;
	struct gremc_igmp_group_info group;

	for (uint32_t at = 0; gremc_igmp_interface_info(igmp, at, &info); at = info.interface + 1) {
		if (info.mode != GREMC_IGMP_QUERIER)
			continue;
		if (gremc_igmp_group_find(igmp, info.interface, walk->key.group, &group) &&
		    wants(walk, &group) && state.members++ == 0)
			state.first = info.interface;
		state.refused +=
			info.counters[GREMC_IGMP_COUNT_budget] || info.counters[GREMC_IGMP_COUNT_evicted];
	}
	return state;
}

static bool explains_no_mroute(const struct walk *walk)
{
	struct membership_state state = membership_state(walk);

	return state.members || state.refused;
}

/* No mroute, although IGMP is on: what is known of the reason. */
static void reply_no_member(const struct walk *walk, struct rte_tel_data *reply, const char *key)
{
	struct membership_state state = membership_state(walk);
	char name[GREMC_VIF_NAME_SIZE];

	/* a telemetry string has 127 characters at most */
	if (state.members)
		gremc_reply_format(
			reply, key,
			"joined at %u interface%s (%s first), but the table had no room or memory for "
			"its mroute; tried again every second",
			state.members, state.members == 1 ? "" : "s",
			gremc_query_interface_name(walk->query, state.first, name));
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
static void reply_detail(const struct walk *walk, struct rte_tel_data *reply)
{
	const char *key = "detail";

	if (walk->reason == GREMC_DROP_not_gre && gremc_ipv4_is_multicast(walk->key.group) &&
	    walk->iif == GREMC_VIF_NONE)
		gremc_reply_format(reply, key, "port %s takes GRE only: it has no 'multicast: true'",
				   walk->iif_name);
	else if (walk->reason == GREMC_DROP_no_mroute && gremc_ipv4_is_ssm(walk->key.group) &&
		 (!has_igmp(walk) || !explains_no_mroute(walk)))
		gremc_reply_text(reply, key,
				 "232.0.0.0/8 is source-specific (RFC 4607): only an mroute with this very "
				 "source matches");
	else if (walk->reason == GREMC_DROP_no_mroute && has_igmp(walk))
		reply_no_member(walk, reply, key);
	else if (walk->reason == GREMC_DROP_no_mroute)
		gremc_reply_text(
			reply, key,
			"neither an (S,G), nor a (*,G), nor a prefix covers it; /gremc/mroutes lists all");
	else if (walk->reason == GREMC_DROP_rpf)
		gremc_reply_format(reply, key,
				   "the mroute does not take packets from %s, but from those in iif_names",
				   walk->iif_name);
	else if (walk->reason == GREMC_DROP_empty_oil && walk->mroute->oif_count)
		gremc_reply_format(reply, key, "%s, where it came from, is the only outgoing interface",
				   walk->iif_name);
	else if (walk->reason == GREMC_DROP_empty_oil && walk->mroute->origin == GREMC_ORIGIN_IGMP)
		gremc_reply_text(reply, key, "every member of the group excludes this source");
	else if (walk->reason == GREMC_DROP_empty_oil)
		gremc_reply_text(reply, key, "the mroute has no outgoing interface");
	else if (walk->oif_down)
		gremc_reply_format(reply, key, "%u of %u replicas would be lost now: oif_down: %s",
				   walk->oif_down, walk->wanted, gremc_loss_text(GREMC_LOSS_oif_down));
	else if (walk->no_adjacency)
		gremc_reply_format(reply, key, "%u of %u replicas would be lost now: no_adjacency: %s",
				   walk->no_adjacency, walk->wanted,
				   gremc_loss_text(GREMC_LOSS_no_adjacency));
	else if (walk->limited)
		gremc_reply_format(
			reply, key,
			"%u of %u replicas only for packets with a TTL above the threshold that the "
			"kernel has for the interface",
			walk->limited, walk->wanted);
	else
		gremc_reply_text(reply, key, "");
}

static bool has_host_interface(const struct walk *walk, const char *name)
{
	const struct gremc_telemetry_hosts *hosts = &walk->query->telemetry->hosts;
	struct gremc_host_entry entry;

	for (uint32_t i = 0; hosts->count && i < hosts->count(hosts->host); i++)
		if (hosts->entry(hosts->host, i, &entry) && strcmp(entry.name, name) == 0)
			return true;
	return false;
}

/* Where the kernel gets it: by the interface's own device, or by that which all share. IGMP needs none. */
static const char *host_interface_of(const struct walk *walk)
{
	if (has_host_interface(walk, walk->iif_name))
		return walk->iif_name;
	return !walk->native && has_host_interface(walk, GREMC_HOST_INTERFACE) ? GREMC_HOST_INTERFACE : "";
}

static const char *reason_of(const struct walk *walk)
{
	if (walk->punted)
		return gremc_punt_name(walk->class);
	return walk->reason == GREMC_DROP_COUNT ? "" : gremc_drop_name(walk->reason);
}

static const char *text_of(const struct walk *walk)
{
	if (walk->punted)
		return gremc_punt_text(walk->class);
	return walk->reason == GREMC_DROP_COUNT ? "" : gremc_drop_text(walk->reason);
}

static void reply_verdict(const struct walk *walk, struct rte_tel_data *reply)
{
	const bool forward = walk->reason == GREMC_DROP_COUNT;

	gremc_reply_text(reply, "iif", walk->iif_name);
	gremc_reply_address(reply, "source", walk->key.source);
	gremc_reply_address(reply, "group", walk->key.group);
	gremc_reply_text(reply, "verdict", forward ? "forward" : walk->punted ? "punt" : "drop");
	gremc_reply_text(reply, "reason", reason_of(walk));
	gremc_reply_text(reply, "text", text_of(walk));
	reply_detail(walk, reply);
	gremc_reply_text(reply, "host", walk->punted ? host_interface_of(walk) : "");
	gremc_reply_u64(reply, "wanted", walk->wanted);
	gremc_reply_u64(reply, "no_adjacency", walk->no_adjacency);
	gremc_reply_u64(reply, "oif_down", walk->oif_down);
	gremc_reply_u64(reply, "smallest_mtu", walk->smallest_mtu);
}

/* The first of the accepted interfaces by name. */
static void reply_iifs(struct gremc_query *query, const struct gremc_mroute *mroute)
{
	struct rte_tel_data *names = gremc_query_array(query, query->reply, "iif_names", RTE_TEL_STRING_VAL);
	char name[GREMC_VIF_NAME_SIZE];

	for (uint32_t i = 0; i < mroute->iif_count && i < NAMES; i++)
		gremc_reply_item(names, gremc_query_vif_name(query, gremc_mroute_iifs(mroute)[i], name));
}

/* The first of those by name that the packet leaves by. */
static void reply_oifs(const struct walk *walk)
{
	struct gremc_query *query = walk->query;
	struct rte_tel_data *names = gremc_query_array(query, query->reply, "oif_names", RTE_TEL_STRING_VAL);
	const struct gremc_mroute *mroute = walk->mroute;
	char name[GREMC_VIF_NAME_SIZE];
	unsigned named = 0;

	for (uint32_t i = 0; i < mroute->oif_count && named < NAMES; i++) {
		if (mroute->vif[i] == walk->iif || !takes(walk, i))
			continue;
		gremc_reply_item(names, gremc_query_vif_name(query, mroute->vif[i], name));
		named++;
	}
}

static void reply_match(struct gremc_query *query, const struct gremc_mroute *mroute)
{
	struct rte_tel_data *dict = gremc_query_dict(query, query->reply, "mroute");

	gremc_reply_u64(dict, "number", mroute->id);
	gremc_reply_mroute(query, dict, mroute);
	reply_iifs(query, mroute);
}

void gremc_answer_why(struct gremc_query *query)
{
	struct walk walk = {.query = query, .iif_name = query->argument[0]};

	if (!find_iif(&walk) || !find_addresses(&walk))
		return;
	walk.reason = check_packet(&walk);
	if (walk.reason == GREMC_DROP_COUNT)
		walk.reason = look_up(&walk);
	if (walk.reason == GREMC_DROP_COUNT)
		look_out(&walk);
	else
		walk.punted = look_up_the_host(&walk);
	reply_verdict(&walk, query->reply);
	if (has_igmp(&walk) && gremc_ipv4_is_multicast(walk.key.group))
		reply_missing(&walk, query->reply);
	if (walk.mroute)
		reply_match(query, walk.mroute);
	if (walk.reason == GREMC_DROP_COUNT)
		reply_oifs(&walk);
}
