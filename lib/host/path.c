/* SPDX-License-Identifier: BSD-3-Clause */
/* The pump up: what workers punt to the kernel's devices. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "host/host_priv.h"

#define BURST    64u
#define ROUNDS   8     /* of all classes before the loop looks at anything else */
#define SEGMENTS BURST /* of one packet */
#define MACS     (2 * RTE_ETHER_ADDR_LEN)

static void lose(struct gremc_host *host, struct gremc_device *device, enum gremc_host_loss reason,
		 uint32_t packets)
{
	struct gremc_host_counters *counters = device ? &device->counters : &host->others;

	gremc_count(&counters->lost[reason], packets);
}

/* ---- one packet ---- */

/* A packet in pieces, as writev() takes it: the first says what the kernel is to know of it. */
struct pieces {
	struct iovec piece[SEGMENTS + 4];
	int count;
};

static void add_piece(struct pieces *pieces, const void *bytes, size_t length)
{
	pieces->piece[pieces->count++] = (struct iovec){(void *)(uintptr_t)bytes, length};
}

/* The mbuf from byte `skip` of its first segment on. */
static void add_mbuf(struct pieces *pieces, const struct rte_mbuf *mbuf, uint16_t skip)
{
	add_piece(pieces, rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, skip), mbuf->data_len - skip);
	for (mbuf = mbuf->next; mbuf; mbuf = mbuf->next)
		add_piece(pieces, rte_pktmbuf_mtod(mbuf, const uint8_t *), mbuf->data_len);
}

/* A frame as the kernel is to see it: the port's own VLAN is not its concern, others are in their place. */
static void add_frame(struct pieces *pieces, const struct rte_mbuf *mbuf, uint16_t port_vlan,
		      struct rte_vlan_hdr *tag)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *inside = (const struct rte_vlan_hdr *)(ether + 1);

	if (mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		if ((mbuf->vlan_tci & 0xfff) == port_vlan) {
			add_mbuf(pieces, mbuf, 0);
			return;
		}
		/* the tag goes where it was: before the type */
		((rte_be16_t *)tag)[0] = RTE_BE16(RTE_ETHER_TYPE_VLAN);
		((rte_be16_t *)tag)[1] = rte_cpu_to_be_16(mbuf->vlan_tci);
		add_piece(pieces, ether, MACS);
		add_piece(pieces, tag, sizeof(*tag));
		add_mbuf(pieces, mbuf, MACS);
	} else if (port_vlan && ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN) &&
		   mbuf->data_len >= sizeof(*ether) + sizeof(*inside) &&
		   (rte_be_to_cpu_16(inside->vlan_tci) & 0xfff) == port_vlan) {
		add_piece(pieces, ether, MACS);
		add_mbuf(pieces, mbuf, MACS + sizeof(*tag));
	} else {
		add_mbuf(pieces, mbuf, 0);
	}
}

/* Which device, and from which byte on? A replica for the host goes where the original came from, if that
 * tunnel has a device, else to the host's own. */
static struct gremc_device *device_of(struct gremc_host *host, const struct rte_mbuf *mbuf, uint16_t *skip)
{
	uint32_t vif = gremc_mbuf_vif(mbuf, host->parts.vifs), iif;

	*skip = 0;
	if (vif == host->own_vif && vif != GREMC_VIF_NONE) {
		memcpy(&iif, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, RTE_ETHER_ADDR_LEN), sizeof(iif));
		*skip = sizeof(struct rte_ether_hdr);
		if (iif >= GREMC_VIFS_MAX || !gremc_vif_is(host->parts.vifs, iif, mbuf->packet_type))
			return host->own;
		return host->vif_device[iif] ? host->vif_device[iif] : host->own;
	}
	if (mbuf->port != GREMC_PORT_NONE)
		return mbuf->port < RTE_DIM(host->port_device) ? host->port_device[mbuf->port] : NULL;
	if (vif == GREMC_VIF_NONE) /* removed since */
		return NULL;
	return host->vif_device[vif] ? host->vif_device[vif] : host->own;
}

static enum gremc_host_loss loss_of(int error)
{
	switch (error) {
	case EIO:
	case EBADFD:
		return GREMC_HOST_LOSS_device_down;
	case EAGAIN:
	case ENOMEM:
	case ENOBUFS:
		return GREMC_HOST_LOSS_device_full;
	default:
		return GREMC_HOST_LOSS_refused;
	}
}

static void write_up(struct gremc_host *host, struct gremc_device *device, const struct rte_mbuf *mbuf,
		     uint16_t skip)
{
	uint32_t packets = gremc_gro_count(mbuf);
	struct pieces pieces = {.count = 0};
	struct virtio_net_hdr header;
	struct rte_vlan_hdr tag;
	ssize_t written;

	if (device == NULL || device->fd < 0) {
		lose(host, device, GREMC_HOST_LOSS_no_device, packets);
		return;
	}
	if (mbuf->nb_segs > SEGMENTS) {
		lose(host, device, GREMC_HOST_LOSS_refused, packets);
		return;
	}
	gremc_gro_describe(mbuf, &header);
	add_piece(&pieces, &header, sizeof(header));
	if (device->is_tap)
		add_frame(&pieces, mbuf, host->parts.ports->port[device->port]->vlan, &tag);
	else
		add_mbuf(&pieces, mbuf, skip);
	written = writev(device->fd, pieces.piece, pieces.count);
	if (written < 0) {
		lose(host, device, loss_of(errno), packets);
		return;
	}
	/* what came together counts as it came */
	gremc_count(&device->counters.up_packets, packets);
	gremc_count(&device->counters.up_bytes,
		    written - sizeof(header) + (packets - 1) * (size_t)header.hdr_len);
}

/* The L2 header of a multicast packet, as a TAP wants it. */
static struct rte_ether_hdr group_header(const struct gremc_device *device, const void *packet)
{
	struct rte_ether_hdr ether = {.src_addr = device->mac, .ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4)};

	/* from somebody else than the device itself, which would be taken for an echo */
	ether.src_addr.addr_bytes[0] ^= 0x04;
	gremc_group_mac(ether.dst_addr.addr_bytes, ((const struct rte_ipv4_hdr *)packet)->dst_addr);
	return ether;
}

static struct gremc_device *device_of_vif(struct gremc_host *host, uint32_t vif)
{
	const struct gremc_vif_info *info = vif < GREMC_VIFS_MAX ? host->parts.vifs->info[vif] : NULL;

	if (info && info->kind == GREMC_VIF_PORT)
		return host->port_device[info->port];
	return info ? host->vif_device[vif] : NULL;
}

int gremc_host_give(struct gremc_host *host, uint32_t vif, const void *packet, size_t length)
{
	struct gremc_device *device = device_of_vif(host, vif);
	const struct virtio_net_hdr header = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	struct pieces pieces = {.count = 0};
	struct rte_ether_hdr ether;

	if (device == NULL || device->fd < 0)
		return -ENODEV;
	add_piece(&pieces, &header, sizeof(header));
	if (device->is_tap) {
		ether = group_header(device, packet);
		add_piece(&pieces, &ether, sizeof(ether));
	}
	add_piece(&pieces, packet, length);
	return writev(device->fd, pieces.piece, pieces.count) < 0 ? -errno : 0;
}

/* Who listens gets a vif's own packets, from their IP header on. Returns whether there is a listener for it.
 */
static bool tell_listener(struct gremc_host *host, const struct rte_mbuf *mbuf)
{
	uint32_t vif = gremc_mbuf_vif(mbuf, host->parts.vifs);

	if (host->listener == NULL || vif == GREMC_VIF_NONE || mbuf->data_len <= mbuf->l2_len)
		return false;
	host->listener(host->listener_argument, vif,
		       rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, mbuf->l2_len),
		       mbuf->data_len - mbuf->l2_len, mbuf->packet_type);
	return true;
}

/* ---- many ---- */

/* Segments in a row, for one device, that may be put together. */
struct run {
	struct gremc_device *device;
	struct rte_mbuf *mbufs[BURST];
	uint32_t count;
};

static void write_run(struct gremc_host *host, struct run *run)
{
	if (run->count == 0)
		return;
	run->count = gremc_gro_merge(run->mbufs, run->count, run->device->is_tap);
	for (uint32_t i = 0; i < run->count; i++)
		write_up(host, run->device, run->mbufs[i], 0);
	rte_pktmbuf_free_bulk(run->mbufs, run->count);
	run->count = 0;
}

/* A tag that the port took out, and that the kernel is to see, is written between the MACs and the rest. */
static bool has_foreign_tag(const struct gremc_host *host, const struct gremc_device *device,
			    const struct rte_mbuf *mbuf)
{
	return device->is_tap && mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED &&
	       (mbuf->vlan_tci & 0xfff) != host->parts.ports->port[device->port]->vlan;
}

/* Takes the packet over if it is for the run. */
static bool add_to_run(struct gremc_host *host, struct run *run, struct gremc_device *device,
		       struct rte_mbuf *mbuf)
{
	if (device == NULL || has_foreign_tag(host, device, mbuf) || !gremc_gro_takes(mbuf))
		return false;
	if (run->count > 0 && (run->device != device || !gremc_gro_alike(run->mbufs[0], mbuf)))
		write_run(host, run);
	run->device = device;
	run->mbufs[run->count++] = mbuf;
	return true;
}

static uint32_t pump(struct gremc_host *host, enum gremc_punt class)
{
	struct rte_mbuf *mbufs[BURST];
	uint32_t n = gremc_punt_take(host->parts.workers, class, mbufs, BURST);
	struct run run = {.count = 0};

	for (uint32_t i = 0; i < n; i++) {
		uint16_t skip;
		struct gremc_device *device = device_of(host, mbufs[i], &skip);
		bool told = class == GREMC_PUNT_control && tell_listener(host, mbufs[i]);

		if (class == GREMC_PUNT_tcp && add_to_run(host, &run, device, mbufs[i]))
			continue;
		/* nothing overtakes what came before it */
		write_run(host, &run);
		/* a listener is enough: its packet is not lost for want of a device */
		if (device || !told)
			write_up(host, device, mbufs[i], skip);
		rte_pktmbuf_free(mbufs[i]);
	}
	write_run(host, &run);
	return n;
}

void gremc_path_up(struct gremc_host *host)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint32_t n = 0;

		for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
			n += pump(host, class);
		if (n == 0)
			return;
	}
}
