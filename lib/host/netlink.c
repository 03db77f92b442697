/* SPDX-License-Identifier: BSD-3-Clause */
/* rtnetlink: a socket for questions, answered before the call returns. The kernel answers a request while it
 * is being sent, so nothing here waits for anybody. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "host/host_priv.h"

int gremc_netlink_open(struct gremc_netlink *netlink)
{
	*netlink = (struct gremc_netlink){.sequence = time(NULL)};
	netlink->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (netlink->socket == NULL)
		return -errno;
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		gremc_netlink_close(netlink);
		return -error;
	}
	netlink->port = mnl_socket_get_portid(netlink->socket);
	return 0;
}

void gremc_netlink_close(struct gremc_netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

struct nlmsghdr *gremc_netlink_request_init(struct gremc_netlink *netlink, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(netlink->request);

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	return header;
}

int gremc_netlink_send(struct gremc_netlink *netlink, struct nlmsghdr *request, mnl_cb_t answer,
		       void *argument)
{
	char *buffer = netlink->answer;
	ssize_t length;
	int rc;

	request->nlmsg_seq = ++netlink->sequence;
	/* without an answer of its own the request is acknowledged */
	if (answer == NULL)
		request->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		length = mnl_socket_recvfrom(netlink->socket, buffer, sizeof(netlink->answer));
		if (length < 0)
			return -errno;
		rc = mnl_cb_run(buffer, length, request->nlmsg_seq, netlink->port, answer, argument);
		if (rc < 0)
			return -errno;
	} while (rc > MNL_CB_STOP && request->nlmsg_flags & NLM_F_DUMP);
	return 0;
}

int gremc_netlink_dump(struct gremc_netlink *netlink, struct nlmsghdr *request, mnl_cb_t answer,
		       void *argument)
{
	int fd = mnl_socket_get_fd(netlink->socket), on = 1, off = 0, rc;

	/* The kernel filters by the header only if told to. Kernels before 4.20 cannot: the callers filter,
	 * too.
	 */
	if (setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)))
		GREMC_LOG(DEBUG, "netlink: the kernel does not filter dumps: %s", strerror(errno));
	rc = gremc_netlink_send(netlink, request, answer, argument);
	if (setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &off, sizeof(off)))
		GREMC_LOG(DEBUG, "netlink: the kernel does not filter dumps: %s", strerror(errno));
	return rc;
}

/* ---- links ---- */

int gremc_link_set(struct gremc_netlink *netlink, unsigned ifindex,
		   const struct gremc_link_settings *settings)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_NEWLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request, sizeof(*link));

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

/* What the driver calls it, and what that of its master does, nested in its attribute. */
static void link_kind_parse(const struct nlattr *info, struct gremc_link *link)
{
	struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, info)
	{
		if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
			snprintf(link->kind, sizeof(link->kind), "%s", mnl_attr_get_str(attribute));
		else if (mnl_attr_get_type(attribute) == IFLA_INFO_SLAVE_KIND)
			link->in_vrf = strcmp(mnl_attr_get_str(attribute), "vrf") == 0;
	}
}

static void link_message_parse(const struct nlmsghdr *header, struct gremc_link *link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
	struct nlattr *attribute;

	*link = (struct gremc_link){.ifindex = info->ifi_index, .flags = info->ifi_flags};
	mnl_attr_for_each(attribute, header, sizeof(*info))
	{
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME:
			snprintf(link->name, sizeof(link->name), "%s", mnl_attr_get_str(attribute));
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

void gremc_link_parse(const struct nlmsghdr *header, struct gremc_link *link)
{
	link_message_parse(header, link);
}

static int link_answer_parse(const struct nlmsghdr *header, void *argument)
{
	struct link_query *query = argument;

	link_message_parse(header, query->link);
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

/* ---- addresses and routes ---- */

int gremc_address_set(struct gremc_netlink *netlink, unsigned ifindex,
		      const struct gremc_link_address *address, bool add)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, add ? RTM_NEWADDR : RTM_DELADDR,
							      add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	bool point_to_point = address->peer && address->peer != address->address;
	int rc;

	message->ifa_family = AF_INET;
	message->ifa_prefixlen = address->length;
	message->ifa_scope = RT_SCOPE_UNIVERSE;
	message->ifa_index = ifindex;
	mnl_attr_put_u32(request, IFA_LOCAL, address->address);
	mnl_attr_put_u32(request, IFA_ADDRESS, point_to_point ? address->peer : address->address);
	if (!point_to_point && address->length < 31)
		mnl_attr_put_u32(request, IFA_BROADCAST, address->address | ~gremc_netmask(address->length));
	/* kernels before 5.18 ignore it */
	mnl_attr_put_u8(request, GREMC_IFA_PROTO, GREMC_RTPROT);
	rc = gremc_netlink_send(netlink, request, NULL, NULL);
	return rc == -EADDRNOTAVAIL && !add ? 0 : rc;
}

struct visit {
	unsigned ifindex; /* 0: all */
	gremc_address_visitor *address;
	gremc_route_visitor *route;
	void *argument;
};

static int address_message_visit(const struct nlmsghdr *header, void *argument)
{
	const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
	const struct visit *visit = argument;
	struct gremc_link_address address = {.length = message->ifa_prefixlen};
	struct nlattr *attribute;
	uint8_t protocol = 0;

	if (message->ifa_family != AF_INET || message->ifa_index != visit->ifindex)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		if (mnl_attr_get_type(attribute) == IFA_LOCAL)
			address.address = mnl_attr_get_u32(attribute);
		else if (mnl_attr_get_type(attribute) == IFA_ADDRESS)
			address.peer = mnl_attr_get_u32(attribute);
		else if (mnl_attr_get_type(attribute) == GREMC_IFA_PROTO)
			protocol = mnl_attr_get_u8(attribute);
	}
	if (address.peer == address.address)
		address.peer = 0;
	visit->address(visit->argument, &address, protocol);
	return MNL_CB_OK;
}

int gremc_address_each(struct gremc_netlink *netlink, unsigned ifindex, gremc_address_visitor *visit,
		       void *argument)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	struct visit context = {.ifindex = ifindex, .address = visit, .argument = argument};

	message->ifa_family = AF_INET;
	message->ifa_index = ifindex;
	return gremc_netlink_dump(netlink, request, address_message_visit, &context);
}

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

	message->rtm_family = AF_INET;
	message->rtm_dst_len = route->to.length;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = GREMC_RTPROT;
	message->rtm_scope = route->via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	message->rtm_type = RTN_UNICAST;
	message->rtm_flags = route->on_link ? RTNH_F_ONLINK : 0;
	mnl_attr_put_u32(request, RTA_DST, route->to.address);
	if (route->via)
		mnl_attr_put_u32(request, RTA_GATEWAY, route->via);
	mnl_attr_put_u32(request, RTA_OIF, ifindex);
	rc = gremc_netlink_send(netlink, request, NULL, NULL);
	return rc == -ESRCH && verb == GREMC_ROUTE_REMOVE ? 0 : rc;
}

/* A route's table, which its header can only name up to 255. */
static bool route_message_parse(const struct nlmsghdr *header, struct gremc_kernel_route *route,
				uint32_t *table)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	struct nlattr *attribute;

	*route = (struct gremc_kernel_route){.to.length = message->rtm_dst_len,
					     .protocol = message->rtm_protocol,
					     .is_unicast = message->rtm_type == RTN_UNICAST};
	*table = message->rtm_table;
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		switch (mnl_attr_get_type(attribute)) {
		case RTA_DST:
			route->to.address = mnl_attr_get_u32(attribute);
			break;
		case RTA_OIF:
			route->ifindex = mnl_attr_get_u32(attribute);
			break;
		case RTA_GATEWAY:
			route->via = mnl_attr_get_u32(attribute);
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

static int route_message_visit(const struct nlmsghdr *header, void *argument)
{
	const struct visit *visit = argument;
	struct gremc_kernel_route route;
	uint32_t table;

	if (route_message_parse(header, &route, &table) && table == RT_TABLE_MAIN &&
	    (visit->ifindex == 0 || visit->ifindex == route.ifindex))
		visit->route(visit->argument, &route);
	return MNL_CB_OK;
}

int gremc_route_each(struct gremc_netlink *netlink, unsigned ifindex, uint8_t protocol,
		     gremc_route_visitor *visit, void *argument)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	struct visit context = {.ifindex = ifindex, .route = visit, .argument = argument};

	message->rtm_family = AF_INET;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = protocol;
	return gremc_netlink_dump(netlink, request, route_message_visit, &context);
}

/* An IPv4 route may lead by an IPv6 neighbour (RFC 5549). */
static void gateway_parse(const struct nlattr *attribute, struct in6_addr *via)
{
	const struct rtvia *gateway = mnl_attr_get_payload(attribute);
	size_t length = mnl_attr_get_payload_len(attribute);

	if (length >= sizeof(*gateway) + sizeof(*via) && gateway->rtvia_family == AF_INET6)
		memcpy(via, gateway->rtvia_addr, sizeof(*via));
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
			next_hop->via = gremc_ipv4_to_mapped(mnl_attr_get_u32(attribute));
		else if (mnl_attr_get_type(attribute) == RTA_VIA)
			gateway_parse(attribute, &next_hop->via);
	}
	return MNL_CB_OK;
}

static int next_hop_request_send(struct gremc_netlink *netlink, rte_be32_t to, rte_be32_t from, unsigned vrf,
				 struct gremc_kernel_next_hop *next_hop)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_GETROUTE, 0);
	struct rtmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	*next_hop = (struct gremc_kernel_next_hop){0};
	message->rtm_family = AF_INET;
	message->rtm_dst_len = 32;
	mnl_attr_put_u32(request, RTA_DST, to);
	if (from) {
		message->rtm_src_len = 32;
		mnl_attr_put_u32(request, RTA_SRC, from);
	}
	if (vrf)
		mnl_attr_put_u32(request, RTA_OIF, vrf);
	return gremc_netlink_send(netlink, request, next_hop_answer_parse, next_hop);
}

int gremc_route_lookup(struct gremc_netlink *netlink, rte_be32_t to, rte_be32_t from, unsigned vrf,
		       struct gremc_kernel_next_hop *next_hop)
{
	int rc = next_hop_request_send(netlink, to, from, vrf, next_hop);

	/* an address that the kernel does not have (yet) is no source to it */
	if (rc == -EINVAL)
		rc = next_hop_request_send(netlink, to, 0, vrf, next_hop);
	if (rc)
		return rc;
	return next_hop->unicast && next_hop->ifindex ? 0 : -ENETUNREACH;
}

/* ---- neighbours ---- */

/* The address as the family of the message has it. */
static void neighbor_address_put(struct nlmsghdr *request, struct ndmsg *message,
				 const struct in6_addr *address)
{
	if (IN6_IS_ADDR_V4MAPPED(address)) {
		message->ndm_family = AF_INET;
		mnl_attr_put_u32(request, NDA_DST, gremc_ipv4_from_mapped(address));
	} else {
		message->ndm_family = AF_INET6;
		mnl_attr_put(request, NDA_DST, sizeof(*address), address);
	}
}

int gremc_neighbor_use(struct gremc_netlink *netlink, unsigned ifindex, const struct in6_addr *address)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_NEWNEIGH, NLM_F_CREATE);
	struct ndmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->ndm_ifindex = ifindex;
	message->ndm_flags = NTF_USE;
	neighbor_address_put(request, message, address);
	return gremc_netlink_send(netlink, request, NULL, NULL);
}

static void neighbor_address_parse(const struct nlattr *attribute, struct in6_addr *address)
{
	if (mnl_attr_get_payload_len(attribute) == sizeof(*address))
		memcpy(address, mnl_attr_get_payload(attribute), sizeof(*address));
	else if (mnl_attr_get_payload_len(attribute) == sizeof(rte_be32_t))
		*address = gremc_ipv4_to_mapped(mnl_attr_get_u32(attribute));
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
			neighbor_address_parse(attribute, &neighbor->address);
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

int gremc_neighbor_get(struct gremc_netlink *netlink, unsigned ifindex, const struct in6_addr *address,
		       struct gremc_neighbor *neighbor)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, RTM_GETNEIGH, 0);
	struct ndmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	*neighbor = (struct gremc_neighbor){.ifindex = ifindex, .address = *address, .state = NUD_NONE};
	message->ndm_ifindex = ifindex;
	neighbor_address_put(request, message, address);
	return gremc_netlink_send(netlink, request, neighbor_answer_parse, neighbor);
}
