/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "netlink/netlink.h"

int gremc_address_set(struct gremc_netlink *netlink, unsigned ifindex,
		      const struct gremc_link_address *address, bool add)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, add ? RTM_NEWADDR : RTM_DELADDR,
							      add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	const bool point_to_point =
		gremc_addr_is_set(&address->peer) && !gremc_addr_is_equal(&address->peer, &address->address);
	const rte_be32_t ipv4 = gremc_addr_to_ipv4(&address->address);
	int rc;

	gremc_assert(address->length <= 32);
	message->ifa_family = AF_INET;
	message->ifa_prefixlen = address->length;
	message->ifa_scope = RT_SCOPE_UNIVERSE;
	message->ifa_index = ifindex;
	gremc_attribute_addr_put(request, IFA_LOCAL, &address->address);
	gremc_attribute_addr_put(request, IFA_ADDRESS, point_to_point ? &address->peer : &address->address);
	if (!point_to_point && address->length < 31)
		mnl_attr_put_u32(request, IFA_BROADCAST, ipv4 | ~gremc_ipv4_mask(address->length));
	/* Kernels before 5.18 ignore this attribute. */
	mnl_attr_put_u8(request, GREMC_IFA_PROTO, GREMC_RTPROT);
	rc = gremc_netlink_send(netlink, request, NULL, NULL);
	return rc == -EADDRNOTAVAIL && !add ? 0 : rc;
}

struct address_visit {
	unsigned ifindex;
	gremc_address_visitor *visit;
	void *argument;
};

static int address_message_visit(const struct nlmsghdr *header, void *argument)
{
	const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
	const struct address_visit *context = argument;
	struct gremc_link_address address = {.length = message->ifa_prefixlen};
	struct nlattr *attribute;
	uint8_t protocol = 0;

	if (message->ifa_family != AF_INET || message->ifa_index != context->ifindex)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		if (mnl_attr_get_type(attribute) == IFA_LOCAL)
			address.address = gremc_attribute_addr_get(attribute);
		else if (mnl_attr_get_type(attribute) == IFA_ADDRESS)
			address.peer = gremc_attribute_addr_get(attribute);
		else if (mnl_attr_get_type(attribute) == GREMC_IFA_PROTO)
			protocol = mnl_attr_get_u8(attribute);
	}
	if (gremc_addr_is_equal(&address.peer, &address.address))
		address.peer = (struct gremc_addr){0};
	context->visit(context->argument, &address, protocol);
	return MNL_CB_OK;
}

int gremc_address_each(struct gremc_netlink *netlink, unsigned ifindex, gremc_address_visitor *visit,
		       void *argument)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	struct address_visit context = {.ifindex = ifindex, .visit = visit, .argument = argument};

	message->ifa_family = AF_INET;
	message->ifa_index = ifindex;
	return gremc_netlink_dump(netlink, request, address_message_visit, &context);
}
