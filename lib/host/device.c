/* SPDX-License-Identifier: BSD-3-Clause */
/* One TUN or TAP device: open, settings, commit, close. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include "host/host_priv.h"

/* Packets that the kernel queues until the program reads them. */
#define TX_QUEUE 2000

/* Write a setting of the interface in /proc/sys/net; no-op if the kernel has no such setting. */
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

/* Read such a setting. Returns: 0 if the kernel has none. */
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

/* Attach to the device of this name, or create it. Returns: 0 or a negative errno. */
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

/* Set the properties of the device. An existing device keeps an MTU that an operator has lowered. */
static int device_properties_set(struct gremc_host *host, struct gremc_device *device)
{
	struct gremc_link_settings settings = {.tx_queue = TX_QUEUE, .gso_segments = GREMC_HOST_SEGMENTS};
	struct gremc_link link;
	int rc = gremc_link_get(&host->netlink, device->name, &link);

	if (rc)
		return rc;
	/* without offloads the kernel computes checksums and segments itself */
	if (ioctl(device->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4))
		GREMC_LOG(DEBUG, "%s: no offloads: %s", device->name, strerror(errno));
	if (!device->was_there || link.mtu > device->mtu_max)
		settings.mtu = device->mtu;
	if (device->is_tap && memcmp(&link.mac, &device->mac, sizeof(link.mac)))
		settings.mac = &device->mac;
	/* removing an address must not remove the other addresses of its network */
	sysctl_write("ipv4/conf", device->name, "promote_secondaries", "1");
	/* the kernel probes a neighbour twice a second, so that a next hop is found early */
	if (device->is_tap)
		sysctl_write("ipv4/neigh", device->name, "retrans_time_ms", "500");
	/* a tunnel carries IPv4 only, so the kernel generates no IPv6 address */
	if (!device->is_tap)
		sysctl_write("ipv6/conf", device->name, "addr_gen_mode", "1");
	return gremc_link_set(&host->netlink, device->ifindex, &settings);
}

void gremc_device_carrier_set(const struct gremc_host *host, const struct gremc_device *device)
{
	const int carrier = !host->no_carrier[device->port];

	/* kernels before 5.0 do not support this request */
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
	if (rc == 0 && epoll_ctl(host->context.epoll, EPOLL_CTL_ADD, device->fd, &event))
		rc = -errno;
	if (rc) {
		gremc_device_close(host, device, !device->was_there);
		return rc;
	}
	/* attaching to the device has set its carrier */
	gremc_device_carrier_set(host, device);
	return 0;
}

int gremc_device_persist(struct gremc_device *device)
{
	gremc_assert(device->fd >= 0);
	return ioctl(device->fd, TUNSETPERSIST, 1) ? -errno : 0;
}

/* ---- the reverse path filter ---- */

/* The mroutes of the configuration decide by which interface a source's packets may come, so the kernel's
 * reverse path filter only drops packets. The kernel uses the larger of `all` and the device's setting, and a
 * loose device (2) turns a strict `all` (1) into a loose filter. */
static void device_rp_filter_disable(const struct gremc_device *device)
{
	sysctl_write("ipv4/conf", device->name, "rp_filter",
		     sysctl_read("ipv4/conf", "all", "rp_filter") ? "2" : "0");
}

int gremc_device_rp_filter_read(const struct gremc_device *device)
{
	return RTE_MAX(sysctl_read("ipv4/conf", "all", "rp_filter"),
		       sysctl_read("ipv4/conf", device->name, "rp_filter"));
}

/* ---- commit ---- */

void gremc_device_commit(struct gremc_host *host, struct gremc_device *device)
{
	const struct gremc_link_settings up = {.up = true};
	struct gremc_link_config link_config = device->link_config;
	int rc;

	gremc_assert(device->fd >= 0);
	device->link_config = (struct gremc_link_config){0};
	rc = device->was_there ? gremc_device_config_read(host, device) : 0;
	if (rc)
		GREMC_LOG(WARNING, "%s: cannot read the addresses and routes of an earlier start: %s",
			  device->name, strerror(-rc));
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
	/* close() removes it as well */
	(void)epoll_ctl(host->context.epoll, EPOLL_CTL_DEL, device->fd, NULL);
	if (remove && ioctl(device->fd, TUNSETPERSIST, 0))
		GREMC_LOG(WARNING, "%s: cannot be removed: %s", device->name, strerror(errno));
	close(device->fd);
	device->fd = -1;
	device->ifindex = 0;
}
