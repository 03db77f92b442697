/* SPDX-License-Identifier: BSD-3-Clause */
/* A kernel interface steps aside for the TAP of the same name: its addresses and routes, as the kernel tells
 * them, are told to it again for the other interface. Until the forwarder runs all of it can be undone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <rte_ethdev.h>

#include "host/takeover_priv.h"

#define ASIDE "_k" /* at the end of the name that the kernel's interface gets */

/* ---- saving ---- */

void gremc_netlink_messages_add(struct gremc_netlink_messages *messages, const void *message, uint32_t length)
{
	struct nlmsghdr **more =
				realloc(messages->message, (messages->count + 1) * sizeof(struct nlmsghdr *)),
			*copy;

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

static void message_save(struct gremc_netlink_messages *messages, const struct nlmsghdr *message)
{
	gremc_netlink_messages_add(messages, message, message->nlmsg_len);
}

static void messages_free(struct gremc_netlink_messages *messages)
{
	for (uint32_t i = 0; i < messages->count; i++)
		free(messages->message[i]);
	free(messages->message);
}

static int address_message_save(const struct nlmsghdr *header, void *argument)
{
	const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
	struct gremc_takeover *takeover = argument;

	/* link-local addresses are the kernel's own doing, on each interface */
	if (message->ifa_index == takeover->ifindex && message->ifa_scope != RT_SCOPE_LINK)
		message_save(&takeover->addresses, header);
	return MNL_CB_OK;
}

/* The hops of a route that has several. They stand one behind the other, each with attributes of its own. */
static struct rtnexthop *multipath_first(const struct nlattr *multipath, int *left)
{
	*left = mnl_attr_get_payload_len(multipath);
	return mnl_attr_get_payload(multipath);
}

/* Does the attribute of a route lead by this interface? */
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

	/* the kernel's come with the addresses */
	if (message->rtm_protocol == RTPROT_KERNEL || message->rtm_table == RT_TABLE_LOCAL ||
	    message->rtm_flags & RTM_F_CLONED)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, header,
			  sizeof(*message)) if (route_uses_interface(attribute, takeover->ifindex))
		message_save(&takeover->routes, header);
	return MNL_CB_OK;
}

static int kernel_state_dump(struct gremc_netlink *netlink, uint16_t type, mnl_cb_t take, void *argument)
{
	struct nlmsghdr *request = gremc_netlink_request_init(netlink, type, NLM_F_DUMP);
	struct rtgenmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));

	message->rtgen_family = AF_UNSPEC;
	return gremc_netlink_send(netlink, request, take, argument);
}

/* ---- telling it again ---- */

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

/* What the kernel says of the link that a route was on is nothing to be asked for. */
#define LINK_STATE (RTNH_F_DEAD | RTNH_F_LINKDOWN)

/* The hops by the interface `from` are by `to` now; those by others stay. */
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

/* Routes by a gateway need the route to the gateway: what fails is told a second time, and only the second
 * answer counts. */
static void takeover_messages_replay(struct gremc_netlink *netlink, struct gremc_takeover *takeover,
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
		GREMC_LOG(WARNING, "%s: %u of its addresses and routes could not be set again",
			  takeover->name, failed);
}

/* ---- the steps ---- */

static int interface_rename_aside(struct gremc_netlink *netlink, const struct gremc_takeover *takeover)
{
	const struct gremc_link_settings down = {.down = true}, name = {.name = takeover->aside};
	int rc = gremc_link_set(netlink, takeover->ifindex, &down);

	return rc ? rc : gremc_link_set(netlink, takeover->ifindex, &name);
}

/* Returns 0 or a negative errno, which is logged. */
static int interface_rename_back(struct gremc_netlink *netlink, const struct gremc_takeover *takeover)
{
	const struct gremc_link_settings name = {.name = takeover->name}, up = {.up = true};

	int rc = gremc_link_set(netlink, takeover->ifindex, &name);

	if (rc == 0 && takeover->flags & IFF_UP)
		rc = gremc_link_set(netlink, takeover->ifindex, &up);
	if (rc)
		GREMC_LOG(ERR, "%s: the kernel's interface cannot have its place again: %s", takeover->name,
			  strerror(-rc));
	return rc;
}

static struct gremc_port *host_port_find(const struct gremc_host *host, const struct gremc_config *config,
					 const char *name)
{
	for (uint32_t i = 0; i < config->port_count; i++)
		if (config->ports[i].host && strcmp(config->ports[i].name, name) == 0)
			return host->context.ports->port[i];
	return NULL;
}

/* The frames of the TAP are to be what the network knows: with the address of the interface that it stands
 * for. */
static void port_mac_take_over(struct gremc_takeover *takeover, struct gremc_port *port,
			       const struct gremc_link *link)
{
	struct rte_ether_addr mac = link->mac;

	if (rte_is_same_ether_addr(&mac, &port->mac) || !rte_is_valid_assigned_ether_addr(&mac))
		return;
	if (rte_eth_dev_default_mac_addr_set(port->id, &mac)) {
		GREMC_LOG(WARNING,
			  "%s: the device does not take the kernel interface's MAC address; it keeps its own",
			  port->name);
		return;
	}
	takeover->port = port;
	takeover->mac = port->mac;
	port->mac = mac;
}

static void port_mac_restore(const struct gremc_takeover *takeover)
{
	struct rte_ether_addr mac = takeover->mac;

	if (takeover->port && rte_eth_dev_default_mac_addr_set(takeover->port->id, &mac))
		GREMC_LOG(WARNING, "%s: the device does not take its own MAC address back",
			  takeover->port->name);
}

struct gremc_takeover *gremc_takeover_new(void)
{
	struct gremc_takeover *takeover = calloc(1, sizeof(*takeover));

	if (takeover)
		takeover->fd = -1;
	return takeover;
}

static struct gremc_takeover *takeover_save(struct gremc_netlink *netlink, const struct gremc_link *link)
{
	struct gremc_takeover *takeover = gremc_takeover_new();

	if (takeover == NULL)
		return NULL;
	takeover->ifindex = link->ifindex;
	takeover->flags = link->flags;
	snprintf(takeover->name, sizeof(takeover->name), "%s", link->name);
	snprintf(takeover->aside, sizeof(takeover->aside), "%.*s" ASIDE,
		 (int)(sizeof(takeover->aside) - sizeof(ASIDE)), link->name);
	if (kernel_state_dump(netlink, RTM_GETADDR, address_message_save, takeover) == 0 &&
	    kernel_state_dump(netlink, RTM_GETROUTE, route_message_save, takeover) == 0 &&
	    !takeover->addresses.no_memory && !takeover->routes.no_memory)
		return takeover;
	gremc_takeover_free(takeover);
	return NULL;
}

/* From the journal on the kernel's interface may change. */
static int takeover_begin(struct gremc_host *host, const struct gremc_link *link)
{
	const char *directory = host->context.state_directory;
	struct gremc_takeover *takeover = takeover_save(&host->netlink, link);
	int rc = takeover ? 0 : -ENOMEM;

	if (rc == 0 && directory)
		rc = gremc_takeover_journal_write(directory, takeover);
	if (rc) {
		GREMC_LOG(ERR, "the journal of the takeover cannot be written to %s: %s",
			  directory ? directory : "memory", strerror(-rc));
		gremc_takeover_free(takeover);
		return rc;
	}
	host->takeover = takeover;
	return interface_rename_aside(&host->netlink, takeover);
}

int gremc_host_takeover_begin(struct gremc_host *host, const struct gremc_config *config, const char *name,
			      struct gremc_errors *errors)
{
	struct gremc_port *port = host_port_find(host, config, name);
	struct gremc_link link;
	int rc;

	if (port == NULL) {
		gremc_errors_add(errors, NULL, 0, 0,
				 "--takeover %s: no port of this name has `host: true` in the configuration",
				 name);
		return -EINVAL;
	}
	/* the TAP of an earlier start has it all already */
	if (gremc_link_get(&host->netlink, name, &link) || strcmp(link.kind, "tun") == 0)
		return 0;
	rc = takeover_begin(host, &link);
	if (rc) {
		gremc_errors_add(errors, NULL, 0, 0,
				 "--takeover %s: the kernel's interface does not step aside: %s", name,
				 strerror(-rc));
		return rc;
	}
	port_mac_take_over(host->takeover, port, &link);
	GREMC_LOG(NOTICE, "%s: the kernel's interface is %s now, down; scripts/give-back %s undoes it", name,
		  host->takeover->aside, name);
	return 0;
}

void gremc_host_takeover_finish(struct gremc_host *host)
{
	struct gremc_takeover *takeover = host->takeover;

	if (takeover == NULL)
		return;
	takeover_messages_replay(&host->netlink, takeover, if_nametoindex(takeover->name));
	gremc_takeover_journal_remove(takeover);
	gremc_takeover_free(takeover);
	host->takeover = NULL;
}

static void interface_restore(struct gremc_host *host, struct gremc_takeover *takeover)
{
	/* what could not be put back a later start tries again */
	if (interface_rename_back(&host->netlink, takeover))
		return;
	takeover_messages_replay(&host->netlink, takeover, takeover->ifindex);
	gremc_takeover_journal_remove(takeover);
}

void gremc_host_takeover_undo(struct gremc_host *host)
{
	struct gremc_takeover *takeover = host->takeover;

	if (takeover == NULL)
		return;
	port_mac_restore(takeover);
	interface_restore(host, takeover);
	gremc_takeover_free(takeover);
	host->takeover = NULL;
}

void gremc_takeover_free(struct gremc_takeover *takeover)
{
	if (takeover == NULL)
		return;
	messages_free(&takeover->addresses);
	messages_free(&takeover->routes);
	if (takeover->fd >= 0)
		close(takeover->fd);
	free(takeover);
}

/* ---- after a process that was killed ---- */

/* The TAP that stands in the interface's place is in the way. */
static int abandoned_tap_remove(struct gremc_host *host, const struct gremc_takeover *takeover)
{
	struct gremc_link link;

	if (gremc_link_get(&host->netlink, takeover->name, &link))
		return 0;
	if (strcmp(link.kind, "tun") || !gremc_tap_is_abandoned(takeover->name))
		return -EEXIST;
	return gremc_link_remove(&host->netlink, link.ifindex);
}

static bool interface_has_index(struct gremc_host *host, const char *name, unsigned ifindex)
{
	struct gremc_link link;

	return gremc_link_get(&host->netlink, name, &link) == 0 && link.ifindex == ifindex;
}

static void takeover_recover(struct gremc_host *host, struct gremc_takeover *takeover)
{
	bool is_aside = interface_has_index(host, takeover->aside, takeover->ifindex);
	int rc;

	if (!is_aside && !interface_has_index(host, takeover->name, takeover->ifindex)) {
		GREMC_LOG(NOTICE, "%s: the interface of a takeover that was not finished is gone",
			  takeover->name);
		gremc_takeover_journal_remove(takeover);
		return;
	}
	rc = is_aside ? abandoned_tap_remove(host, takeover) : 0;
	if (rc) {
		GREMC_LOG(ERR, "a takeover was not finished, and %s cannot be given back: %s", takeover->name,
			  strerror(-rc));
		return;
	}
	interface_restore(host, takeover);
	GREMC_LOG(NOTICE, "%s: a takeover that was not finished is undone", takeover->name);
}

void gremc_host_takeover_recover(struct gremc_host *host)
{
	const char *directory = host->context.state_directory;
	struct gremc_takeover *takeover = directory ? gremc_takeover_journal_next(directory, NULL) : NULL;

	while (takeover) {
		char name[IFNAMSIZ];

		memcpy(name, takeover->name, sizeof(name));
		takeover_recover(host, takeover);
		gremc_takeover_free(takeover);
		takeover = gremc_takeover_journal_next(directory, name);
	}
}
