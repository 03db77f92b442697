/* SPDX-License-Identifier: BSD-3-Clause */
/* DPDK's net_af_xdp on an interface of the kernel, with the XDP program xdp/gremc_xdp.bpf.c: it takes the
 * packets that its maps name and passes all others.
 *
 * The program is a part of this executable; the driver reads it from a memory file. The driver attaches it
 * without a link, so it stays when the forwarder is killed. Without sockets it passes all packets to the
 * kernel. The next forwarder on the interface finds the program by its name and replaces it. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <rte_dev.h>
#include <rte_errno.h>

#include "steer/xdp/maps.h"
#include "steer/xdp_priv.h"

#include "steer/xdp/gremc_xdp_object.h"

#define MAPS_MAX 16

static_assert(GREMC_XDP_QUEUES_MAX == GREMC_STEER_QUEUES_MAX, "each RX queue has a socket");
static_assert(sizeof(RTE_STR(GREMC_XDP_PROGRAM)) <= BPF_OBJ_NAME_LEN, "the kernel keeps the whole name");

static void fd_close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- the interface ---- */

static int netdev_ethtool(const char *interface, void *command)
{
	struct ifreq ifr = {.ifr_data = command};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0;

	if (fd < 0)
		return -errno;
	gremc_text_copy(ifr.ifr_name, sizeof(ifr.ifr_name), interface);
	if (ioctl(fd, SIOCETHTOOL, &ifr))
		ret = -errno;
	close(fd);
	return ret;
}

/* Count the queues for the driver. It can take the combined queues, or one. It has to take all RX queues,
 * because the NIC distributes packets over all of them. */
static int netdev_queues_count(const struct gremc_xdp *xdp, unsigned *count, struct gremc_errors *errors)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	int ret = netdev_ethtool(xdp->interface, &channels);

	*count = 1;
	if (ret == -EOPNOTSUPP)
		return 0;
	if (ret) {
		gremc_errors_add(errors, NULL, 0, 0, "ethernets.%s: cannot read the queues of %s: %s",
				 xdp->port, xdp->interface, rte_strerror(-ret));
		return ret;
	}
	*count = RTE_MAX(channels.combined_count, 1u);
	if (channels.rx_count + channels.combined_count <= *count)
		return 0;
	gremc_errors_add(errors, NULL, 0, 0,
			 "ethernets.%s: %s has %u RX queues, of which DPDK's net_af_xdp can take %u; GRE in "
			 "the other queues would not be forwarded: `ethtool -L %s rx %u` removes them",
			 xdp->port, xdp->interface, channels.rx_count + channels.combined_count, *count,
			 xdp->interface, channels.combined_count ? 0 : 1);
	return -ENOTSUP;
}

static void vlan_offload_warn(const struct gremc_xdp *xdp)
{
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};

	if (xdp->vlan && netdev_ethtool(xdp->interface, &flags) == 0 && flags.data & ETH_FLAG_RXVLAN)
		GREMC_LOG(WARNING,
			  "port %s: %s may strip VLAN tags from frames before the XDP program, which then "
			  "takes nothing: `ethtool -K %s rxvlan off`",
			  xdp->port, xdp->interface, xdp->interface);
}

/* Bind an abstract address that one socket in the network namespace can have. Returns the socket or a
 * negative errno. */
static int netdev_lock(unsigned if_index)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;
	int length;

	if (fd < 0)
		return -errno;
	length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "dpdk-gremc/xdp/%u", if_index);
	if (bind(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + length) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* Receive all groups for the lifetime of the socket: unlike the interface's flag this ends with the process.
 * Returns the socket or a negative errno. */
static int netdev_allmulti_open(unsigned if_index)
{
	struct packet_mreq request = {.mr_ifindex = if_index, .mr_type = PACKET_MR_ALLMULTI};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* ---- the program ---- */

/* Find the program on the interface: *id 0: none. maps: the ids of its maps, or NULL. */
static int xdp_program_query(unsigned if_index, uint32_t *id, char *name, uint32_t *maps, uint32_t *map_count)
{
	struct bpf_prog_info info = {.map_ids = (uintptr_t)maps, .nr_map_ids = maps ? *map_count : 0};
	uint32_t size = sizeof(info);
	int ret = bpf_xdp_query_id(if_index, 0, id), fd;

	if (ret || *id == 0)
		return ret;
	fd = bpf_prog_get_fd_by_id(*id);
	if (fd < 0)
		return -errno;
	ret = bpf_obj_get_info_by_fd(fd, &info, &size) ? -errno : 0;
	close(fd);
	gremc_text_copy(name, BPF_OBJ_NAME_LEN, info.name);
	if (maps)
		*map_count = RTE_MIN(info.nr_map_ids, *map_count);
	return ret;
}

/* Detach a program that an earlier process left. This process holds the lock of the interface, so no process
 * uses such a program. */
static int xdp_program_take_over(const struct gremc_xdp *xdp, struct gremc_errors *errors)
{
	char name[BPF_OBJ_NAME_LEN] = "";
	uint32_t id = 0;
	int ret = xdp_program_query(xdp->if_index, &id, name, NULL, NULL);

	if (ret == 0 && id && strcmp(name, RTE_STR(GREMC_XDP_PROGRAM)) == 0) {
		GREMC_LOG(NOTICE, "port %s: replacing the XDP program that an earlier dpdk-gremc left on %s",
			  xdp->port, xdp->interface);
		ret = bpf_xdp_detach(xdp->if_index, 0, NULL);
	} else if (ret == 0 && id) {
		gremc_errors_add(
			errors, NULL, 0, 0,
			"ethernets.%s: %s has an XDP program already, `%s` (id %u), and can have one; "
			"`ip link set dev %s xdp off` removes it",
			xdp->port, xdp->interface, name, id, xdp->interface);
		return -EBUSY;
	}
	if (ret)
		gremc_errors_add(
			errors, NULL, 0, 0,
			"ethernets.%s: cannot read or detach the XDP program of %s: %s; this needs root",
			xdp->port, xdp->interface, rte_strerror(-ret));
	return ret;
}

/* Returns the descriptor of a memory file with the program, or a negative errno. */
static int xdp_object_write(void)
{
	int fd = memfd_create("gremc_xdp", MFD_CLOEXEC), error;
	ssize_t written;

	if (fd < 0)
		return -errno;
	written = write(fd, gremc_xdp_object, sizeof(gremc_xdp_object));
	if (written == (ssize_t)sizeof(gremc_xdp_object))
		return fd;
	error = written < 0 ? errno : ENOSPC;
	close(fd);
	return -error;
}

/* ---- plug and unplug ---- */

static int xdp_device_create(struct gremc_xdp *xdp, struct gremc_errors *errors)
{
	char arguments[128];
	unsigned queues;
	int ret = netdev_queues_count(xdp, &queues, errors);

	if (ret)
		return ret;
	xdp->object = xdp_object_write();
	if (xdp->object < 0) {
		gremc_errors_add(errors, NULL, 0, 0,
				 "ethernets.%s: cannot write the XDP program to a memory file: %s", xdp->port,
				 rte_strerror(-xdp->object));
		return xdp->object;
	}
	snprintf(arguments, sizeof(arguments), "iface=%s,queue_count=%u,xdp_prog=/proc/self/fd/%d",
		 xdp->interface, queues, xdp->object);
	ret = rte_eal_hotplug_add("vdev", xdp->device, arguments);
	if (ret)
		gremc_errors_add(errors, NULL, 0, 0,
				 "ethernets.%s: DPDK makes no AF_XDP device on %s (%s): %s", xdp->port,
				 xdp->interface, arguments, rte_strerror(-ret));
	xdp->plugged = ret == 0;
	return ret;
}

static struct gremc_xdp *xdp_alloc(const struct gremc_config_port *config)
{
	struct gremc_xdp *xdp = malloc(sizeof(*xdp));

	if (xdp == NULL)
		return NULL;
	*xdp = (struct gremc_xdp){.if_index = if_nametoindex(config->interface),
				  .vlan = config->vlan,
				  .multicast = config->multicast,
				  .lock = -1,
				  .object = -1,
				  .allmulti = -1,
				  .tunnels = -1,
				  .groups = -1,
				  .flows = -1,
				  .vlan_map = -1};
	gremc_text_copy(xdp->port, sizeof(xdp->port), config->name);
	gremc_text_copy(xdp->device, sizeof(xdp->device), config->device);
	gremc_text_copy(xdp->interface, sizeof(xdp->interface), config->interface);
	return xdp;
}

int gremc_xdp_plug(const struct gremc_config_port *config, struct gremc_xdp **plugged,
		   struct gremc_errors *errors)
{
	struct gremc_xdp *xdp = xdp_alloc(config);
	int ret;

	*plugged = xdp;
	if (xdp == NULL) {
		gremc_errors_add(errors, NULL, 0, 0, "ethernets.%s: out of memory", config->name);
		return -ENOMEM;
	}
	if (xdp->if_index == 0) {
		gremc_errors_add(
			errors, NULL, 0, 0,
			"ethernets.%s: the kernel has no interface `%s`; `ip link` lists those it has",
			xdp->port, xdp->interface);
		return -ENODEV;
	}
	xdp->lock = netdev_lock(xdp->if_index);
	if (xdp->lock < 0) {
		gremc_errors_add(
			errors, NULL, 0, 0, "ethernets.%s: cannot use %s: %s", xdp->port, xdp->interface,
			xdp->lock == -EADDRINUSE ? "another dpdk-gremc uses it" : rte_strerror(-xdp->lock));
		return xdp->lock;
	}
	ret = xdp_program_take_over(xdp, errors);
	if (ret)
		return ret;
	vlan_offload_warn(xdp);
	return xdp_device_create(xdp, errors);
}

void gremc_xdp_unplug(struct gremc_xdp *xdp)
{
	if (xdp == NULL)
		return;
	if (xdp->plugged && rte_eal_hotplug_remove("vdev", xdp->device))
		GREMC_LOG(ERR, "port %s: cannot remove the device `%s`", xdp->port, xdp->device);
	fd_close_if_open(xdp->vlan_map);
	fd_close_if_open(xdp->flows);
	fd_close_if_open(xdp->groups);
	fd_close_if_open(xdp->tunnels);
	fd_close_if_open(xdp->allmulti);
	fd_close_if_open(xdp->object);
	fd_close_if_open(xdp->lock);
	free(xdp);
}

/* ---- attach ---- */

/* Keep the map under its name, or close it. */
static void xdp_map_keep(struct gremc_xdp *xdp, uint32_t id)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		fd_close_if_open(fd);
	else if (strcmp(info.name, RTE_STR(GREMC_XDP_TUNNELS)) == 0)
		xdp->tunnels = fd;
	else if (strcmp(info.name, RTE_STR(GREMC_XDP_GROUPS)) == 0)
		xdp->groups = fd;
	else if (strcmp(info.name, RTE_STR(GREMC_XDP_FLOWS)) == 0)
		xdp->flows = fd;
	else if (strcmp(info.name, RTE_STR(GREMC_XDP_VLAN)) == 0)
		xdp->vlan_map = fd;
	else
		close(fd);
}

/* The kernel runs generic XDP in its network core, after it has allocated a buffer for the frame. */
static void generic_mode_warn(const struct gremc_xdp *xdp)
{
	struct bpf_xdp_query_opts options = {.sz = sizeof(options)};

	if (bpf_xdp_query(xdp->if_index, 0, &options) == 0 && options.attach_mode == XDP_ATTACHED_SKB)
		GREMC_LOG(
			WARNING,
			"port %s: the driver of %s does not support XDP: the kernel's generic XDP is slower",
			xdp->port, xdp->interface);
}

int gremc_xdp_attach(struct gremc_xdp *xdp, struct gremc_errors *errors)
{
	char name[BPF_OBJ_NAME_LEN] = "";
	uint32_t id = 0, maps[MAPS_MAX], count = RTE_DIM(maps), zero = 0, vlan = xdp->vlan;
	int ret = xdp_program_query(xdp->if_index, &id, name, maps, &count);

	for (uint32_t i = 0; ret == 0 && id && i < count; i++)
		xdp_map_keep(xdp, maps[i]);
	if (ret == 0 && (xdp->tunnels < 0 || xdp->groups < 0 || xdp->flows < 0 || xdp->vlan_map < 0))
		ret = -ENOENT;
	if (ret == 0 && bpf_map_update_elem(xdp->vlan_map, &zero, &vlan, BPF_ANY))
		ret = -errno;
	if (ret) {
		gremc_errors_add(errors, NULL, 0, 0,
				 "ethernets.%s: cannot use the maps of the XDP program on %s: %s", xdp->port,
				 xdp->interface, rte_strerror(-ret));
		return ret;
	}
	generic_mode_warn(xdp);
	if (!xdp->multicast)
		return 0;
	xdp->allmulti = netdev_allmulti_open(xdp->if_index);
	if (xdp->allmulti < 0)
		GREMC_LOG(WARNING, "port %s: %s may drop multicast: it cannot receive all groups: %s",
			  xdp->port, xdp->interface, rte_strerror(-xdp->allmulti));
	return 0;
}
