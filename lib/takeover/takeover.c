/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of a takeover, and their reversal. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <rte_ethdev.h>

#include "takeover/takeover_priv.h"

#define ASIDE_SUFFIX "_k" /* of the name that the kernel's interface is renamed to */

bool gremc_tap_is_abandoned(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	bool is_free;

	if (fd < 0)
		return false;
	/* a single-queue TAP accepts one process at a time */
	gremc_text_copy(request.ifr_name, sizeof(request.ifr_name), name);
	is_free = ioctl(fd, TUNSETIFF, &request) == 0;
	close(fd);
	return is_free;
}

/* ---- the object ---- */

struct gremc_takeover *gremc_takeover_new(void)
{
	struct gremc_takeover *takeover = calloc(1, sizeof(*takeover));

	if (takeover)
		takeover->fd = -1;
	return takeover;
}

void gremc_takeover_free(struct gremc_takeover *takeover)
{
	if (takeover == NULL)
		return;
	gremc_netlink_messages_fini(&takeover->addresses);
	gremc_netlink_messages_fini(&takeover->routes);
	if (takeover->fd >= 0)
		close(takeover->fd);
	free(takeover);
}

/* ---- begin ---- */

static int interface_rename_aside(struct gremc_netlink *netlink, const struct gremc_takeover *takeover)
{
	const struct gremc_link_settings down = {.down = true}, name = {.name = takeover->aside};
	int rc = gremc_link_set(netlink, takeover->ifindex, &down);

	return rc ? rc : gremc_link_set(netlink, takeover->ifindex, &name);
}

static struct gremc_port *host_port_find(const struct gremc_ports *ports, const struct gremc_config *config,
					 const char *name)
{
	for (uint32_t i = 0; i < config->port_count; i++)
		if (config->ports[i].host && strcmp(config->ports[i].name, name) == 0)
			return ports->port[i];
	return NULL;
}

/* The network has learned the MAC address of the interface, so the port uses it from now on. */
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

/* Save the state of the interface.
 * Returns: NULL: out of memory, or the kernel's state cannot be read; errno has the reason. */
static struct gremc_takeover *interface_save(struct gremc_netlink *netlink, const struct gremc_link *link)
{
	struct gremc_takeover *takeover = gremc_takeover_new();
	int rc;

	if (takeover == NULL)
		return NULL;
	takeover->ifindex = link->ifindex;
	takeover->flags = link->flags;
	gremc_text_copy(takeover->name, sizeof(takeover->name), link->name);
	snprintf(takeover->aside, sizeof(takeover->aside), "%.*s" ASIDE_SUFFIX,
		 (int)(sizeof(takeover->aside) - sizeof(ASIDE_SUFFIX)), link->name);
	rc = gremc_takeover_messages_save(netlink, takeover);
	if (rc == 0)
		return takeover;
	gremc_takeover_free(takeover);
	errno = -rc;
	return NULL;
}

/* Save the interface, write the journal, and only then change the interface. */
static int interface_move_aside(const struct gremc_takeover_context *context, const struct gremc_link *link,
				struct gremc_takeover **takeover)
{
	const char *directory = context->state_directory;
	int rc = 0;

	*takeover = interface_save(context->netlink, link);
	if (*takeover == NULL)
		return -errno;
	if (directory)
		rc = gremc_takeover_journal_write(directory, *takeover);
	if (rc) {
		GREMC_LOG(ERR, "cannot write the journal of the takeover to %s: %s", directory,
			  strerror(-rc));
		gremc_takeover_free(*takeover);
		*takeover = NULL;
		return rc;
	}
	return interface_rename_aside(context->netlink, *takeover);
}

int gremc_takeover_begin(const struct gremc_takeover_context *context, const struct gremc_config *config,
			 const char *name, struct gremc_takeover **takeover, struct gremc_errors *errors)
{
	struct gremc_port *port = host_port_find(context->ports, config, name);
	struct gremc_link link;
	int rc;

	gremc_assert_control_thread();
	*takeover = NULL;
	if (port == NULL) {
		gremc_errors_add(errors, NULL, 0, 0,
				 "--takeover %s: no port of this name has `host: true` in the configuration",
				 name);
		return -EINVAL;
	}
	/* the TAP of an earlier start has the interface's addresses and routes already */
	if (gremc_link_get(context->netlink, name, &link) || strcmp(link.kind, "tun") == 0)
		return 0;
	rc = interface_move_aside(context, &link, takeover);
	if (rc) {
		gremc_errors_add(errors, NULL, 0, 0,
				 "--takeover %s: the kernel's interface does not step aside: %s", name,
				 strerror(-rc));
		return rc;
	}
	port_mac_take_over(*takeover, port, &link);
	GREMC_LOG(NOTICE, "%s: the kernel's interface is %s now, down; scripts/give-back %s undoes it", name,
		  (*takeover)->aside, name);
	return 0;
}

void gremc_takeover_finish(const struct gremc_takeover_context *context, struct gremc_takeover **takeover)
{
	gremc_assert_control_thread();
	if (*takeover == NULL)
		return;
	gremc_takeover_messages_replay(context->netlink, *takeover, if_nametoindex((*takeover)->name));
	gremc_takeover_journal_remove(*takeover);
	gremc_takeover_free(*takeover);
	*takeover = NULL;
}

/* ---- undo ---- */

static void port_mac_restore(const struct gremc_takeover *takeover)
{
	struct rte_ether_addr mac = takeover->mac;

	if (takeover->port && rte_eth_dev_default_mac_addr_set(takeover->port->id, &mac))
		GREMC_LOG(WARNING, "%s: the device does not take its own MAC address back",
			  takeover->port->name);
}

static int interface_rename_back(struct gremc_netlink *netlink, const struct gremc_takeover *takeover)
{
	const struct gremc_link_settings name = {.name = takeover->name}, up = {.up = true};
	int rc = gremc_link_set(netlink, takeover->ifindex, &name);

	if (rc == 0 && takeover->flags & IFF_UP)
		rc = gremc_link_set(netlink, takeover->ifindex, &up);
	return rc;
}

/* Returns: 0, or a negative errno, which is logged. */
static int interface_restore(struct gremc_netlink *netlink, struct gremc_takeover *takeover)
{
	int rc = interface_rename_back(netlink, takeover);

	if (rc) {
		GREMC_LOG(ERR,
			  "%s: cannot restore the kernel's interface, and the next start tries again: %s",
			  takeover->name, strerror(-rc));
		return rc;
	}
	gremc_takeover_messages_replay(netlink, takeover, takeover->ifindex);
	gremc_takeover_journal_remove(takeover);
	return 0;
}

void gremc_takeover_undo(const struct gremc_takeover_context *context, struct gremc_takeover **takeover)
{
	gremc_assert_control_thread();
	if (*takeover == NULL)
		return;
	port_mac_restore(*takeover);
	(void)interface_restore(context->netlink, *takeover);
	gremc_takeover_free(*takeover);
	*takeover = NULL;
}

/* ---- recover after a process that was killed ---- */

/* Remove the TAP that has the interface's name. */
static int abandoned_tap_remove(struct gremc_netlink *netlink, const struct gremc_takeover *takeover)
{
	struct gremc_link link;

	if (gremc_link_get(netlink, takeover->name, &link))
		return 0;
	if (strcmp(link.kind, "tun") || !gremc_tap_is_abandoned(takeover->name))
		return -EEXIST;
	return gremc_link_remove(netlink, link.ifindex);
}

static bool interface_has_index(struct gremc_netlink *netlink, const char *name, unsigned ifindex)
{
	struct gremc_link link;

	return gremc_link_get(netlink, name, &link) == 0 && link.ifindex == ifindex;
}

static void takeover_recover(struct gremc_netlink *netlink, struct gremc_takeover *takeover)
{
	bool is_aside = interface_has_index(netlink, takeover->aside, takeover->ifindex);
	int rc;

	if (!is_aside && !interface_has_index(netlink, takeover->name, takeover->ifindex)) {
		GREMC_LOG(NOTICE, "%s: the interface of a takeover that was not finished is gone",
			  takeover->name);
		gremc_takeover_journal_remove(takeover);
		return;
	}
	rc = is_aside ? abandoned_tap_remove(netlink, takeover) : 0;
	if (rc) {
		GREMC_LOG(ERR, "a takeover was not finished, and %s cannot be given back: %s", takeover->name,
			  strerror(-rc));
		return;
	}
	if (interface_restore(netlink, takeover) == 0)
		GREMC_LOG(NOTICE, "%s: a takeover that was not finished is undone", takeover->name);
}

void gremc_takeovers_recover(const struct gremc_takeover_context *context)
{
	const char *directory = context->state_directory;
	struct gremc_takeover *takeover = directory ? gremc_takeover_journal_next(directory, NULL) : NULL;

	gremc_assert_control_thread();
	while (takeover) {
		char name[IFNAMSIZ];

		memcpy(name, takeover->name, sizeof(name));
		takeover_recover(context->netlink, takeover);
		gremc_takeover_free(takeover);
		takeover = gremc_takeover_journal_next(directory, name);
	}
}
