/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "netlink/netlink.h"

static void neighbor_address_put(struct nlmsghdr *request, struct ndmsg *message,
				 const struct gremc_addr *address)
{
	message->ndm_family = address->family == GREMC_FAMILY_IPV4 ? AF_INET : AF_INET6;
	gremc_attribute_addr_put(request, NDA_DST, address);
}

int gremc_neighbor_use(struct gremc_netlink *netlink, unsigned ifindex, const struct gremc_addr *address)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_NEWNEIGH, NLM_F_CREATE);
	struct ndmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->ndm_ifindex = ifindex;
	message->ndm_flags = NTF_USE;
	neighbor_address_put(request, message, address);
	return gremc_netlink_send(netlink, request, NULL, NULL);
}

bool gremc_neighbor_parse(const struct nlmsghdr *header, struct gremc_neighbor *neighbor)
{
	const struct ndmsg *message = mnl_nlmsg_get_payload(header);
	struct nlattr *attribute;

	if (message->ndm_family != AF_INET && message->ndm_family != AF_INET6)
		return false;
	*neighbor = (struct gremc_neighbor){.ifindex = message->ndm_ifindex, .state = message->ndm_state};
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		if (mnl_attr_get_type(attribute) == NDA_DST)
			neighbor->address = gremc_attribute_addr_get(attribute);
		else if (mnl_attr_get_type(attribute) == NDA_LLADDR &&
			 mnl_attr_get_payload_len(attribute) == sizeof(neighbor->mac))
			memcpy(&neighbor->mac, mnl_attr_get_payload(attribute), sizeof(neighbor->mac));
	}
	if (header->nlmsg_type == RTM_DELNEIGH)
		neighbor->state = NUD_NONE;
	return true;
}

static int neighbor_answer_parse(const struct nlmsghdr *header, void *argument)
{
	gremc_neighbor_parse(header, argument);
	return MNL_CB_OK;
}

int gremc_neighbor_get(struct gremc_netlink *netlink, unsigned ifindex, const struct gremc_addr *address,
		       struct gremc_neighbor *neighbor)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_GETNEIGH, 0);
	struct ndmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	*neighbor = (struct gremc_neighbor){.ifindex = ifindex, .address = *address, .state = NUD_NONE};
	message->ndm_ifindex = ifindex;
	neighbor_address_put(request, message, address);
	return gremc_netlink_send(netlink, request, neighbor_answer_parse, neighbor);
}
