/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker's ends of the host path, without a kernel: tests hand packets to a worker as if a poll had
 * received them, take punted packets out of the rings, and inject packets; the port (net_ring0) returns each
 * frame that the worker transmits. */
#ifndef GREMC_TESTS_UNIT_HOST_PATH_H
#define GREMC_TESTS_UNIT_HOST_PATH_H

#include <stdbool.h>

#include <rte_ethdev.h>
#include <rte_ip.h>

#include "datapath/datapath.h"
#include "datapath/forward.h"
#include "test.h"

#define LOCAL  RTE_BE32(0x0a000001)
#define REMOTE RTE_BE32(0x0a000002)
#define GROUP  RTE_BE32(0xef010101)
#define SOURCE RTE_BE32(0x0b000001)
#define POOL   4095

enum { PORT, HOST }; /* indexes of ports */

struct host_path {
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_ports ports;
	struct gremc_port port;
	struct gremc_worker_group *group;
	struct gremc_worker *worker;
	uint32_t tunnel, lan, host; /* vifs */
};

/* An Ethernet frame with a packet of the tunnel. */
struct tunnel_frame {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr outer;
	uint8_t gre[4];
	struct rte_ipv4_hdr inner;
	uint8_t padding[20];
} __rte_packed __rte_aligned(2);

extern const struct rte_ether_addr our_mac, peer_mac;
extern const uint8_t arp[28]; /* the payload of an ARP frame */
extern struct rte_mempool *pool;
extern uint16_t device;

/* Start the EAL without huge pages, create the pool and open the port. */
int host_path_eal_init(void **state);
/* Close the port and stop the EAL. */
int host_path_eal_cleanup(void **state);
/* A worker with one tunnel, a native port and the host's vif in *state. */
int host_path_set_up(void **state);
/* The same; the port has a transmit queue for the control thread. */
int host_path_set_up_own_queue(void **state);
/* Free all; each mbuf must have returned to the pool. */
int host_path_tear_down(void **state);

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_path_set_up, host_path_tear_down)
#define TEST_OWN_QUEUE(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, host_path_set_up_own_queue, host_path_tear_down)

/* Set (*,GROUP) from any iif to one vif. */
void host_path_set_route(struct host_path *f, uint32_t vif);
/* The sum of all counters. Both sums of docs/design.md, section 7, hold. */
struct gremc_totals host_path_totals(const struct host_path *f);

/* An mbuf that contains these bytes. */
struct rte_mbuf *mbuf_from_bytes(const void *bytes, uint16_t length);
/* An IPv4 header with its checksum. */
struct rte_ipv4_hdr ipv4_write(rte_be32_t from, rte_be32_t to, uint8_t protocol, uint8_t ttl, uint16_t total);
/* A frame of the tunnel with this inner header. */
struct rte_mbuf *tunnel_frame_create(struct rte_ipv4_hdr inner);
/* A frame to this MAC address. */
struct rte_mbuf *ether_frame_create(const char *to, uint16_t type, const void *payload, uint16_t length);

/* The worker forwards the frame as if the port had received it. */
void port_receive_one(struct host_path *f, struct rte_mbuf *mbuf);
/* The next punted packet of the class, or NULL. */
struct rte_mbuf *punt_dequeue_one(struct host_path *f, enum gremc_punt class);

#endif
