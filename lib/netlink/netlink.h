/* SPDX-License-Identifier: BSD-3-Clause */
/* netlink: the program's rtnetlink sockets, and the kernel's links, addresses, routes and neighbours as C
 * structures. A request socket answers before the call returns; an event socket delivers notifications.
 *
 * Every function runs on the thread that owns the socket. Functions that return int return 0 or a negative
 * errno, the kernel's or the socket's, unless their contract adds more. */
#ifndef GREMC_NETLINK_NETLINK_H
#define GREMC_NETLINK_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include "base/assert.h"
#include "base/base.h"

/* ---- socket.c: requests ---- */

#define GREMC_NETLINK_REQUEST_SIZE 1024u
#define GREMC_NETLINK_ANSWER_SIZE  32768u /* the kernel fills at most 32 KiB per datagram of a dump */

struct gremc_netlink {
	struct mnl_socket *socket;
	uint32_t sequence, port;
	char request[GREMC_NETLINK_REQUEST_SIZE] __rte_aligned(8);
	char answer[GREMC_NETLINK_ANSWER_SIZE] __rte_aligned(8);
};

/* Open a request socket in the network namespace of the calling thread. */
__rte_warn_unused_result int gremc_netlink_open(struct gremc_netlink *netlink);
/* Close the socket; no-op if it is closed. */
void gremc_netlink_close(struct gremc_netlink *netlink);
/* Begin a request in the socket's buffer.
 * Input:    RTM_* and NLM_F_* values.
 * Lifetime: until the next call for this socket. */
struct nlmsghdr *gremc_netlink_request_init(struct gremc_netlink *netlink, uint16_t type, uint16_t flags);
/* Send a request and pass each message of the answer to `answer`.
 * Input:   answer NULL: request an acknowledgement only. */
__rte_warn_unused_result int gremc_netlink_send(struct gremc_netlink *netlink, struct nlmsghdr *request,
						mnl_cb_t answer, void *argument);
/* Send a dump request that the kernel filters by the request's header.
 * Input:   kernels before 4.20 do not filter, so `answer` must filter as well. */
__rte_warn_unused_result int gremc_netlink_dump(struct gremc_netlink *netlink, struct nlmsghdr *request,
						mnl_cb_t answer, void *argument);

/* ---- events.c: notifications ---- */

struct gremc_netlink_events {
	struct mnl_socket *socket;
	bool overflowed; /* the kernel has dropped events since the socket was last empty */
	char buffer[GREMC_NETLINK_ANSWER_SIZE] __rte_aligned(8);
};

enum gremc_netlink_event {
	GREMC_NETLINK_MESSAGES, /* the buffer holds messages */
	GREMC_NETLINK_OVERFLOW, /* the kernel has dropped events; read on */
	GREMC_NETLINK_RESYNC,   /* the socket is empty, and events were dropped before it was */
	GREMC_NETLINK_EMPTY,
};

/* Open a non-blocking socket that receives the events of these groups.
 * Input:   RTNLGRP_* values; the receive buffer in bytes (a smaller limit of the system applies silently). */
__rte_warn_unused_result int gremc_netlink_events_open(struct gremc_netlink_events *events,
						       const unsigned *groups, unsigned count,
						       int buffer_size);
/* Receive the events of one more group. */
__rte_warn_unused_result int gremc_netlink_events_join(const struct gremc_netlink_events *events,
						       unsigned group);
/* Close the socket; no-op if it is closed. */
void gremc_netlink_events_close(struct gremc_netlink_events *events);
/* Returns: the file descriptor to poll. */
int gremc_netlink_events_fd(const struct gremc_netlink_events *events);
/* Receive one datagram. The kernel drops every event between an overflow and the moment at which the socket
 * is empty, so a resynchronisation is complete only if it begins after GREMC_NETLINK_RESYNC.
 * Returns: GREMC_NETLINK_MESSAGES: *length bytes in events->buffer. */
enum gremc_netlink_event gremc_netlink_events_receive(struct gremc_netlink_events *events, size_t *length);

/* ---- link.c ---- */

struct gremc_link {
	unsigned ifindex, flags, mtu;
	char name[IFNAMSIZ];
	char kind[16];   /* "tun", "bond", ...; empty: the link has no kind */
	unsigned master; /* 0: none */
	bool in_vrf;     /* the master is a VRF */
	struct rte_ether_addr mac;
};
/* Changes to a link; a field that is 0 or NULL leaves the property unchanged. */
struct gremc_link_settings {
	bool up, down;
	unsigned mtu, tx_queue, gso_segments;
	const struct rte_ether_addr *mac;
	const char *name;
};

/* Change the properties of a link. */
__rte_warn_unused_result int gremc_link_set(struct gremc_netlink *netlink, unsigned ifindex,
					    const struct gremc_link_settings *settings);
/* Errors:  -ENODEV: no link has this name. */
__rte_warn_unused_result int gremc_link_get(struct gremc_netlink *netlink, const char *name,
					    struct gremc_link *link);
/* Returns: the ifindex of the VRF that the link is in; 0: none. */
unsigned gremc_link_vrf(struct gremc_netlink *netlink, unsigned ifindex);
/* Remove a link. */
__rte_warn_unused_result int gremc_link_remove(struct gremc_netlink *netlink, unsigned ifindex);
/* Input:   an RTM_NEWLINK or RTM_DELLINK message. */
void gremc_link_parse(const struct nlmsghdr *header, struct gremc_link *link);

/* ---- attribute.c ---- */

/* Append an attribute with an address.
 * Input:   an address with a family. */
void gremc_attribute_addr_put(struct nlmsghdr *request, uint16_t type, const struct gremc_addr *addr);
/* Returns: the address of an attribute, by its length; without a family for other lengths. */
struct gremc_addr gremc_attribute_addr_get(const struct nlattr *attribute);

/* ---- address.c ---- */

/* The protocol of the routes and addresses that the configuration adds (rtm_protocol, IFA_PROTO). A later
 * start finds them by it. */
#define GREMC_RTPROT    71
#define GREMC_IFA_PROTO 11 /* IFA_PROTO, which older headers lack */
static_assert(GREMC_RTPROT > RTPROT_STATIC, "the kernel reserves the protocols up to RTPROT_STATIC");

struct gremc_link_address {
	struct gremc_addr address, peer; /* peer without a family: none */
	uint8_t length;
};

/* Add or remove an IPv4 address. Removing an address that is absent succeeds.
 * Errors:  -EEXIST: the link has this address already, possibly with another peer. */
__rte_warn_unused_result int gremc_address_set(struct gremc_netlink *netlink, unsigned ifindex,
					       const struct gremc_link_address *address, bool add);
/* Input:   protocol: GREMC_RTPROT for addresses of the configuration, 0 on kernels before 5.18. */
typedef void gremc_address_visitor(void *argument, const struct gremc_link_address *address,
				   uint8_t protocol);
/* Visit each IPv4 address of a link. */
__rte_warn_unused_result int gremc_address_each(struct gremc_netlink *netlink, unsigned ifindex,
						gremc_address_visitor *visit, void *argument);

/* ---- route.c ---- */

struct gremc_link_route {
	struct gremc_prefix to;
	struct gremc_addr via; /* without a family: no gateway */
	bool on_link;          /* no network of the interface covers `via` */
};
enum gremc_route_verb { GREMC_ROUTE_ADD, GREMC_ROUTE_REPLACE, GREMC_ROUTE_REMOVE };
/* A route of the kernel's main table. */
struct gremc_kernel_route {
	struct gremc_prefix to;
	unsigned ifindex;      /* 0: several next hops, or none */
	struct gremc_addr via; /* without a family: no gateway */
	uint32_t metric;
	uint8_t protocol;
	bool is_unicast;
};
/* The kernel's route decision for one destination. */
struct gremc_kernel_next_hop {
	unsigned ifindex;
	struct gremc_addr via; /* of either family (RFC 5549); without one: the destination is on the link */
	bool unicast;
};

/* Add, replace or remove an IPv4 route of the main table. Removing a route that is absent succeeds.
 * Errors:  -EEXIST: the table has a route to this destination already, possibly by another next hop. */
__rte_warn_unused_result int gremc_route_set(struct gremc_netlink *netlink, unsigned ifindex,
					     const struct gremc_link_route *route,
					     enum gremc_route_verb verb);
typedef void gremc_route_visitor(void *argument, const struct gremc_kernel_route *route);
/* Visit the IPv4 routes of the main table.
 * Input:   ifindex 0: of every link; protocol 0: of every protocol. Kernels before 4.20 do not filter by
 *          protocol, so routes of other protocols may be visited. */
__rte_warn_unused_result int gremc_route_each(struct gremc_netlink *netlink, unsigned ifindex,
					      uint8_t protocol, gremc_route_visitor *visit, void *argument);
/* Look up the next hop of a packet from `from` to `to`.
 * Input:   to: an IPv4 address; from: an IPv4 address, or none;
 *          vrf: the ifindex of a VRF whose table is used; 0: the kernel's rules choose the table.
 * Errors:  -ENETUNREACH and other errors of the kernel: there is no unicast route. */
__rte_warn_unused_result int gremc_route_lookup(struct gremc_netlink *netlink, const struct gremc_addr *to,
						const struct gremc_addr *from, unsigned vrf,
						struct gremc_kernel_next_hop *next_hop);
/* Parse the destination of a route message.
 * Returns: false: the message is not about an IPv4 route of a table (another family, or a cache entry). */
bool gremc_route_destination_parse(const struct nlmsghdr *header, struct gremc_prefix *to);

/* ---- neighbor.c ---- */

/* An entry of the kernel's neighbour table. */
struct gremc_neighbor {
	unsigned ifindex;
	struct gremc_addr address;
	uint16_t state; /* NUD_*; NUD_NONE: the kernel has no entry */
	struct rte_ether_addr mac;
};

/* Tell the kernel that the neighbour is in use: it resolves an unknown address and confirms a stale one. */
__rte_warn_unused_result int gremc_neighbor_use(struct gremc_netlink *netlink, unsigned ifindex,
						const struct gremc_addr *address);
/* Errors:  any: *neighbor has the state NUD_NONE. */
int gremc_neighbor_get(struct gremc_netlink *netlink, unsigned ifindex, const struct gremc_addr *address,
		       struct gremc_neighbor *neighbor);
/* Input:   an RTM_NEWNEIGH or RTM_DELNEIGH message.
 * Returns: false: the family is neither IPv4 nor IPv6. */
bool gremc_neighbor_parse(const struct nlmsghdr *header, struct gremc_neighbor *neighbor);

#endif
