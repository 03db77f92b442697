/* SPDX-License-Identifier: BSD-3-Clause */
/* Parses RTM_NEWROUTE and RTM_DELROUTE of the family IPMR, which net/ipv4/ipmr_base.c of Linux writes. */
#include <string.h>

#include "mfc/mfc.h"

/* The attributes of one message; NULL: absent. */
struct mroute_attributes {
	const struct nlattr *source, *group, *iif, *multipath, *table;
};

static int mroute_attribute_collect(const struct nlattr *attribute, void *data)
{
	struct mroute_attributes *found = data;

	switch (mnl_attr_get_type(attribute)) {
	case RTA_SRC:
		found->source = attribute;
		break;
	case RTA_DST:
		found->group = attribute;
		break;
	case RTA_IIF:
		found->iif = attribute;
		break;
	case RTA_MULTIPATH:
		found->multipath = attribute;
		break;
	case RTA_TABLE:
		found->table = attribute;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

/* Parse a value of 32 bits; an absent attribute is 0. Returns: false: the attribute has another size. */
static bool attribute_u32_parse(const struct nlattr *attribute, uint32_t *value)
{
	*value = 0;
	if (attribute == NULL)
		return true;
	if (mnl_attr_get_payload_len(attribute) != sizeof(*value))
		return false;
	memcpy(value, mnl_attr_get_payload(attribute), sizeof(*value));
	return true;
}

/* Parse an IPv4 address; an absent attribute or 0.0.0.0 is no address. Returns: as attribute_u32_parse(). */
static bool attribute_address_parse(const struct nlattr *attribute, struct gremc_addr *address)
{
	rte_be32_t value;

	if (!attribute_u32_parse(attribute, &value))
		return false;
	*address = gremc_addr_from_ipv4_or_none(value);
	return true;
}

/* Parse the outgoing interfaces, a sequence of struct rtnexthop. Those beyond GREMC_MFC_OIFS_MAX are counted
 * only. Returns: false: a length is wrong. */
static bool oifs_parse(const struct nlattr *attribute, struct gremc_mfc_message *message, uint32_t *count)
{
	const uint8_t *at = mnl_attr_get_payload(attribute);
	size_t left = mnl_attr_get_payload_len(attribute);

	while (left >= sizeof(struct rtnexthop)) {
		struct rtnexthop hop;
		size_t step;

		memcpy(&hop, at, sizeof(hop));
		step = RTNH_ALIGN(hop.rtnh_len);
		if (hop.rtnh_len < sizeof(hop) || step > left)
			return false;
		if (*count < GREMC_MFC_OIFS_MAX) {
			message->thresholds[*count] = hop.rtnh_hops;
			message->oifs[*count] = (uint32_t)hop.rtnh_ifindex;
			message->oif_count = *count + 1;
		}
		(*count)++;
		at += step;
		left -= step;
	}
	return left == 0;
}

static bool mroute_attributes_parse(const struct mroute_attributes *found, struct gremc_mfc_message *message,
				    uint32_t *table, uint32_t *oif_count)
{
	return attribute_address_parse(found->source, &message->source) &&
	       attribute_address_parse(found->group, &message->group) &&
	       attribute_u32_parse(found->iif, &message->iif) && attribute_u32_parse(found->table, table) &&
	       (found->multipath == NULL || oifs_parse(found->multipath, message, oif_count));
}

enum gremc_mfc_message_kind gremc_mfc_message_parse(const struct nlmsghdr *header,
						    struct gremc_mfc_message *message)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(header);
	struct mroute_attributes found = {0};
	uint32_t table, oif_count = 0;

	*message = (struct gremc_mfc_message){0};
	if (header->nlmsg_type != RTM_NEWROUTE && header->nlmsg_type != RTM_DELROUTE)
		return GREMC_MFC_OTHER;
	if (mnl_nlmsg_get_payload_len(header) < sizeof(*route))
		return GREMC_MFC_MALFORMED;
	if (route->rtm_family != RTNL_FAMILY_IPMR || route->rtm_type != RTN_MULTICAST)
		return GREMC_MFC_OTHER;
	if (mnl_attr_parse(header, sizeof(*route), mroute_attribute_collect, &found) < 0 ||
	    found.group == NULL || !mroute_attributes_parse(&found, message, &table, &oif_count))
		return GREMC_MFC_MALFORMED;
	if (found.table == NULL)
		table = route->rtm_table;
	if (table != RT_TABLE_DEFAULT)
		return GREMC_MFC_OTHER_TABLE;
	if (gremc_addr_is_set(&message->group) && !gremc_addr_is_multicast(&message->group))
		return GREMC_MFC_MALFORMED;
	if (header->nlmsg_type == RTM_DELROUTE)
		return GREMC_MFC_REMOVED;
	if (oif_count > GREMC_MFC_OIFS_MAX)
		return GREMC_MFC_TOO_MANY_OIFS;
	/* a route without an iif holds packets that wait for the daemon */
	return message->iif == 0 ? GREMC_MFC_UNRESOLVED : GREMC_MFC_SET;
}
