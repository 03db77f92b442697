/* SPDX-License-Identifier: BSD-3-Clause */
/* Network interfaces of the kernel under net_af_packet and net_af_xdp. net_af_packet reports a longest frame
 * of 1518 bytes, independent of its `framesz`, so rte_eth_dev_set_mtu() refuses jumbo frames that the driver
 * can carry. It silently truncates (RX) or drops (TX) frames that are longer than `framesz`. So the functions
 * here use the kernel and the driver's arguments instead. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_kvargs.h>

#include "port/device_priv.h"

#define DEFAULT_FRAME_SIZE 2048u /* the driver's `framesz` */

/* Bytes before the data in a frame of the socket. TX: the header. RX: the header, an address, and padding
 * that aligns the IP header, 14 bytes behind, to 16. */
#define TX_OVERHEAD (TPACKET2_HDRLEN - sizeof(struct sockaddr_ll))
#define RX_OVERHEAD (TPACKET_ALIGN(TPACKET2_HDRLEN + 16) - RTE_ETHER_HDR_LEN)

static bool driver_is_af_packet(const struct rte_eth_dev_info *info)
{
	const struct gremc_driver_trait *trait = gremc_driver_trait(info->driver_name);

	return trait && trait->socket_frames;
}

bool gremc_netdev_has_mtu(const struct rte_eth_dev_info *info)
{
	const struct gremc_driver_trait *trait = gremc_driver_trait(info->driver_name);

	return trait && trait->on_netdev;
}

/* Read `framesz` of the device's arguments. */
static uint32_t af_packet_frame_size(const struct rte_eth_dev_info *info)
{
	const struct rte_devargs *devargs = rte_dev_devargs(info->device);
	struct rte_kvargs *arguments =
		devargs && devargs->args ? rte_kvargs_parse(devargs->args, NULL) : NULL;
	const char *value = arguments ? rte_kvargs_get(arguments, "framesz") : NULL;
	uint32_t size = value ? strtoul(value, NULL, 10) : DEFAULT_FRAME_SIZE;

	rte_kvargs_free(arguments);
	return size;
}

uint32_t gremc_netdev_frame_max(const struct rte_eth_dev_info *info)
{
	return driver_is_af_packet(info) ? RTE_MAX(af_packet_frame_size(info), RX_OVERHEAD) - RX_OVERHEAD : 0;
}

uint32_t gremc_netdev_rx_capacity(const struct rte_eth_dev_info *info)
{
	return driver_is_af_packet(info) ? RTE_MAX(af_packet_frame_size(info), TX_OVERHEAD) - TX_OVERHEAD : 0;
}

static int netdev_ioctl(unsigned if_index, unsigned long request, struct ifreq *ifr)
{
	int fd, ret = 0;

	if (if_indextoname(if_index, ifr->ifr_name) == NULL)
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, request, ifr))
		ret = -errno;
	close(fd);
	return ret;
}

int gremc_netdev_mtu_get(unsigned if_index, uint16_t *mtu)
{
	struct ifreq ifr = {0};
	int ret = netdev_ioctl(if_index, SIOCGIFMTU, &ifr);

	if (ret == 0)
		*mtu = RTE_MIN(ifr.ifr_mtu, UINT16_MAX); /* lo has 65536 */
	return ret;
}

int gremc_netdev_mtu_set(unsigned if_index, uint16_t mtu)
{
	struct ifreq ifr = {.ifr_mtu = mtu};
	uint16_t now;

	if (gremc_netdev_mtu_get(if_index, &now) == 0 && now == mtu)
		return 0;
	return netdev_ioctl(if_index, SIOCSIFMTU, &ifr);
}

bool gremc_netdev_has_carrier(unsigned if_index)
{
	struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
	struct ifreq ifr = {.ifr_data = (char *)&link};

	/* this is the carrier itself; IFF_RUNNING follows it up to a second later */
	if (netdev_ioctl(if_index, SIOCETHTOOL, &ifr) == 0)
		return link.data;
	return netdev_ioctl(if_index, SIOCGIFFLAGS, &ifr) == 0 && ifr.ifr_flags & IFF_UP &&
	       ifr.ifr_flags & IFF_RUNNING;
}

void gremc_netdev_mtus_save(uint16_t mtu[RTE_MAX_ETHPORTS])
{
	struct rte_eth_dev_info info;
	uint16_t id;

	RTE_ETH_FOREACH_DEV (id)
		if (rte_eth_dev_info_get(id, &info) == 0 && gremc_netdev_has_mtu(&info) &&
		    gremc_netdev_mtu_get(info.if_index, &mtu[id]))
			mtu[id] = 0;
}
