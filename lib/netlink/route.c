/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "netlink/netlink.h"

int gremc_route_set(struct gremc_netlink *netlink, unsigned ifindex, const struct gremc_link_route *route,
		    enum gremc_route_verb verb)
{
	static const uint16_t flags[] = {
		[GREMC_ROUTE_ADD] = NLM_F_CREATE | NLM_F_EXCL,
		[GREMC_ROUTE_REPLACE] = NLM_F_CREATE | NLM_F_REPLACE,
		[GREMC_ROUTE_REMOVE] = 0,
	};
	struct nlmsghdr *request = gremc_netlink_request_init(
		netlink, verb == GREMC_ROUTE_REMOVE ? RTM_DELROUTE : RTM_NEWROUTE, flags[verb]);
	struct rtmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	int rc;

	gremc_assert(route->to.address.family == GREMC_FAMILY_IPV4 && route->to.length <= 32);
	message->rtm_family = AF_INET;
	message->rtm_dst_len = (uint8_t)route->to.length;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = GREMC_RTPROT;
	message->rtm_scope = gremc_addr_is_set(&route->via) ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	message->rtm_type = RTN_UNICAST;
	message->rtm_flags = route->on_link ? RTNH_F_ONLINK : 0;
	gremc_attribute_addr_put(request, RTA_DST, &route->to.address);
	if (gremc_addr_is_set(&route->via))
		gremc_attribute_addr_put(request, RTA_GATEWAY, &route->via);
	mnl_attr_put_u32(request, RTA_OIF, ifindex);
	rc = gremc_netlink_send(netlink, request, NULL, NULL);
	return rc == -ESRCH && verb == GREMC_ROUTE_REMOVE ? 0 : rc;
}

/* Parse a route message. RTA_TABLE overrides the header's table, which has 8 bits only.
 * Returns: false: the message is not about a plain IPv4 route (another family, a TOS, or a cache entry). */
static bool route_message_parse(const struct nlmsghdr *header, struct gremc_kernel_route *route,
				uint32_t *table)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	struct nlattr *attribute;

	*route = (struct gremc_kernel_route){.to = GREMC_PREFIX_IPV4(0, message->rtm_dst_len),
					     .protocol = message->rtm_protocol,
					     .is_unicast = message->rtm_type == RTN_UNICAST};
	*table = message->rtm_table;
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		switch (mnl_attr_get_type(attribute)) {
		case RTA_DST:
			route->to.address = gremc_attribute_addr_get(attribute);
			break;
		case RTA_OIF:
			route->ifindex = mnl_attr_get_u32(attribute);
			break;
		case RTA_GATEWAY:
			route->via = gremc_attribute_addr_get(attribute);
			break;
		case RTA_PRIORITY:
			route->metric = mnl_attr_get_u32(attribute);
			break;
		case RTA_TABLE:
			*table = mnl_attr_get_u32(attribute);
			break;
		}
	}
	return message->rtm_family == AF_INET && message->rtm_tos == 0 &&
	       (message->rtm_flags & RTM_F_CLONED) == 0;
}

struct route_visit {
	unsigned ifindex; /* 0: routes by every link */
	gremc_route_visitor *visit;
	void *argument;
};

static int route_message_visit(const struct nlmsghdr *header, void *argument)
{
	const struct route_visit *context = argument;
	struct gremc_kernel_route route;
	uint32_t table;

	if (route_message_parse(header, &route, &table) && table == RT_TABLE_MAIN &&
	    (context->ifindex == 0 || context->ifindex == route.ifindex))
		context->visit(context->argument, &route);
	return MNL_CB_OK;
}

int gremc_route_each(struct gremc_netlink *netlink, unsigned ifindex, uint8_t protocol,
		     gremc_route_visitor *visit, void *argument)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	struct route_visit context = {.ifindex = ifindex, .visit = visit, .argument = argument};

	message->rtm_family = AF_INET;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = protocol;
	return gremc_netlink_dump(netlink, request, route_message_visit, &context);
}

/* An IPv4 route may have an IPv6 next hop (RFC 5549). */
static void gateway_parse(const struct nlattr *attribute, struct gremc_addr *via)
{
	const struct rtvia *gateway = mnl_attr_get_payload(attribute);
	size_t length = mnl_attr_get_payload_len(attribute);

	if (length < sizeof(*gateway) + sizeof(via->bytes) || gateway->rtvia_family != AF_INET6)
		return;
	memcpy(via->bytes, gateway->rtvia_addr, sizeof(via->bytes));
	via->family = GREMC_FAMILY_IPV6;
}

static int next_hop_answer_parse(const struct nlmsghdr *header, void *argument)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	struct gremc_kernel_next_hop *next_hop = argument;
	struct nlattr *attribute;

	next_hop->unicast = message->rtm_type == RTN_UNICAST;
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		if (mnl_attr_get_type(attribute) == RTA_OIF)
			next_hop->ifindex = mnl_attr_get_u32(attribute);
		else if (mnl_attr_get_type(attribute) == RTA_GATEWAY)
			next_hop->via = gremc_attribute_addr_get(attribute);
		else if (mnl_attr_get_type(attribute) == RTA_VIA)
			gateway_parse(attribute, &next_hop->via);
	}
	return MNL_CB_OK;
}

static int next_hop_request_send(struct gremc_netlink *netlink, const struct gremc_addr *to,
				 const struct gremc_addr *from, unsigned vrf,
				 struct gremc_kernel_next_hop *next_hop)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_GETROUTE, 0);
	struct rtmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	*next_hop = (struct gremc_kernel_next_hop){0};
	message->rtm_family = AF_INET;
	message->rtm_dst_len = 32;
	gremc_attribute_addr_put(request, RTA_DST, to);
	if (gremc_addr_is_set(from)) {
		message->rtm_src_len = 32;
		gremc_attribute_addr_put(request, RTA_SRC, from);
	}
	if (vrf)
		mnl_attr_put_u32(request, RTA_OIF, vrf);
	return gremc_netlink_send(netlink, request, next_hop_answer_parse, next_hop);
}

int gremc_route_lookup(struct gremc_netlink *netlink, const struct gremc_addr *to,
		       const struct gremc_addr *from, unsigned vrf, struct gremc_kernel_next_hop *next_hop)
{
	const struct gremc_addr any = {0};
	int rc;

	gremc_assert(to->family == GREMC_FAMILY_IPV4 && from->family != GREMC_FAMILY_IPV6);
	rc = next_hop_request_send(netlink, to, from, vrf, next_hop);

	/* The kernel rejects a source address that none of its links has. */
	if (rc == -EINVAL)
		rc = next_hop_request_send(netlink, to, &any, vrf, next_hop);
	if (rc)
		return rc;
	return next_hop->unicast && next_hop->ifindex ? 0 : -ENETUNREACH;
}

bool gremc_route_destination_parse(const struct nlmsghdr *header, struct gremc_prefix *to)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	struct nlattr *attribute;

	if (message->rtm_family != AF_INET || message->rtm_flags & RTM_F_CLONED)
		return false;
	*to = (struct gremc_prefix)GREMC_PREFIX_IPV4(0, message->rtm_dst_len);
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		if (mnl_attr_get_type(attribute) == RTA_DST)
			to->address = gremc_attribute_addr_get(attribute);
	}
	return true;
}
