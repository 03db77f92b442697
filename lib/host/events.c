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
static const unsigned groups[] = {RTNLGRP_LINK,      RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
				  RTNLGRP_IPV4_RULE, RTNLGRP_NEIGH,       RTNLGRP_IPV4_NETCONF};

static void take_link(struct gremc_mirror *mirror, const struct nlmsghdr *header)
{
	bool gone = header->nlmsg_type == RTM_DELLINK;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
	struct gremc_link link;

	/* a bridge speaks of its ports as links, too */
	if (info->ifi_family != AF_UNSPEC)
		return;
	gremc_link_read(header, &link);
	gremc_host_link_changed(mirror->host, &link, gone);
	gremc_mirror_link(mirror, &link, gone);
}

static void take_route(struct gremc_mirror *mirror, const struct nlmsghdr *header)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	struct gremc_prefix to = {.length = message->rtm_dst_len};
	struct nlattr *attribute;

	if (message->rtm_family != AF_INET || message->rtm_flags & RTM_F_CLONED)
		return;
	mnl_attr_for_each(attribute, header, sizeof(*message)) if (mnl_attr_get_type(attribute) == RTA_DST)
		to.address = mnl_attr_get_u32(attribute);
	gremc_mirror_route(mirror, &to);
}

/* A setting of /proc/sys/net/ipv4/conf. */
static void take_setting(struct gremc_mirror *mirror, const struct nlmsghdr *header)
{
	struct nlattr *attribute;

	mnl_attr_for_each(attribute, header,
			  sizeof(struct netconfmsg)) if (mnl_attr_get_type(attribute) == NETCONFA_RP_FILTER)
		mirror->host->rp_filter_due = true;
	gremc_mirror_all_changed(mirror);
}

static int take(const struct nlmsghdr *header, void *argument)
{
	struct gremc_mirror *mirror = argument;
	struct gremc_neighbor neighbor;

	switch (header->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		take_link(mirror, header);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		gremc_mirror_all_changed(mirror);
		break;
	case RTM_NEWNETCONF:
		take_setting(mirror, header);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		take_route(mirror, header);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (gremc_neighbor_read(header, &neighbor))
			gremc_mirror_neighbor(mirror, &neighbor);
		break;
	}
	return MNL_CB_OK;
}

/* After an overrun the kernel says nothing new, and nothing of that, until the socket is empty: only what is
 * looked at then is all there is. */
static void ready(void *argument)
{
	struct gremc_mirror *mirror = argument;

	for (unsigned i = 0; i < READS; i++) {
		ssize_t n = mnl_socket_recvfrom(mirror->events, mirror->buffer, sizeof(mirror->buffer));

		if (n < 0 && errno == ENOBUFS) {
			mirror->lost = true;
			continue;
		}
		if (n <= 0) {
			mirror->overrun |= mirror->lost;
			mirror->lost = false;
			return;
		}
		mnl_cb_run(mirror->buffer, n, 0, 0, take, mirror);
	}
}

static int join(const struct gremc_mirror *mirror, unsigned group)
{
	return mnl_socket_setsockopt(mirror->events, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) ? -errno
												    : 0;
}

int gremc_events_open(struct gremc_mirror *mirror)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &mirror->watch};
	int size = RECEIVE_BUFFER, fd;

	mirror->watch = (struct gremc_watch){.ready = ready, .argument = mirror};
	mirror->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (mirror->events == NULL || mnl_socket_bind(mirror->events, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(mirror->events);
	/* more than the limit for all, where we may; less, where not, is an overrun sooner */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (unsigned i = 0; i < RTE_DIM(groups); i++) {
		int rc = join(mirror, groups[i]);

		if (rc)
			return rc;
	}
	/* kernels before 5.3 have no nexthop objects */
	if (join(mirror, RTNLGRP_NEXTHOP))
		GREMC_LOG(DEBUG, "the kernel announces no nexthop objects");
	return epoll_ctl(mirror->host->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

void gremc_events_close(struct gremc_mirror *mirror)
{
	if (mirror->events == NULL)
		return;
	epoll_ctl(mirror->host->epoll, EPOLL_CTL_DEL, mnl_socket_get_fd(mirror->events), NULL);
	mnl_socket_close(mirror->events);
}
