/* SPDX-License-Identifier: BSD-3-Clause */
/* Punt: packets from the workers to the kernel's devices. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "host/host_priv.h"
#include "host/offload_priv.h"
#include "proto/icmp.h"

#define BURST    GREMC_GRO_BURST
#define ROUNDS   8     /* over all classes per turn of the control loop */
#define SEGMENTS BURST /* of one packet */
#define MACS     (2 * RTE_ETHER_ADDR_LEN)

static void punt_drop_count(struct gremc_host *host, struct gremc_device *device, enum gremc_host_drop reason,
			    uint32_t packets)
{
	struct gremc_host_counters *counters = device ? &device->counters : &host->other_counters;

	gremc_counter_add(&counters->lost[reason], packets);
}

/* ---- one packet ---- */

/* The pieces of a packet for writev(). The first one is the virtio header. */
struct write_vector {
	struct iovec piece[SEGMENTS + 4];
	int count;
};

static void vector_bytes_append(struct write_vector *vector, const void *bytes, size_t length)
{
	vector->piece[vector->count++] = (struct iovec){(void *)(uintptr_t)bytes, length};
}

/* Append the mbuf, without the first `skip` bytes of its first segment. */
static void vector_mbuf_append(struct write_vector *vector, const struct rte_mbuf *mbuf, uint16_t skip)
{
	vector_bytes_append(vector, rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, skip),
			    mbuf->data_len - skip);
	for (mbuf = mbuf->next; mbuf; mbuf = mbuf->next)
		vector_bytes_append(vector, rte_pktmbuf_mtod(mbuf, const uint8_t *), mbuf->data_len);
}

/* Append a frame. The TAP is in the port's VLAN, so that tag is left out; a tag of another VLAN that the
 * device has stripped is inserted again. */
static void vector_frame_append(struct write_vector *vector, const struct rte_mbuf *mbuf, uint16_t port_vlan,
				struct rte_vlan_hdr *tag)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *inside = (const struct rte_vlan_hdr *)(ether + 1);

	if (mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		if ((mbuf->vlan_tci & 0xfff) == port_vlan) {
			vector_mbuf_append(vector, mbuf, 0);
			return;
		}
		((rte_be16_t *)tag)[0] = RTE_BE16(RTE_ETHER_TYPE_VLAN);
		((rte_be16_t *)tag)[1] = rte_cpu_to_be_16(mbuf->vlan_tci);
		vector_bytes_append(vector, ether, MACS);
		vector_bytes_append(vector, tag, sizeof(*tag));
		vector_mbuf_append(vector, mbuf, MACS);
	} else if (port_vlan && ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN) &&
		   mbuf->data_len >= sizeof(*ether) + sizeof(*inside) &&
		   (rte_be_to_cpu_16(inside->vlan_tci) & 0xfff) == port_vlan) {
		vector_bytes_append(vector, ether, MACS);
		vector_mbuf_append(vector, mbuf, MACS + sizeof(*tag));
	} else {
		vector_mbuf_append(vector, mbuf, 0);
	}
}

/* Find the device of a packet, and the bytes to skip before it. A replica for the host goes to the device of
 * the tunnel that its original came by, or to the host's own device. */
static struct gremc_device *punt_device_find(struct gremc_host *host, const struct rte_mbuf *mbuf,
					     uint16_t *skip)
{
	uint32_t vif = gremc_mbuf_vif(mbuf, host->context.vifs), iif;

	*skip = 0;
	if (vif == host->host_vif && vif != GREMC_VIF_NONE) {
		memcpy(&iif, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, RTE_ETHER_ADDR_LEN), sizeof(iif));
		*skip = sizeof(struct rte_ether_hdr);
		if (iif >= GREMC_VIFS_MAX || !gremc_vif_is(host->context.vifs, iif, mbuf->packet_type))
			return host->host_device;
		return host->vif_device[iif] ? host->vif_device[iif] : host->host_device;
	}
	if (mbuf->port != GREMC_PORT_NONE)
		return mbuf->port < RTE_DIM(host->port_device) ? host->port_device[mbuf->port] : NULL;
	if (vif == GREMC_VIF_NONE) /* the vif has been removed */
		return NULL;
	return host->vif_device[vif] ? host->vif_device[vif] : host->host_device;
}

static enum gremc_host_drop drop_from_errno(int error)
{
	switch (error) {
	case EIO:
	case EBADFD:
		return GREMC_HOST_DROP_device_down;
	case EAGAIN:
	case ENOMEM:
	case ENOBUFS:
		return GREMC_HOST_DROP_device_full;
	default:
		return GREMC_HOST_DROP_refused;
	}
}

static void device_packet_write(struct gremc_host *host, struct gremc_device *device,
				const struct rte_mbuf *mbuf, uint16_t skip)
{
	uint32_t packets = gremc_gro_segment_count(mbuf);
	struct write_vector vector = {.count = 0};
	struct virtio_net_hdr header;
	struct rte_vlan_hdr tag;
	ssize_t written;

	if (device == NULL || device->fd < 0) {
		punt_drop_count(host, device, GREMC_HOST_DROP_no_device, packets);
		return;
	}
	if (mbuf->nb_segs > SEGMENTS) {
		punt_drop_count(host, device, GREMC_HOST_DROP_refused, packets);
		return;
	}
	gremc_gro_header_write(mbuf, &header);
	vector_bytes_append(&vector, &header, sizeof(header));
	if (device->is_tap)
		vector_frame_append(&vector, mbuf, host->context.ports->port[device->port]->vlan, &tag);
	else
		vector_mbuf_append(&vector, mbuf, skip);
	written = writev(device->fd, vector.piece, vector.count);
	if (written < 0) {
		punt_drop_count(host, device, drop_from_errno(errno), packets);
		return;
	}
	/* a merged packet counts as its segments did on the wire */
	gremc_counter_add(&device->counters.up_packets, packets);
	gremc_counter_add(&device->counters.up_bytes,
			  written - sizeof(header) + (packets - 1) * (size_t)header.hdr_len);
}

/* The L2 header of a multicast packet for a TAP. The kernel drops a frame from the device's own address. */
static struct rte_ether_hdr multicast_header_make(const struct gremc_device *device, const void *packet)
{
	struct rte_ether_hdr ether = {.src_addr = device->mac, .ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4)};

	ether.src_addr.addr_bytes[0] ^= 0x04;
	gremc_group_mac(ether.dst_addr.addr_bytes, ((const struct rte_ipv4_hdr *)packet)->dst_addr);
	return ether;
}

static struct gremc_device *vif_device_find(struct gremc_host *host, uint32_t vif)
{
	const struct gremc_vif_info *info =
		vif < GREMC_VIFS_MAX ? gremc_vif_info_load(host->context.vifs, vif) : NULL;

	if (info && info->kind == GREMC_VIF_PORT)
		return host->port_device[info->port];
	return info ? host->vif_device[vif] : NULL;
}

int gremc_host_packet_write(struct gremc_host *host, uint32_t vif, const void *packet, size_t length)
{
	struct gremc_device *device = vif_device_find(host, vif);
	const struct virtio_net_hdr header = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	struct write_vector vector = {.count = 0};
	struct rte_ether_hdr ether;

	gremc_assert_control_thread();
	gremc_assert(length > 0);
	if (device == NULL || device->fd < 0)
		return -ENODEV;
	vector_bytes_append(&vector, &header, sizeof(header));
	if (device->is_tap) {
		ether = multicast_header_make(device, packet);
		vector_bytes_append(&vector, &ether, sizeof(ether));
	}
	vector_bytes_append(&vector, packet, length);
	return writev(device->fd, vector.piece, vector.count) < 0 ? -errno : 0;
}

/* Pass a packet that came by a vif to the listener. Returns: whether there is a listener for it. */
static bool listener_notify(struct gremc_host *host, const struct rte_mbuf *mbuf)
{
	uint32_t vif = gremc_mbuf_vif(mbuf, host->context.vifs);

	if (host->listener == NULL || vif == GREMC_VIF_NONE || mbuf->data_len <= mbuf->l2_len)
		return false;
	host->listener(host->listener_argument, vif,
		       rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, mbuf->l2_len),
		       mbuf->data_len - mbuf->l2_len, mbuf->packet_type);
	return true;
}

/* Pass an ICMP unreachable that came by a port to its listener. Returns: whether it is one. */
static bool icmp_notify(struct gremc_host *host, const struct rte_mbuf *mbuf)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, mbuf->l2_len);
	const uint32_t length = mbuf->data_len > mbuf->l2_len ? mbuf->data_len - mbuf->l2_len : 0;
	uint32_t header;

	if (host->icmp_listener == NULL || mbuf->port == GREMC_PORT_NONE ||
	    length < sizeof(struct rte_ipv4_hdr) || ip[0] >> 4 != IPVERSION ||
	    ((const struct rte_ipv4_hdr *)ip)->next_proto_id != IPPROTO_ICMP)
		return false;
	header = rte_ipv4_hdr_len((const struct rte_ipv4_hdr *)ip);
	if (length <= header || ip[header] != GREMC_ICMP_UNREACHABLE)
		return false;
	host->icmp_listener(host->icmp_argument, ip, length);
	return true;
}

/* Pass a keepalive to its listener. The keepalive of a vif that has been removed meanwhile has no receiver.
 */
static void keepalive_notify(struct gremc_host *host, struct rte_mbuf *mbuf)
{
	const uint32_t vif = gremc_mbuf_vif(mbuf, host->context.vifs);

	if (host->keepalive_listener == NULL || vif == GREMC_VIF_NONE || mbuf->pkt_len <= mbuf->l2_len)
		punt_drop_count(host, NULL, GREMC_HOST_DROP_no_device, 1);
	else if (rte_pktmbuf_linearize(mbuf))
		punt_drop_count(host, NULL, GREMC_HOST_DROP_too_big, 1);
	else
		host->keepalive_listener(host->keepalive_argument, vif, mbuf->port == GREMC_PORT_NONE,
					 rte_pktmbuf_mtod_offset(mbuf, uint8_t *, mbuf->l2_len),
					 mbuf->data_len - mbuf->l2_len, gremc_mbuf_fields(mbuf)->timestamp);
}

/* ---- many ---- */

/* Consecutive TCP segments for one device that may be merged. */
struct gro_batch {
	struct gremc_device *device;
	struct rte_mbuf *mbufs[BURST];
	uint32_t count;
};

static void gro_batch_write(struct gremc_host *host, struct gro_batch *batch)
{
	if (batch->count == 0)
		return;
	batch->count = gremc_gro_merge(batch->mbufs, batch->count, batch->device->is_tap);
	for (uint32_t i = 0; i < batch->count; i++)
		device_packet_write(host, batch->device, batch->mbufs[i], 0);
	rte_pktmbuf_free_bulk(batch->mbufs, batch->count);
	batch->count = 0;
}

/* Whether vector_frame_append() inserts a tag, which a merged packet has no place for. */
static bool frame_has_other_vlan(const struct gremc_host *host, const struct gremc_device *device,
				 const struct rte_mbuf *mbuf)
{
	return device->is_tap && mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED &&
	       (mbuf->vlan_tci & 0xfff) != host->context.ports->port[device->port]->vlan;
}

/* Returns: true: the packet belongs to the batch now. */
static bool gro_batch_append(struct gremc_host *host, struct gro_batch *batch, struct gremc_device *device,
			     struct rte_mbuf *mbuf)
{
	if (device == NULL || frame_has_other_vlan(host, device, mbuf) || !gremc_gro_is_mergeable(mbuf))
		return false;
	if (batch->count > 0 && (batch->device != device || !gremc_gro_is_same_class(batch->mbufs[0], mbuf)))
		gro_batch_write(host, batch);
	batch->device = device;
	batch->mbufs[batch->count++] = mbuf;
	return true;
}

static uint32_t keepalives_notify(struct gremc_host *host)
{
	struct rte_mbuf *mbufs[BURST];
	uint32_t n = gremc_punt_dequeue(host->context.workers, GREMC_PUNT_keepalive, mbufs, BURST);

	for (uint32_t i = 0; i < n; i++)
		keepalive_notify(host, mbufs[i]);
	rte_pktmbuf_free_bulk(mbufs, n);
	return n;
}

static uint32_t punt_class_write(struct gremc_host *host, enum gremc_punt class)
{
	struct rte_mbuf *mbufs[BURST];
	uint32_t n = gremc_punt_dequeue(host->context.workers, class, mbufs, BURST);
	struct gro_batch batch = {.count = 0};

	for (uint32_t i = 0; i < n; i++) {
		uint16_t skip;
		struct gremc_device *device = punt_device_find(host, mbufs[i], &skip);
		bool told = (class == GREMC_PUNT_control && listener_notify(host, mbufs[i])) ||
			    (class == GREMC_PUNT_traffic && icmp_notify(host, mbufs[i]));

		if (class == GREMC_PUNT_tcp && gro_batch_append(host, &batch, device, mbufs[i]))
			continue;
		/* any other packet ends the batch, so packets are never reordered */
		gro_batch_write(host, &batch);
		/* without a device a packet that the listener got is not dropped */
		if (device || !told)
			device_packet_write(host, device, mbufs[i], skip);
		rte_pktmbuf_free(mbufs[i]);
	}
	gro_batch_write(host, &batch);
	return n;
}

void gremc_host_punts_write(struct gremc_host *host)
{
	gremc_assert_control_thread();
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint32_t n = 0;

		for (unsigned class = 0; class < GREMC_PUNT_COUNT; class ++)
			n += class == GREMC_PUNT_keepalive ? keepalives_notify(host)
							   : punt_class_write(host, class);
		if (n == 0)
			return;
	}
}
