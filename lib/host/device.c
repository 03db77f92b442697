/* SPDX-License-Identifier: BSD-3-Clause */
/* A TUN or TAP device: made or found again, given its settings, left or removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "host/host_priv.h"

/* The kernel's queue towards us, packets: what it may send before we read. */
#define TX_QUEUE 2000

/* A setting of the interface in /proc/sys/net. Where the kernel has none there is nothing to set. */
static void write_sysctl(const char *tree, const char *device, const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/%s/%s", tree, device, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		GREMC_LOG(DEBUG, "%s: %s", path, strerror(errno));
	close(fd);
}

/* Attach to a device of this name, or make it. *exists: it was there. */
static int attach(struct gremc_device *device, bool *exists)
{
	struct ifreq request = {.ifr_flags = (device->is_tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_VNET_HDR};
	const int header = sizeof(struct virtio_net_hdr);
	int fd;

	*exists = if_nametoindex(device->name) != 0;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, device->name, sizeof(device->name));
	/* persistent: what the kernel keeps on it outlives us */
	if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETVNETHDRSZ, &header) ||
	    ioctl(fd, TUNSETPERSIST, 1)) {
		int error = errno;

		close(fd);
		return -error;
	}
	device->fd = fd;
	device->ifindex = if_nametoindex(device->name);
	return device->ifindex ? 0 : -ENODEV;
}

/* A new device as it is to be; one that was there keeps what was changed of it. */
static int settle(struct gremc_host *host, struct gremc_device *device, bool exists)
{
	struct gremc_link_settings settings = {
		.up = true, .tx_queue = TX_QUEUE, .gso_segments = GREMC_HOST_SEGMENTS};
	struct gremc_link link;
	int rc = gremc_link_get(&host->netlink, device->name, &link);

	if (rc)
		return rc;
	/* a kernel that does not do it does the work itself */
	if (ioctl(device->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4))
		GREMC_LOG(DEBUG, "%s: no offloads: %s", device->name, strerror(errno));
	if (!exists || link.mtu > device->mtu_max)
		settings.mtu = device->mtu;
	if (device->is_tap && memcmp(&link.mac, &device->mac, sizeof(link.mac)))
		settings.mac = &device->mac;
	/* an address that goes must not take those of its network with it */
	write_sysctl("ipv4/conf", device->name, "promote_secondaries", "1");
	/* a next hop that comes back is found within half a second, not one */
	if (device->is_tap)
		write_sysctl("ipv4/neigh", device->name, "retrans_time_ms", "500");
	if (!device->is_tap) {
		/* a tunnel carries IPv4: no addresses by which the kernel would begin with IPv6 */
		write_sysctl("ipv6/conf", device->name, "addr_gen_mode", "1");
		if (device->vif_is_host)
			write_sysctl("ipv4/conf", device->name, "rp_filter", "0");
	}
	return gremc_link_set(&host->netlink, device->ifindex, &settings);
}

void gremc_device_carrier(const struct gremc_host *host, const struct gremc_device *device)
{
	const int carrier = !host->no_carrier[device->port];

	/* a kernel before 5.0 has no such request */
	if (device->is_tap && device->fd >= 0 && ioctl(device->fd, TUNSETCARRIER, &carrier))
		GREMC_LOG(DEBUG, "%s: no carrier can be set: %s", device->name, strerror(errno));
}

int gremc_device_open(struct gremc_host *host, struct gremc_device *device)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &device->watch};
	bool exists;
	int rc = attach(device, &exists);

	if (rc)
		return rc;
	rc = settle(host, device, exists);
	if (rc == 0 && epoll_ctl(host->epoll, EPOLL_CTL_ADD, device->fd, &event))
		rc = -errno;
	if (rc) {
		gremc_device_close(host, device, !exists);
		return rc;
	}
	/* attaching has given it one */
	gremc_device_carrier(host, device);
	return 0;
}

void gremc_device_close(struct gremc_host *host, struct gremc_device *device, bool remove)
{
	if (device->fd < 0)
		return;
	epoll_ctl(host->epoll, EPOLL_CTL_DEL, device->fd, NULL);
	if (remove)
		ioctl(device->fd, TUNSETPERSIST, 0);
	close(device->fd);
	device->fd = -1;
	device->ifindex = 0;
}

/* ---- addresses and routes ---- */

static bool same_address(const struct gremc_link_address *a, const struct gremc_link_address *b)
{
	return a->address == b->address && a->length == b->length && a->peer == b->peer;
}

static bool has_address(const struct gremc_link_plan *plan, const struct gremc_link_address *address)
{
	for (uint32_t i = 0; i < plan->address_count; i++)
		if (same_address(&plan->addresses[i], address))
			return true;
	return false;
}

static bool has_route(const struct gremc_link_plan *plan, const struct gremc_link_route *route)
{
	for (uint32_t i = 0; i < plan->route_count; i++)
		if (plan->routes[i].via == route->via && plan->routes[i].on_link == route->on_link &&
		    plan->routes[i].to.address == route->to.address &&
		    plan->routes[i].to.length == route->to.length)
			return true;
	return false;
}

static void complain(const struct gremc_device *device, const char *what, rte_be32_t address, uint8_t length,
		     int rc)
{
	const struct gremc_prefix prefix = {address, length};
	char text[GREMC_PREFIX_TEXT];

	if (rc)
		GREMC_LOG(WARNING, "%s: %s %s: %s", device->name, what, gremc_prefix_format(text, &prefix),
			  strerror(-rc));
}

void gremc_device_plan(struct gremc_host *host, struct gremc_device *device, struct gremc_link_plan *plan)
{
	const struct gremc_link_plan *old = &device->plan;

	/* What the configuration no longer has goes, what it never had is the operator's and stays. */
	for (uint32_t i = 0; i < old->route_count; i++)
		if (!has_route(plan, &old->routes[i]))
			gremc_route_set(&host->netlink, device->ifindex, &old->routes[i], false);
	for (uint32_t i = 0; i < plan->address_count; i++)
		complain(device, "cannot add the address", plan->addresses[i].address,
			 plan->addresses[i].length,
			 gremc_address_set(&host->netlink, device->ifindex, &plan->addresses[i], true));
	for (uint32_t i = 0; i < old->address_count; i++)
		if (!has_address(plan, &old->addresses[i]))
			gremc_address_set(&host->netlink, device->ifindex, &old->addresses[i], false);
	for (uint32_t i = 0; i < plan->route_count; i++)
		complain(device, "cannot add the route to", plan->routes[i].to.address,
			 plan->routes[i].to.length,
			 gremc_route_set(&host->netlink, device->ifindex, &plan->routes[i], true));
	gremc_link_plan_fini(&device->plan);
	device->plan = *plan;
	*plan = (struct gremc_link_plan){0};
}

void gremc_link_plan_fini(struct gremc_link_plan *plan)
{
	free(plan->addresses);
	free(plan->routes);
	*plan = (struct gremc_link_plan){0};
}
