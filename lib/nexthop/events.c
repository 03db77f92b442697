/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's notifications about links, addresses, routes, rules, neighbours and settings. */
#include <errno.h>
#include <sys/epoll.h>

#include <linux/netconf.h>

#include "nexthop/nexthop_priv.h"

#define RECEIVE_BUFFER (16 << 20)
#define READS          32 /* datagrams per turn of the control loop */

#ifndef RTNLGRP_NEXTHOP /* headers before Linux 5.3 */
#	define RTNLGRP_NEXTHOP 32
#	define RTM_NEWNEXTHOP  104
#	define RTM_DELNEXTHOP  105
#endif

/* Everything that can change a route or a neighbour. A nexthop object that is replaced, or a link that goes
 * down, changes routes without a message about any route. */
static const unsigned event_groups[] = {RTNLGRP_LINK,      RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
					RTNLGRP_IPV4_RULE, RTNLGRP_NEIGH,       RTNLGRP_IPV4_NETCONF};

static void link_event_handle(struct gremc_nexthops *nexthops, const struct nlmsghdr *header)
{
	const struct gremc_nexthops_context *context = &nexthops->context;
	bool removed = header->nlmsg_type == RTM_DELLINK;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
	struct gremc_link link;

	/* a bridge reports its ports with link messages of another family */
	if (info->ifi_family != AF_UNSPEC)
		return;
	gremc_link_parse(header, &link);
	context->link_changed(context->argument, &link, removed);
	gremc_nexthop_link_changed(nexthops, &link, removed);
}

/* A change below /proc/sys/net/ipv4/conf. */
static void netconf_event_handle(struct gremc_nexthops *nexthops, const struct nlmsghdr *header)
{
	struct nlattr *attribute;

	mnl_attr_for_each(attribute, header, sizeof(struct netconfmsg))
	{
		if (mnl_attr_get_type(attribute) == NETCONFA_RP_FILTER)
			nexthops->context.rp_filter_changed(nexthops->context.argument);
	}
	gremc_nexthop_routes_changed(nexthops);
}

static int event_handle(const struct nlmsghdr *header, void *argument)
{
	struct gremc_nexthops *nexthops = argument;
	struct gremc_neighbor neighbor;
	struct gremc_prefix to;

	switch (header->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_event_handle(nexthops, header);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		gremc_nexthop_routes_changed(nexthops);
		break;
	case RTM_NEWNETCONF:
		netconf_event_handle(nexthops, header);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (gremc_route_destination_parse(header, &to))
			gremc_nexthop_route_changed(nexthops, &to);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (gremc_neighbor_parse(header, &neighbor))
			gremc_nexthop_neighbor_update(nexthops, &neighbor);
		break;
	}
	return MNL_CB_OK;
}

static void events_read(void *argument)
{
	struct gremc_nexthops *nexthops = argument;

	for (unsigned i = 0; i < READS; i++) {
		size_t length;

		switch (gremc_netlink_events_receive(&nexthops->events, &length)) {
		case GREMC_NETLINK_MESSAGES:
			(void)mnl_cb_run(nexthops->events.buffer, length, 0, 0, event_handle, nexthops);
			break;
		case GREMC_NETLINK_OVERFLOW:
			break;
		case GREMC_NETLINK_RESYNC:
			nexthops->resync_due = true;
			return;
		case GREMC_NETLINK_EMPTY:
			return;
		}
	}
}

int gremc_nexthop_events_open(struct gremc_nexthops *nexthops)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &nexthops->watch};
	int rc = gremc_netlink_events_open(&nexthops->events, event_groups, RTE_DIM(event_groups),
					   RECEIVE_BUFFER);

	if (rc)
		return rc;
	nexthops->watch = (struct gremc_watch){.ready = events_read, .argument = nexthops};
	/* kernels before 5.3 have no nexthop objects */
	if (gremc_netlink_events_join(&nexthops->events, RTNLGRP_NEXTHOP))
		GREMC_LOG(DEBUG, "the kernel announces no nexthop objects");
	return epoll_ctl(nexthops->context.epoll, EPOLL_CTL_ADD, gremc_netlink_events_fd(&nexthops->events),
			 &event)
		       ? -errno
		       : 0;
}

void gremc_nexthop_events_close(struct gremc_nexthops *nexthops)
{
	if (nexthops->events.socket)
		(void)epoll_ctl(nexthops->context.epoll, EPOLL_CTL_DEL,
				gremc_netlink_events_fd(&nexthops->events), NULL);
	gremc_netlink_events_close(&nexthops->events);
}
