/* SPDX-License-Identifier: BSD-3-Clause */
/* A port with `interface:`: DPDK's net_af_xdp on an interface that the kernel keeps, with an XDP program of
 * ours (xdp/gremc_xdp.bpf.c) that takes what the tables behind its maps name and passes the rest.
 *
 * The program is in this executable; the driver gets it as a file in memory. It attaches it for good: it
 * stays when the forwarder is killed, with no sockets behind it, and then passes everything to the kernel.
 * The next forwarder on the interface finds it by its name and replaces it. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "port/steer_priv.h"
#include "port/xdp/maps.h"

#include "port/xdp/gremc_xdp_object.h"

#define MAPS_MAX 16

struct gremc_xdp {
	char device[GREMC_DEVICE_SIZE];
	unsigned if_index;
	bool plugged;
	int lock;                         /* held while this process has the interface */
	int object;                       /* the program as a file */
	int allmulti;                     /* the socket by whose life the interface lets all groups in */
	int tunnels, groups, flows, vlan; /* maps of the program */
	uint32_t tunnel_count;            /* entries of `tunnels` */
};

static void fd_close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- the interface ---- */

static int ethtool(const char *interface, void *command)
{
	struct ifreq ifr = {.ifr_data = command};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0;

	if (fd < 0)
		return -errno;
	strcpy(ifr.ifr_name, interface);
	if (ioctl(fd, SIOCETHTOOL, &ifr))
		ret = -errno;
	close(fd);
	return ret;
}

/* All RX queues must be taken: the NIC chooses one for each packet. DPDK's driver takes those that the
 * interface calls combined, or one. */
static int netdev_queues_count(struct gremc_port_set *set, struct gremc_port_state *state, unsigned *count)
{
	const char *interface = state->config->interface;
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	int ret = ethtool(interface, &channels);

	*count = 1;
	if (ret == -EOPNOTSUPP)
		return 0;
	if (ret) {
		gremc_port_error(set, state, "the queues of %s cannot be asked for: %s", interface,
				 rte_strerror(-ret));
		return ret;
	}
	*count = RTE_MAX(channels.combined_count, 1u);
	if (channels.rx_count + channels.combined_count <= *count)
		return 0;
	gremc_port_error(
		set, state,
		"%s has %u RX queues, of which DPDK's net_af_xdp can take %u; GRE that comes by the others "
		"would not be forwarded: `ethtool -L %s rx %u` leaves only these",
		interface, channels.rx_count + channels.combined_count, *count, interface,
		channels.combined_count ? 0 : 1);
	return -ENOTSUP;
}

static void vlan_offload_warn(const struct gremc_config_port *config)
{
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};

	if (config->vlan && ethtool(config->interface, &flags) == 0 && flags.data & ETH_FLAG_RXVLAN)
		GREMC_LOG(
			WARNING,
			"port %s: where %s takes VLAN tags out of frames, the XDP program sees none and takes "
			"nothing: `ethtool -K %s rxvlan off`",
			config->name, config->interface, config->interface);
}

/* An address that only one socket can have, in the namespace that the interface is in. */
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

/* Unlike the interface's flag this ends with the process, however it ends. */
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

/* The program on the interface: *id 0: none. maps: of the program, or NULL. */
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
	snprintf(name, BPF_OBJ_NAME_LEN, "%s", info.name);
	if (maps)
		*map_count = RTE_MIN(info.nr_map_ids, *map_count);
	return ret;
}

/* The lock is ours: a program of ours that is there has nobody behind it. */
static int xdp_program_take_over(struct gremc_port_set *set, struct gremc_port_state *state)
{
	const char *interface = state->config->interface;
	char name[BPF_OBJ_NAME_LEN] = "";
	uint32_t id = 0;
	int ret = xdp_program_query(state->xdp->if_index, &id, name, NULL, NULL);

	if (ret == 0 && id && strcmp(name, RTE_STR(GREMC_XDP_PROGRAM)) == 0) {
		GREMC_LOG(NOTICE, "port %s: replacing the XDP program that an earlier dpdk-gremc left on %s",
			  state->config->name, interface);
		ret = bpf_xdp_detach(state->xdp->if_index, 0, NULL);
	} else if (ret == 0 && id) {
		gremc_port_error(set, state,
				 "%s has an XDP program already, `%s` (id %u), and can have one; "
				 "`ip link set dev %s xdp off` removes it",
				 interface, name, id, interface);
		return -EBUSY;
	}
	if (ret)
		gremc_port_error(set, state, "the XDP program of %s cannot be asked for: %s; this needs root",
				 interface, rte_strerror(-ret));
	return ret;
}

static int xdp_object_write(void)
{
	int fd = memfd_create("gremc_xdp", MFD_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	if (write(fd, gremc_xdp_object, sizeof(gremc_xdp_object)) == (ssize_t)sizeof(gremc_xdp_object))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* ---- plug ---- */

static int xdp_device_create(struct gremc_port_set *set, struct gremc_port_state *state)
{
	const struct gremc_config_port *config = state->config;
	struct gremc_xdp *xdp = state->xdp;
	char arguments[128];
	unsigned queues;
	int ret = netdev_queues_count(set, state, &queues);

	if (ret)
		return ret;
	xdp->object = xdp_object_write();
	if (xdp->object < 0) {
		gremc_port_error(set, state, "the XDP program cannot be written to memory: %s",
				 rte_strerror(-xdp->object));
		return xdp->object;
	}
	snprintf(arguments, sizeof(arguments), "iface=%s,queue_count=%u,xdp_prog=/proc/self/fd/%d",
		 config->interface, queues, xdp->object);
	ret = rte_eal_hotplug_add("vdev", config->device, arguments);
	if (ret)
		gremc_port_error(set, state, "DPDK makes no AF_XDP device on %s (%s): %s", config->interface,
				 arguments, rte_strerror(-ret));
	xdp->plugged = ret == 0;
	return ret;
}

int gremc_xdp_plug(struct gremc_port_set *set, struct gremc_port_state *state)
{
	const struct gremc_config_port *config = state->config;
	struct gremc_xdp *xdp = malloc(sizeof(*xdp));
	int ret;

	if (xdp == NULL)
		return -ENOMEM;
	*xdp = (struct gremc_xdp){.if_index = if_nametoindex(config->interface),
				  .lock = -1,
				  .object = -1,
				  .allmulti = -1,
				  .tunnels = -1,
				  .groups = -1,
				  .flows = -1,
				  .vlan = -1};
	strcpy(xdp->device, config->device);
	state->xdp = xdp;
	if (xdp->if_index == 0) {
		gremc_port_error(set, state, "the kernel has no interface `%s`; `ip link` lists those it has",
				 config->interface);
		return -ENODEV;
	}
	xdp->lock = netdev_lock(xdp->if_index);
	if (xdp->lock < 0) {
		gremc_port_error(set, state, "%s cannot be had: %s", config->interface,
				 xdp->lock == -EADDRINUSE ? "another dpdk-gremc has it"
							  : rte_strerror(-xdp->lock));
		return xdp->lock;
	}
	ret = xdp_program_take_over(set, state);
	if (ret)
		return ret;
	vlan_offload_warn(config);
	return xdp_device_create(set, state);
}

void gremc_xdp_unplug(struct gremc_xdp *xdp)
{
	if (xdp == NULL)
		return;
	if (xdp->plugged && rte_eal_hotplug_remove("vdev", xdp->device))
		GREMC_LOG(ERR, "the device `%s` could not be removed", xdp->device);
	fd_close_if_open(xdp->vlan);
	fd_close_if_open(xdp->flows);
	fd_close_if_open(xdp->groups);
	fd_close_if_open(xdp->tunnels);
	fd_close_if_open(xdp->allmulti);
	fd_close_if_open(xdp->object);
	fd_close_if_open(xdp->lock);
	free(xdp);
}

/* ---- attach ---- */

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
		xdp->vlan = fd;
	else
		close(fd);
}

/* In the kernel's network core instead of the interface's driver. */
static void generic_mode_warn(const struct gremc_port_state *state)
{
	struct bpf_xdp_query_opts options = {.sz = sizeof(options)};

	if (bpf_xdp_query(state->xdp->if_index, 0, &options) == 0 && options.attach_mode == XDP_ATTACHED_SKB)
		GREMC_LOG(
			WARNING,
			"port %s: the driver of %s has no XDP of its own: the kernel's generic one works, slower",
			state->config->name, state->config->interface);
}

int gremc_xdp_attach(struct gremc_port_set *set, struct gremc_port_state *state)
{
	struct gremc_xdp *xdp = state->xdp;
	char name[BPF_OBJ_NAME_LEN] = "";
	uint32_t id = 0, maps[MAPS_MAX], count = RTE_DIM(maps), zero = 0, vlan = state->config->vlan;
	int ret = xdp_program_query(xdp->if_index, &id, name, maps, &count);

	for (uint32_t i = 0; ret == 0 && id && i < count; i++)
		xdp_map_keep(xdp, maps[i]);
	if (ret == 0 && (xdp->tunnels < 0 || xdp->groups < 0 || xdp->flows < 0 || xdp->vlan < 0))
		ret = -ENOENT;
	if (ret == 0 && bpf_map_update_elem(xdp->vlan, &zero, &vlan, BPF_ANY))
		ret = -errno;
	if (ret) {
		gremc_port_error(set, state, "the maps of the XDP program on %s are not there: %s",
				 state->config->interface, rte_strerror(-ret));
		return ret;
	}
	generic_mode_warn(state);
	if (!state->config->multicast)
		return 0;
	xdp->allmulti = netdev_allmulti_open(xdp->if_index);
	if (xdp->allmulti < 0)
		GREMC_LOG(WARNING,
			  "port %s: %s cannot be told to receive all groups (%s): multicast may not come in",
			  state->config->name, state->config->interface, rte_strerror(-xdp->allmulti));
	return 0;
}

/* ---- what it takes ---- */

/* Where a group of any source stands, and one of a single source. */
union key {
	struct gremc_xdp_group group;
	struct gremc_xdp_flow flow;
};

static int group_map_find(const struct gremc_xdp *xdp, const struct gremc_steer_group *steer, union key *key)
{
	if (steer->source) {
		key->flow = (struct gremc_xdp_flow){steer->source, steer->group.address};
		return xdp->flows;
	}
	key->group = (struct gremc_xdp_group){steer->group.length, steer->group.address};
	return xdp->groups;
}

static struct gremc_xdp_tunnel tunnel_to_map_key(const struct gremc_steer_tunnel *tunnel)
{
	return (struct gremc_xdp_tunnel){.local = tunnel->local,
					 .remote = tunnel->remote,
					 .key = rte_cpu_to_be_32(tunnel->key),
					 .has_key = tunnel->has_key};
}

static struct gremc_steer_tunnel tunnel_from_map_key(const struct gremc_xdp_tunnel *tunnel)
{
	return (struct gremc_steer_tunnel){.local = tunnel->local,
					   .remote = tunnel->remote,
					   .key = rte_be_to_cpu_32(tunnel->key),
					   .has_key = tunnel->has_key};
}

static int xdp_tunnel_add(struct gremc_xdp *xdp, const struct gremc_steer_tunnel *tunnel)
{
	const struct gremc_xdp_tunnel key = tunnel_to_map_key(tunnel);
	const uint32_t take = GREMC_XDP_TAKE;

	if (bpf_map_update_elem(xdp->tunnels, &key, &take, BPF_NOEXIST) == 0)
		xdp->tunnel_count++;
	else if (errno != EEXIST)
		return -errno;
	return 0;
}

int gremc_xdp_add(struct gremc_xdp *xdp, const struct gremc_steer_set *steer,
		  const struct gremc_steer_set *present)
{
	uint32_t take = GREMC_XDP_TAKE;
	union key key;
	int ret = 0;

	/* a system call each: of 100,000 tunnels only those that are new */
	for (uint32_t i = 0; i < steer->tunnel_count && ret == 0; i++)
		if (!gremc_steer_set_has_tunnel(present, &steer->tunnels[i], GREMC_STEER_TUNNEL))
			ret = xdp_tunnel_add(xdp, &steer->tunnels[i]);
	for (uint32_t i = 0; i < steer->group_count && ret == 0; i++)
		if (bpf_map_update_elem(group_map_find(xdp, &steer->groups[i], &key), &key, &take, BPF_ANY))
			ret = -errno;
	return ret;
}

void gremc_xdp_remove(struct gremc_xdp *xdp, const struct gremc_steer_set *steer)
{
	union key key;

	for (uint32_t i = 0; i < steer->group_count; i++)
		bpf_map_delete_elem(group_map_find(xdp, &steer->groups[i], &key), &key);
}

bool gremc_xdp_pass(struct gremc_xdp *xdp, const struct gremc_steer_group *group)
{
	uint32_t pass = GREMC_XDP_PASS_NEXT;
	union key key;

	return bpf_map_update_elem(group_map_find(xdp, group, &key), &key, &pass, BPF_EXIST) == 0;
}

static void xdp_tunnel_remove(struct gremc_xdp *xdp, const struct gremc_xdp_tunnel *key)
{
	if (bpf_map_delete_elem(xdp->tunnels, key) == 0)
		xdp->tunnel_count--;
}

/* Whatever is in the map: after a failure that may be anything. */
static void xdp_tunnels_sweep(struct gremc_xdp *xdp, const struct gremc_steer_set *steer)
{
	struct gremc_xdp_tunnel key, next;
	bool more = bpf_map_get_next_key(xdp->tunnels, NULL, &next) == 0;

	while (more) {
		const struct gremc_steer_tunnel tunnel = tunnel_from_map_key(&next);

		key = next;
		/* before the key is gone: behind a key that is not there the map begins again */
		more = bpf_map_get_next_key(xdp->tunnels, &key, &next) == 0;
		if (!gremc_steer_set_has_tunnel(steer, &tunnel, GREMC_STEER_TUNNEL))
			xdp_tunnel_remove(xdp, &key);
	}
}

static void xdp_tunnels_trim(struct gremc_xdp *xdp, const struct gremc_steer_set *steer,
			     const struct gremc_steer_set *present)
{
	for (uint32_t i = 0; i < present->tunnel_count; i++) {
		const struct gremc_xdp_tunnel key = tunnel_to_map_key(&present->tunnels[i]);

		if (!gremc_steer_set_has_tunnel(steer, &present->tunnels[i], GREMC_STEER_TUNNEL))
			xdp_tunnel_remove(xdp, &key);
	}
	if (xdp->tunnel_count != steer->tunnel_count)
		xdp_tunnels_sweep(xdp, steer);
}

static void xdp_groups_trim(const struct gremc_xdp *xdp, const struct gremc_steer_set *steer)
{
	struct gremc_xdp_group key, next;
	bool more = bpf_map_get_next_key(xdp->groups, NULL, &next) == 0;

	while (more) {
		struct gremc_steer_group group = {.group = {next.address, next.length}};

		key = next;
		more = bpf_map_get_next_key(xdp->groups, &key, &next) == 0;
		if (!gremc_steer_set_has_group(steer, &group))
			bpf_map_delete_elem(xdp->groups, &key);
	}
}

static void xdp_flows_trim(const struct gremc_xdp *xdp, const struct gremc_steer_set *steer)
{
	struct gremc_xdp_flow key, next;
	bool more = bpf_map_get_next_key(xdp->flows, NULL, &next) == 0;

	while (more) {
		struct gremc_steer_group flow = {.group = {next.group, 32}, .source = next.source};

		key = next;
		more = bpf_map_get_next_key(xdp->flows, &key, &next) == 0;
		if (!gremc_steer_set_has_group(steer, &flow))
			bpf_map_delete_elem(xdp->flows, &key);
	}
}

void gremc_xdp_trim(struct gremc_xdp *xdp, const struct gremc_steer_set *steer,
		    const struct gremc_steer_set *present)
{
	xdp_tunnels_trim(xdp, steer, present);
	xdp_groups_trim(xdp, steer);
	xdp_flows_trim(xdp, steer);
}
