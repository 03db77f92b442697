/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel says has changed: links, addresses, routes, neighbours. */
#include <errno.h>
#include <sys/epoll.h>

#include <linux/netconf.h>

#include "host/mirror_priv.h"

#define RECEIVE_BUFFER (16 << 20)
#define READS          32 /* before the loop looks at packets again */

#ifndef RTNLGRP_NEXTHOP /* headers before Linux 5.3 */
#	define RTNLGRP_NEXTHOP 32
#	define RTM_NEWNEXTHOP  104
#	define RTM_DELNEXTHOP  105
#endif

/* All that can change a route or a neighbour. A nexthop object that is replaced, or a link that goes down,
 * changes routes without a message about any route. */
static const unsigned event_groups[] = {RTNLGRP_LINK,      RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
					RTNLGRP_IPV4_RULE, RTNLGRP_NEIGH,       RTNLGRP_IPV4_NETCONF};

static void link_event_handle(struct gremc_nexthops *nexthops, const struct nlmsghdr *header)
{
	bool gone = header->nlmsg_type == RTM_DELLINK;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
	struct gremc_link link;

	/* a bridge speaks of its ports as links, too */
	if (info->ifi_family != AF_UNSPEC)
		return;
	gremc_link_parse(header, &link);
	gremc_host_link_changed(nexthops->host, &link, gone);
	gremc_nexthops_link_changed(nexthops, &link, gone);
}

static void route_event_handle(struct gremc_nexthops *nexthops, const struct nlmsghdr *header)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	struct gremc_prefix to = {.length = message->rtm_dst_len};
	struct nlattr *attribute;

	if (message->rtm_family != AF_INET || message->rtm_flags & RTM_F_CLONED)
		return;
	mnl_attr_for_each(attribute, header, sizeof(*message)) if (mnl_attr_get_type(attribute) == RTA_DST)
		to.address = mnl_attr_get_u32(attribute);
	gremc_nexthops_route_changed(nexthops, &to);
}

/* A setting of /proc/sys/net/ipv4/conf. */
static void netconf_event_handle(struct gremc_nexthops *nexthops, const struct nlmsghdr *header)
{
	struct nlattr *attribute;

	mnl_attr_for_each(attribute, header,
			  sizeof(struct netconfmsg)) if (mnl_attr_get_type(attribute) == NETCONFA_RP_FILTER)
		nexthops->host->rp_filter_due = true;
	gremc_nexthops_all_changed(nexthops);
}

static int event_handle(const struct nlmsghdr *header, void *argument)
{
	struct gremc_nexthops *nexthops = argument;
	struct gremc_neighbor neighbor;

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
		gremc_nexthops_all_changed(nexthops);
		break;
	case RTM_NEWNETCONF:
		netconf_event_handle(nexthops, header);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		route_event_handle(nexthops, header);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (gremc_neighbor_parse(header, &neighbor))
			gremc_nexthops_neighbor_update(nexthops, &neighbor);
		break;
	}
	return MNL_CB_OK;
}

/* After an overrun the kernel says nothing new, and nothing of that, until the socket is empty: only what is
 * looked at then is all there is. */
static void events_read(void *argument)
{
	struct gremc_nexthops *nexthops = argument;

	for (unsigned i = 0; i < READS; i++) {
		ssize_t n = mnl_socket_recvfrom(nexthops->events, nexthops->buffer, sizeof(nexthops->buffer));

		if (n < 0 && errno == ENOBUFS) {
			nexthops->events_lost = true;
			continue;
		}
		if (n <= 0) {
			nexthops->overrun |= nexthops->events_lost;
			nexthops->events_lost = false;
			return;
		}
		mnl_cb_run(nexthops->buffer, n, 0, 0, event_handle, nexthops);
	}
}

static int event_group_join(const struct gremc_nexthops *nexthops, unsigned group)
{
	return mnl_socket_setsockopt(nexthops->events, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) ? -errno
												      : 0;
}

int gremc_nexthops_events_open(struct gremc_nexthops *nexthops)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &nexthops->watch};
	int size = RECEIVE_BUFFER, fd;

	nexthops->watch = (struct gremc_watch){.ready = events_read, .argument = nexthops};
	nexthops->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (nexthops->events == NULL || mnl_socket_bind(nexthops->events, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(nexthops->events);
	/* more than the limit for all, where we may; less, where not, is an overrun sooner */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (unsigned i = 0; i < RTE_DIM(event_groups); i++) {
		int rc = event_group_join(nexthops, event_groups[i]);

		if (rc)
			return rc;
	}
	/* kernels before 5.3 have no nexthop objects */
	if (event_group_join(nexthops, RTNLGRP_NEXTHOP))
		GREMC_LOG(DEBUG, "the kernel announces no nexthop objects");
	return epoll_ctl(nexthops->host->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

void gremc_nexthops_events_close(struct gremc_nexthops *nexthops)
{
	if (nexthops->events == NULL)
		return;
	epoll_ctl(nexthops->host->epoll, EPOLL_CTL_DEL, mnl_socket_get_fd(nexthops->events), NULL);
	mnl_socket_close(nexthops->events);
}
