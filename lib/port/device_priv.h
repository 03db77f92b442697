/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices: traits of drivers, and the kernel's network interfaces under net_af_packet and net_af_xdp. */
#ifndef GREMC_PORT_DEVICE_PRIV_H
#define GREMC_PORT_DEVICE_PRIV_H

#include <rte_ethdev.h>

#include "base/base.h"

/* ---- device.c ---- */

/* The prefix of device names of the bonding driver. */
#define GREMC_PORT_BOND_PREFIX "net_bonding"

/* Deviations of a driver from the common behaviour. */
struct gremc_driver_trait {
	const char *name;
	bool fixed_queues;         /* its arguments fix the number of queues, and all of them receive */
	bool copies;               /* transmits copies: it holds no mbuf after a burst */
	bool on_netdev;            /* a socket on an interface of the kernel, which has the MTU */
	bool socket_frames;        /* its socket has frames of an own size, `framesz` */
	bool rejects_without_link; /* accepts no packet without a link; the first packet brings the link */
	bool paired;               /* needs equal numbers of TX and RX queues */
	bool tied_queues;          /* the release of a TX queue reads the list of RX queues */
	/* Its RX pools are memory that it shares with the kernel (UMEM): rings have a power of two of
	 * entries, an mbuf is smaller than a page, and the mbufs in the rings are not returned at the end. It
	 * copies transmitted packets into buffers of an RX pool. */
	bool umem;
};

/* Returns: the traits of a driver, or NULL: none. */
const struct gremc_driver_trait *gremc_driver_trait(const char *driver);
/* Many drivers return -1 for any failure, which is not an errno.
 * Returns: the text of a negative errno, or a reference to the log. */
const char *gremc_driver_error_text(int ret);
/* Find the ethdev with this name or PCI address.
 * Returns: 0 or -ENODEV. */
__rte_warn_unused_result int gremc_device_find(const char *device, uint16_t *id);

/* ---- netdev.c ---- */

/* Returns: the longest frame that the driver's socket carries in both directions; 0: unlimited. */
uint32_t gremc_netdev_frame_max(const struct rte_eth_dev_info *info);
/* Returns: the mbuf capacity that the driver requires, or 0. */
uint32_t gremc_netdev_rx_capacity(const struct rte_eth_dev_info *info);
/* Returns: whether the device has the MTU of an interface of the kernel. */
bool gremc_netdev_has_mtu(const struct rte_eth_dev_info *info);
/* Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_netdev_mtu_get(unsigned if_index, uint16_t *mtu);
/* Set the MTU; no-op, which needs no privilege, if it is set already.
 * Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_netdev_mtu_set(unsigned if_index, uint16_t mtu);
/* Store the kernel's MTU of each ethdev; 0: the ethdev is not on an interface of the kernel. */
void gremc_netdev_mtus_save(uint16_t mtu[RTE_MAX_ETHPORTS]);
/* Returns: whether the interface of the kernel has a carrier. */
bool gremc_netdev_has_carrier(unsigned if_index);

#endif
