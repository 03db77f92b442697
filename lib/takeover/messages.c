/* SPDX-License-Identifier: BSD-3-Clause */
/* The addresses and routes of an interface, saved as the kernel's own netlink messages and sent back for
 * another interface. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>

#include "takeover/takeover_priv.h"

/* ---- save ---- */

void gremc_netlink_messages_add(struct gremc_netlink_messages *messages, const void *message, uint32_t length)
{
	struct nlmsghdr **more =
				realloc(messages->message, (messages->count + 1) * sizeof(struct nlmsghdr *)),
			*copy;

	gremc_assert(length >= sizeof(struct nlmsghdr));
	copy = more ? malloc(length) : NULL;
	if (more)
		messages->message = more;
	if (copy == NULL) {
		messages->no_memory = true;
		return;
	}
	memcpy(copy, message, length);
	messages->message[messages->count++] = copy;
}

void gremc_netlink_messages_fini(struct gremc_netlink_messages *messages)
{
	for (uint32_t i = 0; i < messages->count; i++)
		free(messages->message[i]);
	free(messages->message);
}

static void message_save(struct gremc_netlink_messages *messages, const struct nlmsghdr *message)
{
	gremc_netlink_messages_add(messages, message, message->nlmsg_len);
}

static int address_message_save(const struct nlmsghdr *header, void *argument)
{
	const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
	struct gremc_takeover *takeover = argument;

	/* the kernel adds link-local addresses to every interface by itself */
	if (message->ifa_index == takeover->ifindex && message->ifa_scope != RT_SCOPE_LINK)
		message_save(&takeover->addresses, header);
	return MNL_CB_OK;
}

/* The first next hop of a multipath route; each one is followed by its attributes. */
static struct rtnexthop *multipath_first(const struct nlattr *multipath, int *left)
{
	*left = mnl_attr_get_payload_len(multipath);
	return mnl_attr_get_payload(multipath);
}

/* Whether a route attribute names this interface as the outgoing one. */
static bool route_uses_interface(const struct nlattr *attribute, unsigned ifindex)
{
	int left;

	if (mnl_attr_get_type(attribute) == RTA_OIF)
		return mnl_attr_get_u32(attribute) == ifindex;
	if (mnl_attr_get_type(attribute) != RTA_MULTIPATH)
		return false;
	for (struct rtnexthop *hop = multipath_first(attribute, &left); RTNH_OK(hop, left);
	     left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
		if ((unsigned)hop->rtnh_ifindex == ifindex)
			return true;
	return false;
}

static int route_message_save(const struct nlmsghdr *header, void *argument)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	struct gremc_takeover *takeover = argument;
	struct nlattr *attribute;

	/* the kernel adds these routes with the addresses */
	if (message->rtm_protocol == RTPROT_KERNEL || message->rtm_table == RT_TABLE_LOCAL ||
	    message->rtm_flags & RTM_F_CLONED)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		if (route_uses_interface(attribute, takeover->ifindex))
			message_save(&takeover->routes, header);
	}
	return MNL_CB_OK;
}

static int kernel_state_dump(struct gremc_netlink *netlink, uint16_t type, mnl_cb_t save, void *argument)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, type, NLM_F_DUMP);
	struct rtgenmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->rtgen_family = AF_UNSPEC;
	return gremc_netlink_send(netlink, request, save, argument);
}

int gremc_takeover_messages_save(struct gremc_netlink *netlink, struct gremc_takeover *takeover)
{
	int rc = kernel_state_dump(netlink, RTM_GETADDR, address_message_save, takeover);

	if (rc == 0)
		rc = kernel_state_dump(netlink, RTM_GETROUTE, route_message_save, takeover);
	if (rc == 0 && (takeover->addresses.no_memory || takeover->routes.no_memory))
		rc = -ENOMEM;
	return rc;
}

/* ---- replay ---- */

static int message_replay(struct gremc_netlink *netlink, struct nlmsghdr *message)
{
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
	message->nlmsg_pid = 0;
	return gremc_netlink_send(netlink, message, NULL, NULL);
}

static int address_message_replay(struct gremc_netlink *netlink, struct nlmsghdr *header, unsigned ifindex)
{
	struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);

	message->ifa_index = ifindex;
	return message_replay(netlink, header);
}

/* Flags by which the kernel reports the state of the former link; a request must not contain them. */
#define LINK_STATE (RTNH_F_DEAD | RTNH_F_LINKDOWN)

/* Replace the outgoing interface `from` by `to`; next hops by other interfaces stay. */
static void multipath_interface_replace(struct nlattr *multipath, unsigned from, unsigned to)
{
	int left;

	for (struct rtnexthop *hop = multipath_first(multipath, &left); RTNH_OK(hop, left);
	     left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		hop->rtnh_flags &= ~LINK_STATE;
		if ((unsigned)hop->rtnh_ifindex == from)
			hop->rtnh_ifindex = (int)to;
	}
}

static int route_message_replay(struct gremc_netlink *netlink, const struct gremc_takeover *takeover,
				struct nlmsghdr *header, unsigned ifindex)
{
	struct rtmsg *message = mnl_nlmsg_get_payload(header);
	struct nlattr *attribute;

	message->rtm_flags &= ~LINK_STATE;
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		if (mnl_attr_get_type(attribute) == RTA_OIF)
			memcpy(mnl_attr_get_payload(attribute), &ifindex, sizeof(ifindex));
		else if (mnl_attr_get_type(attribute) == RTA_MULTIPATH)
			multipath_interface_replace(attribute, takeover->ifindex, ifindex);
	}
	return message_replay(netlink, header);
}

/* A route by a gateway needs the route to that gateway, so all routes are sent twice and only the second
 * result counts. */
void gremc_takeover_messages_replay(struct gremc_netlink *netlink, struct gremc_takeover *takeover,
				    unsigned ifindex)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < takeover->addresses.count; i++)
		failed += address_message_replay(netlink, takeover->addresses.message[i], ifindex) != 0;
	for (uint32_t i = 0; i < takeover->routes.count; i++)
		(void)route_message_replay(netlink, takeover, takeover->routes.message[i], ifindex);
	for (uint32_t i = 0; i < takeover->routes.count; i++)
		failed += route_message_replay(netlink, takeover, takeover->routes.message[i], ifindex) != 0;
	if (failed)
		GREMC_LOG(WARNING, "%s: %u of its addresses and routes could not be set", takeover->name,
			  failed);
}
