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
static void sysctl_write(const char *tree, const char *device, const char *name, const char *value)
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

/* The value of such a setting; 0 where the kernel has none. */
static int sysctl_read(const char *tree, const char *device, const char *name)
{
	char path[128], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/%s/%s", tree, device, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return (int)strtol(text, NULL, 10);
}

/* Attach to a device of this name, or make it. */
static int tun_attach(struct gremc_device *device)
{
	struct ifreq request = {.ifr_flags = (device->is_tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_VNET_HDR};
	const int header = sizeof(struct virtio_net_hdr);
	int fd;

	device->was_there = if_nametoindex(device->name) != 0;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, device->name, sizeof(device->name));
	if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETVNETHDRSZ, &header)) {
		int error = errno;

		close(fd);
		return -error;
	}
	device->fd = fd;
	device->ifindex = if_nametoindex(device->name);
	return device->ifindex ? 0 : -ENODEV;
}

/* A new device as it is to be; one that was there keeps what was changed of it. */
static int device_properties_set(struct gremc_host *host, struct gremc_device *device)
{
	struct gremc_link_settings settings = {.tx_queue = TX_QUEUE, .gso_segments = GREMC_HOST_SEGMENTS};
	struct gremc_link link;
	int rc = gremc_link_get(&host->netlink, device->name, &link);

	if (rc)
		return rc;
	/* a kernel that does not do it does the work itself */
	if (ioctl(device->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4))
		GREMC_LOG(DEBUG, "%s: no offloads: %s", device->name, strerror(errno));
	if (!device->was_there || link.mtu > device->mtu_max)
		settings.mtu = device->mtu;
	if (device->is_tap && memcmp(&link.mac, &device->mac, sizeof(link.mac)))
		settings.mac = &device->mac;
	/* an address that goes must not take those of its network with it */
	sysctl_write("ipv4/conf", device->name, "promote_secondaries", "1");
	/* a next hop that comes back is found within half a second, not one */
	if (device->is_tap)
		sysctl_write("ipv4/neigh", device->name, "retrans_time_ms", "500");
	/* a tunnel carries IPv4: no addresses by which the kernel would begin with IPv6 */
	if (!device->is_tap)
		sysctl_write("ipv6/conf", device->name, "addr_gen_mode", "1");
	return gremc_link_set(&host->netlink, device->ifindex, &settings);
}

void gremc_device_carrier_set(const struct gremc_host *host, const struct gremc_device *device)
{
	const int carrier = !host->no_carrier[device->port];

	/* a kernel before 5.0 has no such request */
	if (device->is_tap && device->fd >= 0 && ioctl(device->fd, TUNSETCARRIER, &carrier))
		GREMC_LOG(DEBUG, "%s: no carrier can be set: %s", device->name, strerror(errno));
}

int gremc_device_open(struct gremc_host *host, struct gremc_device *device)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &device->watch};
	int rc = tun_attach(device);

	if (rc)
		return rc;
	rc = device_properties_set(host, device);
	if (rc == 0 && epoll_ctl(host->epoll, EPOLL_CTL_ADD, device->fd, &event))
		rc = -errno;
	if (rc) {
		gremc_device_close(host, device, !device->was_there);
		return rc;
	}
	/* attaching has given it one */
	gremc_device_carrier_set(host, device);
	return 0;
}

int gremc_device_persist(struct gremc_device *device)
{
	return ioctl(device->fd, TUNSETPERSIST, 1) ? -errno : 0;
}

/* ---- the reverse path filter ---- */

/* The mroutes of the configuration say by which interface a source's packets may come. A second opinion of
 * the kernel only loses packets. `all` may overrule the device, but a device that is loose makes a strict
 * `all` loose. */
static void device_rp_filter_disable(const struct gremc_device *device)
{
	sysctl_write("ipv4/conf", device->name, "rp_filter",
		     sysctl_read("ipv4/conf", "all", "rp_filter") ? "2" : "0");
}

int gremc_device_rp_filter_read(const struct gremc_device *device)
{
	/* the kernel goes by the larger one */
	return RTE_MAX(sysctl_read("ipv4/conf", "all", "rp_filter"),
		       sysctl_read("ipv4/conf", device->name, "rp_filter"));
}

/* ---- commit ---- */

void gremc_device_commit(struct gremc_host *host, struct gremc_device *device)
{
	const struct gremc_link_settings up = {.up = true};
	struct gremc_link_config link_config = device->link_config;
	int rc;

	device->link_config = (struct gremc_link_config){0};
	rc = device->was_there ? gremc_device_config_read(host, device) : 0;
	if (rc)
		GREMC_LOG(WARNING, "%s: cannot find what an earlier start has left: %s", device->name,
			  strerror(-rc));
	if (!device->is_tap && !device->was_there)
		device_rp_filter_disable(device);
	host->rp_filter_due |= device->accepts_groups;
	rc = gremc_link_set(&host->netlink, device->ifindex, &up);
	if (rc)
		GREMC_LOG(WARNING, "%s: cannot be set up: %s", device->name, strerror(-rc));
	gremc_device_config_apply(host, device, &link_config);
}

void gremc_device_close(struct gremc_host *host, struct gremc_device *device, bool remove)
{
	if (device->fd < 0)
		return;
	/* closing it does the same */
	(void)epoll_ctl(host->epoll, EPOLL_CTL_DEL, device->fd, NULL);
	if (remove && ioctl(device->fd, TUNSETPERSIST, 0))
		GREMC_LOG(WARNING, "%s: cannot be removed: %s", device->name, strerror(errno));
	close(device->fd);
	device->fd = -1;
	device->ifindex = 0;
}

bool gremc_tap_is_abandoned(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	bool is_free;

	if (fd < 0)
		return false;
	/* one program at a time may attach */
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	is_free = ioctl(fd, TUNSETIFF, &request) == 0;
	close(fd);
	return is_free;
}
