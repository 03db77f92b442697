/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside host/: devices, netlink, the pump and the mirror. Control thread only. */
#ifndef GREMC_HOST_HOST_PRIV_H
#define GREMC_HOST_HOST_PRIV_H

#include <pthread.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>

#include "host/host.h"

#define GREMC_HOST_VIF_NAME "host" /* its name in mroutes */

/* ---- netlink.c ---- */

struct gremc_netlink {
	struct mnl_socket *socket;
	uint32_t sequence, port;
	char request[1024] __rte_aligned(8);
	char answer[32768] __rte_aligned(8);
};

int gremc_netlink_open(struct gremc_netlink *netlink);
void gremc_netlink_close(struct gremc_netlink *netlink);
/* A request of this type, in the socket's buffer. */
struct nlmsghdr *gremc_netlink_request_init(struct gremc_netlink *netlink, uint16_t type, uint16_t flags);
/* Send it and hand the answer's messages to `answer` (NULL: only an acknowledgement is wanted). Returns 0 or
 * a negative errno, the kernel's or the socket's. */
int gremc_netlink_send(struct gremc_netlink *netlink, struct nlmsghdr *request, mnl_cb_t answer,
		       void *argument);

/* The same for a dump that the kernel may filter by the request's header. The kernel may ignore the filter.
 */
int gremc_netlink_dump(struct gremc_netlink *netlink, struct nlmsghdr *request, mnl_cb_t answer,
		       void *argument);

/* The protocol of the routes and addresses that the configuration gives (rtm_protocol, IFA_PROTO). A later
 * start finds by it what an earlier one has left. */
#define GREMC_RTPROT    71
#define GREMC_IFA_PROTO 11 /* IFA_PROTO, which older headers lack */

struct gremc_link {
	unsigned ifindex, flags, mtu;
	char name[IFNAMSIZ];
	char kind[16];   /* "tun", "bond", ...; empty: a device by itself */
	unsigned master; /* 0: none */
	bool in_vrf;     /* the master is a VRF */
	struct rte_ether_addr mac;
};
struct gremc_link_settings { /* what is 0 or NULL stays */
	bool up, down;
	unsigned mtu, tx_queue, gso_segments;
	const struct rte_ether_addr *mac;
	const char *name;
};
struct gremc_link_address {
	rte_be32_t address, peer; /* peer 0: none */
	uint8_t length;
};
struct gremc_link_route {
	struct gremc_prefix to;
	rte_be32_t via; /* 0: on the link */
	bool on_link;   /* no network of the interface has `via` */
};
enum gremc_route_verb { GREMC_ROUTE_ADD, GREMC_ROUTE_REPLACE, GREMC_ROUTE_REMOVE };
/* A route of the main table, as the kernel has it. */
struct gremc_kernel_route {
	struct gremc_prefix to;
	unsigned ifindex; /* 0: several next hops, or none */
	rte_be32_t via;   /* 0: on the link, or no IPv4 gateway */
	uint32_t metric;
	uint8_t protocol;
	bool is_unicast;
};
/* Addresses and routes of a device. */
struct gremc_link_config {
	struct gremc_link_address *addresses;
	struct gremc_link_route *routes;
	uint32_t address_count, route_count;
	bool *missing; /* [route] it could not be set, and is tried again; NULL: none is */
};
/* Next hops of either family have one form: IPv4 addresses as IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2).
 */
static inline struct in6_addr gremc_ipv4_to_mapped(rte_be32_t address)
{
	return (struct in6_addr){.s6_addr32 = {0, 0, RTE_BE32(0xffff), address}};
}
static inline rte_be32_t gremc_ipv4_from_mapped(const struct in6_addr *address)
{
	return address->s6_addr32[3];
}

struct gremc_kernel_next_hop {
	unsigned ifindex;
	struct in6_addr via; /* all zero: on the link */
	bool unicast;
};
struct gremc_neighbor {
	unsigned ifindex;
	struct in6_addr address;
	uint16_t state; /* NUD_*; NUD_NONE: the kernel has none */
	struct rte_ether_addr mac;
};

/* All return 0 or a negative errno. Removing what is not there is no error. -EEXIST: the address or the
 * destination is there already, with whatever peer, gateway or device. */
int gremc_link_set(struct gremc_netlink *netlink, unsigned ifindex,
		   const struct gremc_link_settings *settings);
int gremc_link_get(struct gremc_netlink *netlink, const char *name, struct gremc_link *link);
/* The ifindex of the VRF that the interface is in; 0: none. */
unsigned gremc_link_vrf(struct gremc_netlink *netlink, unsigned ifindex);
int gremc_link_remove(struct gremc_netlink *netlink, unsigned ifindex);
void gremc_link_parse(const struct nlmsghdr *header, struct gremc_link *link);
int gremc_address_set(struct gremc_netlink *netlink, unsigned ifindex,
		      const struct gremc_link_address *address, bool add);
int gremc_route_set(struct gremc_netlink *netlink, unsigned ifindex, const struct gremc_link_route *route,
		    enum gremc_route_verb verb);
/* Visit each IPv4 address of a device. protocol: GREMC_RTPROT for those of the configuration, where the
 * kernel remembers it. */
typedef void gremc_address_visitor(void *argument, const struct gremc_link_address *address,
				   uint8_t protocol);
int gremc_address_each(struct gremc_netlink *netlink, unsigned ifindex, gremc_address_visitor *visit,
		       void *argument);
/* Visit the IPv4 routes of the main table by this device (0: any) and of this protocol (0: any). Routes of
 * another protocol may be visited, too. */
typedef void gremc_route_visitor(void *argument, const struct gremc_kernel_route *route);
int gremc_route_each(struct gremc_netlink *netlink, unsigned ifindex, uint8_t protocol,
		     gremc_route_visitor *visit, void *argument);
/* How the kernel would send to `to` from `from`, by the table of the VRF with this ifindex (0: by its rules).
 * -ENETUNREACH and others: it would not. */
int gremc_route_lookup(struct gremc_netlink *netlink, rte_be32_t to, rte_be32_t from, unsigned vrf,
		       struct gremc_kernel_next_hop *way);
/* As if a packet had been sent there: an unknown one is asked for, a stale one is confirmed. */
int gremc_neighbor_use(struct gremc_netlink *netlink, unsigned ifindex, const struct in6_addr *address);
int gremc_neighbor_get(struct gremc_netlink *netlink, unsigned ifindex, const struct in6_addr *address,
		       struct gremc_neighbor *neighbor);
/* false: neither IPv4 nor IPv6 */
bool gremc_neighbor_parse(const struct nlmsghdr *header, struct gremc_neighbor *neighbor);

/* ---- device.c ---- */

struct gremc_device {
	struct gremc_watch watch;
	struct gremc_host *host;
	char name[IFNAMSIZ];
	bool is_tap;
	bool vif_is_host; /* the host's own vif */
	bool in_config;
	bool was_there;      /* before it was opened */
	bool accepts_groups; /* the kernel is to take multicast from any source by it */
	int rp_filter;       /* as last reported */
	bool down;           /* the operator has set it down */
	int fd;              /* -1: not open */
	unsigned ifindex;
	uint16_t port; /* of a TAP */
	uint32_t vif;  /* of a TUN */
	struct rte_ether_addr mac;
	uint16_t mtu;                         /* of a new one */
	uint16_t mtu_max;                     /* what port or tunnel carries */
	struct gremc_link_config link_config; /* what the configuration gave it */
	struct gremc_host_counters counters;
};

/* Make or find the device and have it polled. A new one goes with the process until it is committed, and none
 * is set up. Returns 0 or a negative errno. */
int gremc_device_open(struct gremc_host *host, struct gremc_device *device);
/* Keep an open device when the process ends. Returns 0 or a negative errno. */
int gremc_device_persist(struct gremc_device *device);
/* Set an open device up, with the addresses and routes of its plan. What fails is logged. */
void gremc_device_commit(struct gremc_host *host, struct gremc_device *device);
/* The kernel's reverse path filter of the device: 0 off, 1 strict, 2 loose. */
int gremc_device_rp_filter_read(const struct gremc_device *device);
/* Whether it is a TAP that no program holds. */
bool gremc_tap_is_abandoned(const char *name);
void gremc_device_close(struct gremc_host *host, struct gremc_device *device, bool remove);
/* Give a TAP the carrier that its port has. Not open: nothing to do. */
void gremc_device_carrier_set(const struct gremc_host *host, const struct gremc_device *device);

/* ---- plan.c ---- */

/* Give an open device the addresses and routes of a plan, and take those from it that the last plan had.
 * Takes the plan's memory over. What cannot be set is logged. */
void gremc_device_config_apply(struct gremc_host *host, struct gremc_device *device,
			       struct gremc_link_config *link_config);
/* A device that was there: what an earlier start gave it becomes its last plan. -ENOMEM, or the kernel's. */
int gremc_device_config_read(struct gremc_host *host, struct gremc_device *device);
/* Try the routes again that could not be set. */
void gremc_device_routes_retry(struct gremc_host *host, struct gremc_device *device);
void gremc_link_config_fini(struct gremc_link_config *link_config);

/* ---- the host ---- */

struct gremc_nexthops;

struct gremc_host {
	struct gremc_host_context context;
	int epoll;
	struct gremc_netlink netlink;
	struct gremc_watch wake; /* workers->host_event */
	struct gremc_nexthops *nexthops;
	struct gremc_device **devices; /* ascending by name */
	uint32_t device_count;
	pthread_mutex_t lock;             /* telemetry reads the list while we change it */
	struct gremc_device **vif_device; /* [vif] */
	struct gremc_device *port_device[GREMC_STATS_PORTS];
	bool no_carrier[GREMC_STATS_PORTS]; /* [port]: it has no link */
	bool port_down[GREMC_STATS_PORTS];  /* [port]: the operator has set it down, as the workers know it */
	struct gremc_device *host_device;   /* gremc0 */
	uint32_t host_vif;
	uint16_t host_port; /* the index that stands for the host */
	gremc_host_listener *listener;
	void *listener_argument;
	struct gremc_host_counters other_counters; /* of devices that have gone, and of none */
	uint8_t *buffer;                 /* GREMC_HOST_BUFFER bytes, for what is read from a device */
	bool committed;                  /* devices stay, and have addresses and routes */
	bool rp_filter_due;              /* reverse path filters may have changed */
	bool missing;                    /* a device is not open */
	uint64_t next_try;               /* milliseconds: to open it */
	uint64_t next_check;             /* milliseconds: of what no event announces */
	struct gremc_takeover *takeover; /* begun and not finished */
};

uint64_t gremc_clock_ms(void); /* milliseconds, monotonic */

/* ---- path.c ---- */

/* Write what the workers have punted, at most some rounds of each class. */
void gremc_host_punts_write(struct gremc_host *host);

/* ---- down.c ---- */

/* The most that a device hands over at once: an IPv4 packet and an L2 header. */
#define GREMC_HOST_BUFFER (UINT16_MAX + 64)
/* In how many segments at most the kernel is asked to hand over TCP. */
#define GREMC_HOST_SEGMENTS 64u

/* A device can be read (watch.ready of a device). */
void gremc_device_inject(void *device);

/* ---- gso.c: what the kernel leaves to a NIC (struct virtio_net_hdr says what) ---- */

/* A packet of the kernel, and how it is cut. */
struct gremc_gso {
	uint8_t *packet;
	uint32_t length;
	uint32_t l3, l4;
	uint32_t header; /* bytes that each segment begins with */
	uint32_t size;   /* of a segment's payload; 0: the packet stays whole */
	uint32_t count;
};
/* The packet, a frame or from its IP header on; a checksum that only wants finishing is finished in it.
 * -EINVAL: what the kernel says of it does not fit it, or is nothing that was offered. */
int gremc_gso_init(struct gremc_gso *gso, const struct virtio_net_hdr *header, bool is_frame, uint8_t *packet,
		   uint32_t length);
/* How long segment `n` of gso->count is, and its bytes: a whole packet with all its checksums. */
uint32_t gremc_gso_segment_length(const struct gremc_gso *gso, uint32_t n);
void gremc_gso_segment_write(const struct gremc_gso *gso, uint32_t n, uint8_t *to);

/* ---- gro.c: segments of TCP over IPv4 as one packet for the kernel ---- */

/* Is the packet (l2_len bytes before its IP header) one of those that may be put together? Its checksums are
 * right, then. */
bool gremc_gro_is_mergeable(const struct rte_mbuf *mbuf);
/* May these two stand in one call of gremc_gro_merge()? */
bool gremc_gro_is_same_class(const struct rte_mbuf *a, const struct rte_mbuf *b);
/* Put together what is of one stream and has no gap. Each of the n packets (at most 64, all alike) is taken
 * by gremc_gro_is_mergeable(). Returns how many there are now; their order holds. */
uint32_t gremc_gro_merge(struct rte_mbuf **mbufs, uint32_t n, bool is_frame);
/* Of how many packets is this one made, and what is the kernel to know of it? */
uint32_t gremc_gro_segment_count(const struct rte_mbuf *mbuf);
void gremc_gro_header_write(const struct rte_mbuf *mbuf, struct virtio_net_hdr *header);

/* ---- takeover.c ---- */

struct gremc_takeover;

/* The TAP is gone: the kernel's interface gets back its name, addresses and routes. */
void gremc_host_takeover_undo(struct gremc_host *host);
/* The TAP gets the interface's addresses and routes. */
void gremc_host_takeover_finish(struct gremc_host *host);
/* Undo the takeovers of this network namespace whose processes were killed before they had finished. */
void gremc_host_takeover_recover(struct gremc_host *host);
void gremc_takeover_free(struct gremc_takeover *takeover);

/* ---- mirror.c ---- */

struct gremc_nexthops *gremc_nexthops_create(struct gremc_host *host);
void gremc_nexthops_destroy(struct gremc_nexthops *nexthops);
/* The kernel's interface of a port; 0: it has none now. */
void gremc_nexthops_port_ifindex_set(struct gremc_nexthops *nexthops, uint16_t port, unsigned ifindex);
void gremc_nexthops_port_interface_set(struct gremc_nexthops *nexthops, uint16_t port, const char *name);
bool gremc_nexthops_port_has_interface(const struct gremc_nexthops *nexthops, uint16_t port);
/* The tunnels whose next hops are taken from the kernel. -ENOMEM */
int gremc_nexthops_config_apply(struct gremc_nexthops *nexthops, const struct gremc_config *config,
				const uint32_t *vif);
/* See gremc_host_tunnel_adjacency(). */
int gremc_nexthops_tunnel_adjacency(struct gremc_nexthops *nexthops, const struct gremc_config *config,
				    const struct gremc_config_tunnel *tunnel, uint32_t *adjacency);
/* What is due now; returns milliseconds until there is more, -1: nothing known. */
int gremc_nexthops_poll(struct gremc_nexthops *nexthops, uint64_t now);
/* Any thread: overruns of the events' socket that were made good. */
uint64_t gremc_nexthops_overruns_read(const struct gremc_nexthops *nexthops);

/* ---- host.c, for wanted.c: the list of devices ---- */

struct gremc_device *gremc_host_device_find(const struct gremc_host *host, const char *name);
/* Ascending by name again. */
void gremc_host_devices_sort(struct gremc_host *host);
/* Open it, and give it the addresses and routes of its plan. */
int gremc_host_device_open(struct gremc_host *host, struct gremc_device *device);
/* Put what the mirror and the pump need in its place: the device is open, or not. */
void gremc_host_device_publish(struct gremc_host *host, struct gremc_device *device);
/* The port's interface, a TAP or the kernel's own, is down or up. */
void gremc_host_port_down_set(struct gremc_host *host, uint16_t port, bool down);
/* The pump no longer finds it. */
void gremc_host_device_unpublish(struct gremc_host *host, const struct gremc_device *device);
/* The kernel's device stays unless it is to be removed. */
void gremc_host_device_destroy(struct gremc_host *host, struct gremc_device *device, bool remove);

/* ---- host.c, for events.c ---- */

/* A link has come, changed or gone. */
void gremc_host_link_changed(struct gremc_host *host, const struct gremc_link *link, bool gone);
/* Changes may have been missed. */
void gremc_host_devices_resync(struct gremc_host *host);

#endif
