/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "netlink/netlink.h"

int gremc_link_set(struct gremc_netlink *netlink, unsigned ifindex,
		   const struct gremc_link_settings *settings)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_NEWLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request, sizeof(*link));

	gremc_assert(!(settings->up && settings->down));
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = ifindex;
	if (settings->up || settings->down) {
		link->ifi_change = IFF_UP;
		link->ifi_flags = settings->up ? IFF_UP : 0;
	}
	if (settings->mtu)
		mnl_attr_put_u32(request, IFLA_MTU, settings->mtu);
	if (settings->tx_queue)
		mnl_attr_put_u32(request, IFLA_TXQLEN, settings->tx_queue);
	if (settings->gso_segments)
		mnl_attr_put_u32(request, IFLA_GSO_MAX_SEGS, settings->gso_segments);
	if (settings->mac)
		mnl_attr_put(request, IFLA_ADDRESS, sizeof(*settings->mac), settings->mac);
	if (settings->name)
		mnl_attr_put_strz(request, IFLA_IFNAME, settings->name);
	return gremc_netlink_send(netlink, request, NULL, NULL);
}

int gremc_link_remove(struct gremc_netlink *netlink, unsigned ifindex)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_DELLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	link->ifi_index = ifindex;
	return gremc_netlink_send(netlink, request, NULL, NULL);
}

struct link_query {
	struct gremc_link *link;
	bool found;
};

/* The kind of the link and of its master, which are nested in IFLA_LINKINFO. */
static void link_kind_parse(const struct nlattr *info, struct gremc_link *link)
{
	struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, info)
	{
		if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
			gremc_text_copy(link->kind, sizeof(link->kind), mnl_attr_get_str(attribute));
		else if (mnl_attr_get_type(attribute) == IFLA_INFO_SLAVE_KIND)
			link->in_vrf = strcmp(mnl_attr_get_str(attribute), "vrf") == 0;
	}
}

void gremc_link_parse(const struct nlmsghdr *header, struct gremc_link *link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
	struct nlattr *attribute;

	*link = (struct gremc_link){.ifindex = info->ifi_index, .flags = info->ifi_flags};
	mnl_attr_for_each(attribute, header, sizeof(*info))
	{
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME:
			gremc_text_copy(link->name, sizeof(link->name), mnl_attr_get_str(attribute));
			break;
		case IFLA_LINKINFO:
			link_kind_parse(attribute, link);
			break;
		case IFLA_MASTER:
			link->master = mnl_attr_get_u32(attribute);
			break;
		case IFLA_MTU:
			link->mtu = mnl_attr_get_u32(attribute);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attribute) == sizeof(link->mac))
				memcpy(&link->mac, mnl_attr_get_payload(attribute), sizeof(link->mac));
			break;
		}
	}
}

static int link_answer_parse(const struct nlmsghdr *header, void *argument)
{
	struct link_query *query = argument;

	gremc_link_parse(header, query->link);
	query->found = true;
	return MNL_CB_OK;
}

static int link_request_send(struct gremc_netlink *netlink, const char *name, unsigned ifindex,
			     struct gremc_link *link)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_GETLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	struct link_query query = {.link = link};
	int rc;

	info->ifi_family = AF_UNSPEC;
	info->ifi_index = ifindex;
	if (name)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	rc = gremc_netlink_send(netlink, request, link_answer_parse, &query);
	return rc ? rc : query.found ? 0 : -ENODEV;
}

int gremc_link_get(struct gremc_netlink *netlink, const char *name, struct gremc_link *link)
{
	return link_request_send(netlink, name, 0, link);
}

unsigned gremc_link_vrf(struct gremc_netlink *netlink, unsigned ifindex)
{
	struct gremc_link link;

	return ifindex && link_request_send(netlink, NULL, ifindex, &link) == 0 && link.in_vrf ? link.master
											       : 0;
}
