/* SPDX-License-Identifier: BSD-3-Clause */
/* The decisions of the data path (datapath/decision.h) about a hypothetical packet. */
#include <string.h>

#include "proto/proto.h"
#include "telemetry/why_priv.h"

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

/* Parse argument `i` as an address of a packet. Returns: false: the reply has the error. */
static bool address_argument_parse(struct gremc_query *query, unsigned i, const char *name,
				   const char *example, rte_be32_t *key)
{
	struct gremc_addr address;

	if (gremc_addr_parse(query->argument[i], &address) || address.family != GREMC_FAMILY_IPV4) {
		gremc_query_error(query, "%s '%.20s' is not an IPv4 address; right would be %s", name,
				  query->argument[i], example);
		return false;
	}
	*key = gremc_addr_to_ipv4(&address);
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

/* The policy of the incoming interface. */
static enum gremc_drop input_policy_check(const struct packet_query *packet_query)
{
	const struct gremc_policy *policy =
		packet_query->iif == GREMC_VIF_NONE
			? NULL
			: gremc_policy_load(packet_query->query->telemetry->vifs, packet_query->iif);

	return policy ? gremc_policy_check_input(policy, packet_query->key.source, packet_query->key.group)
		      : GREMC_DROP_NONE;
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
	return error == GREMC_PROTO_OK ? input_policy_check(packet_query) : gremc_drop_from_proto(error);
}

/* Whether outgoing interface `i` gets a replica of packets of this source with some TTL, or loses it. */
static bool oif_is_requested(const struct packet_query *packet_query, uint32_t i)
{
	const struct gremc_mroute *mroute = packet_query->mroute;

	return i != packet_query->oif_skip &&
	       (!mroute->limited || gremc_oif_requests(packet_query->query->telemetry->vifs, mroute, i,
						       UINT8_MAX, packet_query->key.source));
}

/* The reason for which the policy of outgoing interface `i` forbids a replica. */
static enum gremc_tx_drop oif_policy_check(const struct packet_query *packet_query, uint32_t i)
{
	return packet_query->mroute->limited
		       ? gremc_oif_policy_check(packet_query->query->telemetry->vifs,
						packet_query->mroute->vif[i], UINT8_MAX,
						packet_query->key.source, packet_query->key.group)
		       : GREMC_TX_DROP_NONE;
}

bool gremc_why_oif_accepts(const struct packet_query *packet_query, uint32_t i)
{
	return oif_is_requested(packet_query, i) && oif_policy_check(packet_query, i) == GREMC_TX_DROP_NONE;
}

/* Whether only packets above a TTL threshold of the kernel, or of the policy, leave by outgoing interface
 * `i`. */
static bool oif_has_threshold(const struct packet_query *packet_query, uint32_t i)
{
	const struct gremc_mroute *mroute = packet_query->mroute;
	const struct gremc_policy *policy =
		gremc_policy_load(packet_query->query->telemetry->vifs, mroute->vif[i]);

	if (!mroute->limited)
		return false;
	return (gremc_mroute_thresholds(mroute)[i] > 0 &&
		gremc_mroute_thresholds(mroute)[i] != GREMC_THRESHOLD_SOURCES) ||
	       (policy && policy->ttl_threshold > 0);
}

/* Count the replicas of a mroute whose RPF check passes. */
static enum gremc_drop oifs_count(struct packet_query *packet_query)
{
	const struct gremc_mroute *mroute = packet_query->mroute;

	if (mroute->limited && !gremc_fanout_is_allowed(packet_query->query->telemetry->vifs, mroute,
							packet_query->iif, packet_query->oif_skip))
		return GREMC_DROP_fanout_limit;
	for (uint32_t i = 0; i < mroute->oif_count; i++) {
		enum gremc_tx_drop reason;

		if (!oif_is_requested(packet_query, i))
			continue;
		packet_query->wanted++;
		reason = oif_policy_check(packet_query, i);
		if (reason != GREMC_TX_DROP_NONE) {
			packet_query->policy++;
			packet_query->policy_reason = reason;
			continue;
		}
		packet_query->limited += oif_has_threshold(packet_query, i);
	}
	return packet_query->wanted ? GREMC_DROP_NONE
				    : gremc_conditional_drop_reason(mroute, packet_query->oif_skip);
}

/* The lookup stage: longest match, RPF check, split horizon. */
static enum gremc_drop mroute_lookup(struct packet_query *packet_query)
{
	gremc_fanout_lookup_bulk(gremc_fanout_at(packet_query->query->telemetry->fanout, SOCKET_ID_ANY),
				 &packet_query->key, 1, &packet_query->mroute);
	if (packet_query->mroute == NULL)
		return GREMC_DROP_no_mroute;
	switch (gremc_rpf_check(&packet_query->mroute, packet_query->iif, &packet_query->oif_skip)) {
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

		if (!gremc_why_oif_accepts(packet_query, i))
			continue;
		encap = gremc_encap_from_key(gremc_encap_key_load(&vifs->encap[mroute->vif[i]]));
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

bool gremc_why_decide(struct packet_query *packet_query)
{
	if (!iif_argument_find(packet_query) ||
	    !address_argument_parse(packet_query->query, 1, "SOURCE", "10.1.1.1",
				    &packet_query->key.source) ||
	    !address_argument_parse(packet_query->query, 2, "GROUP", "239.1.1.1", &packet_query->key.group))
		return false;
	packet_query->reason = input_check(packet_query);
	if (packet_query->reason == GREMC_DROP_NONE)
		packet_query->reason = mroute_lookup(packet_query);
	if (packet_query->reason == GREMC_DROP_NONE)
		oifs_check(packet_query);
	else
		packet_query->punted = punt_lookup(packet_query);
	return true;
}
