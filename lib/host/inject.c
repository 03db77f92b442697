/* SPDX-License-Identifier: BSD-3-Clause */
/* Inject: packets from the kernel's devices to ports. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include <rte_mbuf.h>

#include "datapath/marking.h"
#include "host/host_priv.h"
#include "host/offload_priv.h"

#define BURST 64u
#define MACS  (2 * RTE_ETHER_ADDR_LEN)

/* Packets on their way to a port. */
struct inject_batch {
	struct rte_mbuf *mbufs[BURST];
	uint32_t count;
	uint32_t total; /* including those that were injected already */
};

static void inject_drop_count(struct gremc_device *device, enum gremc_host_drop reason)
{
	gremc_counter_add(&device->counters.lost[reason], 1);
}

/* Insert the port's VLAN tag into a frame that has none. Returns: false: no headroom. */
static bool vlan_tag_insert(const struct gremc_host *host, const struct gremc_device *device,
			    struct rte_mbuf *mbuf)
{
	const uint16_t vlan = host->context.ports->port[device->port]->vlan;
	uint8_t *bytes = rte_pktmbuf_mtod(mbuf, uint8_t *), *start;
	rte_be16_t tag[2] = {RTE_BE16(RTE_ETHER_TYPE_VLAN), rte_cpu_to_be_16(vlan)};

	if (((struct rte_ether_hdr *)bytes)->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN))
		return true;
	start = (uint8_t *)rte_pktmbuf_prepend(mbuf, sizeof(tag));
	if (start == NULL)
		return false;
	memmove(start, bytes, MACS);
	memcpy(start + MACS, tag, sizeof(tag));
	gremc_frame_tag_mark(host->context.vifs, device->port, mbuf);
	return true;
}

/* Prepare a frame that was read from a TAP. */
static enum gremc_host_drop inject_frame_prepare(struct gremc_host *host, const struct gremc_device *device,
						 struct rte_mbuf *mbuf)
{
	const struct gremc_port *port = host->context.ports->port[device->port];

	if (mbuf->pkt_len < sizeof(struct rte_ether_hdr) ||
	    (port->vlan && !vlan_tag_insert(host, device, mbuf)))
		return GREMC_HOST_DROP_refused;
	if (mbuf->pkt_len > port->mtu + sizeof(struct rte_ether_hdr) + 2 * sizeof(struct rte_vlan_hdr))
		return GREMC_HOST_DROP_too_big;
	mbuf->port = device->port;
	mbuf->hash.usr = GREMC_VIF_NONE;
	return GREMC_HOST_DROP_NONE;
}

static enum gremc_host_drop inject_packet_prepare(struct gremc_host *host, const struct gremc_device *device,
						  struct rte_mbuf *mbuf)
{
	if (mbuf->pkt_len < sizeof(struct rte_ipv4_hdr) || *rte_pktmbuf_mtod(mbuf, uint8_t *) >> 4 != 4)
		return GREMC_HOST_DROP_not_ipv4;
	if (device->vif_is_host) {
		mbuf->port = host->host_port;
		mbuf->hash.usr = device->vif;
		return GREMC_HOST_DROP_NONE;
	}
	switch (gremc_inject_encap(host->context.workers, mbuf, device->vif)) {
	case 0:
		return GREMC_HOST_DROP_NONE;
	case -EHOSTUNREACH:
		return GREMC_HOST_DROP_no_adjacency;
	case -ENETDOWN:
		return GREMC_HOST_DROP_device_down;
	default:
		return GREMC_HOST_DROP_too_big;
	}
}

static void inject_batch_flush(struct gremc_host *host, struct gremc_device *device,
			       struct inject_batch *batch)
{
	uint32_t taken = gremc_inject_frames(host->context.workers, batch->mbufs, batch->count);

	for (uint32_t i = taken; i < batch->count; i++)
		inject_drop_count(device, GREMC_HOST_DROP_ring_full);
	rte_pktmbuf_free_bulk(batch->mbufs + taken, batch->count - taken);
	batch->count = 0;
}

/* Create a packet of its own from segment `n`. Returns: GREMC_HOST_DROP_NONE: it is in *mbuf. */
static enum gremc_host_drop inject_segment_create(struct gremc_host *host, const struct gremc_device *device,
						  const struct gremc_gso *gso, uint32_t n,
						  struct rte_mbuf **mbuf)
{
	uint32_t length = gremc_gso_segment_length(gso, n);
	enum gremc_host_drop reason;

	if (length > host->context.ports->host_capacity)
		return GREMC_HOST_DROP_too_big;
	*mbuf = rte_pktmbuf_alloc(host->context.ports->host_pool);
	if (*mbuf == NULL)
		return GREMC_HOST_DROP_no_mbuf;
	gremc_gso_segment_write(gso, n, rte_pktmbuf_mtod(*mbuf, uint8_t *));
	(*mbuf)->data_len = (*mbuf)->pkt_len = length;
	reason = device->is_tap ? inject_frame_prepare(host, device, *mbuf)
				: inject_packet_prepare(host, device, *mbuf);
	if (reason != GREMC_HOST_DROP_NONE)
		rte_pktmbuf_free(*mbuf);
	return reason;
}

static void inject_segments_append(struct gremc_host *host, struct gremc_device *device,
				   const struct gremc_gso *gso, struct inject_batch *batch)
{
	for (uint32_t n = 0; n < gso->count; n++) {
		enum gremc_host_drop reason =
			inject_segment_create(host, device, gso, n, &batch->mbufs[batch->count]);

		if (reason != GREMC_HOST_DROP_NONE) {
			inject_drop_count(device, reason);
			continue;
		}
		gremc_counter_add(&device->counters.down_packets, 1);
		gremc_counter_add(&device->counters.down_bytes, gremc_gso_segment_length(gso, n));
		batch->total++;
		if (++batch->count == BURST)
			inject_batch_flush(host, device, batch);
	}
}

/* Read one packet into the host's buffer. Returns: its bytes; 0: there is none. */
static uint32_t device_packet_read(struct gremc_host *host, const struct gremc_device *device,
				   struct virtio_net_hdr *header)
{
	struct iovec pieces[] = {{header, sizeof(*header)}, {host->buffer, GREMC_HOST_BUFFER}};
	ssize_t n = readv(device->fd, pieces, RTE_DIM(pieces));

	return n > (ssize_t)sizeof(*header) ? n - sizeof(*header) : 0;
}

void gremc_device_inject(void *argument)
{
	struct gremc_device *device = argument;
	struct gremc_host *host = device->host;
	struct inject_batch batch = {.count = 0};
	struct virtio_net_hdr header;
	struct gremc_gso gso;

	gremc_assert_control_thread();
	/* without capacity in the ring the packets stay in the kernel's queue */
	if (device->fd < 0 || gremc_inject_capacity(host->context.workers) < BURST + GREMC_HOST_SEGMENTS)
		return;
	for (uint32_t reads = 0; reads < BURST && batch.total < BURST; reads++) {
		uint32_t length = device_packet_read(host, device, &header);

		if (length == 0)
			break;
		if (gremc_gso_init(&gso, &header, device->is_tap, host->buffer, length))
			inject_drop_count(device, GREMC_HOST_DROP_refused);
		else
			inject_segments_append(host, device, &gso, &batch);
	}
	inject_batch_flush(host, device, &batch);
}
