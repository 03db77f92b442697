/* SPDX-License-Identifier: BSD-3-Clause */
/* A forwarder without threads: a test hands frames to a worker, polls the worker, and reads the replicas.
 *
 * The port LOOP (net_ring) returns each frame that it transmits: a test transmits a frame, the worker
 * receives it and transmits the replicas, and the test receives the replicas. The port NOWHERE (net_null)
 * accepts any number of packets and frees them.
 */
#ifndef GREMC_TEST_FORWARDER_H
#define GREMC_TEST_FORWARDER_H

#include <stdbool.h>

#include <rte_ethdev.h>
#include <rte_ip.h>

#include "datapath/backlog.h"
#include "datapath/datapath.h"
#include "datapath/forward.h"
#include "datapath/tx.h"
#include "test.h"

enum { LOOP, NOWHERE, PORTS };

#define LOCAL        0x0a000001u
#define GROUP        0xef010101u
#define SOURCE       0x0b000001u
#define NO_TUNNEL    UINT32_MAX
#define PAYLOAD_POOL 2047
#define HEADER_POOL  4095

/* The number of segments that a replica must have. */
enum segments { ANY_SEGMENTS, ONE_SEGMENT };

struct forwarder {
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
	struct gremc_fanout *fanout;
	struct gremc_ports ports;
	struct gremc_port port[PORTS];
	struct gremc_worker_group *group;
	struct gremc_worker *worker;
	int socket[4];       /* of the workers */
	uint32_t vif[70000]; /* tunnel n: peer 10.1.0.0 + n */
};

extern const struct rte_ether_addr our_mac, peer_mac;
extern const struct gremc_config_settings default_settings;
extern struct rte_mempool *payloads, *headers;
extern struct rte_mempool *tiny; /* 127 header buffers */
extern uint16_t device[PORTS];

/* ---- set-up ---- */

/* Start the EAL without huge pages, create the pools and open both ports. */
int forwarder_eal_init(void **state);
/* Close both ports and stop the EAL. */
int forwarder_eal_cleanup(void **state);
/* A struct forwarder with one worker and no tunnels in *state. */
int forwarder_set_up(void **state);
/* The same with tables on two NUMA nodes. The second node may be absent: then its tables are
 * copies in other memory. */
int forwarder_set_up_two_nodes(void **state);
/* Destroy the forwarder; each mbuf must have returned to its pool. */
int forwarder_tear_down(void **state);

/* Replace the workers by `workers` new ones, with default settings. */
void forwarder_start_workers(struct forwarder *f, unsigned workers);
/* Two workers that split the replicas of an oil of at least `threshold` OIFs. Returns the second. */
struct gremc_worker *forwarder_start_oil_split(struct forwarder *f, uint16_t threshold);
/* Two workers with software RSS. Returns the second. */
struct gremc_worker *forwarder_start_software_rss(struct forwarder *f);

#define TEST(function) cmocka_unit_test_setup_teardown(function, forwarder_set_up, forwarder_tear_down)
#define TEST_ON_TWO_NODES(function)                                                                          \
	{                                                                                                    \
#		function " on two nodes", function, forwarder_set_up_two_nodes, forwarder_tear_down, NULL   \
	}

/* ---- tunnels and routes ---- */

/* The settings of tunnel n on the port. */
struct gremc_vif_info tunnel_info(uint32_t n, unsigned port);
/* Add a tunnel whose next hop is resolved. Returns its vif. */
uint32_t forwarder_add_tunnel(struct forwarder *f, const struct gremc_vif_info *info);
/* Add tunnels 0 to count - 1 to f->vif. */
void forwarder_add_tunnels(struct forwarder *f, uint32_t count, unsigned port);
/* Set (*,GROUP) from any iif to tunnels 0 to count - 1. */
void forwarder_set_route(struct forwarder *f, uint32_t count);
/* The route that forwarder_set_route() sets, for changes by a test. */
struct gremc_fanout_op forwarder_route(const struct forwarder *f, uint32_t count);

/* ---- frames ---- */

/* The payload byte at an offset into the inner packet. */
uint8_t payload_byte(uint32_t i);
/* Write a frame from tunnel n: an inner packet of `length` bytes with TTL 16, and `padding` bytes behind it.
 * Returns: the length of the frame. */
uint32_t frame_write(uint8_t *frame, uint32_t n, uint16_t length, uint16_t padding);
/* The frame in one segment. */
struct rte_mbuf *frame_mbuf_create(uint32_t n, uint16_t length, uint16_t padding);
/* The frame in segments of at most `piece` bytes. */
struct rte_mbuf *frame_mbuf_create_split(uint32_t n, uint16_t length, uint16_t padding, uint32_t piece);

/* ---- input ---- */

/* The first worker receives the frame on LOOP and forwards it. Returns the number of received packets. */
uint32_t forwarder_receive_frame(struct forwarder *f, struct rte_mbuf *mbuf);
/* The first worker forwards the mbufs as if one poll had received them. LOOP may contain replicas. */
void forwarder_forward_burst(struct forwarder *f, struct rte_mbuf **mbufs, uint32_t n);
/* The same for another worker. */
void worker_forward_burst(struct forwarder *f, struct gremc_worker *worker, struct rte_mbuf **mbufs,
			  uint32_t n);
/* The same with one mbuf. */
void forwarder_forward_frame(struct forwarder *f, struct rte_mbuf *mbuf);

/* ---- output ---- */

/* The mbuf is the replica for tunnel n of a frame with `length` inner bytes, byte by byte. */
void replica_check(struct rte_mbuf *mbuf, uint32_t n, uint16_t length, enum segments segments);
/* The next packet of LOOP is that replica. */
void replica_expect(uint32_t n, uint16_t length);
/* LOOP contains exactly `count` replicas, for tunnels 0, 1, ... without tunnel `skip`. */
void replicas_expect(uint32_t count, uint32_t skip, uint16_t length, enum segments segments);
/* LOOP contains no packet. */
void replicas_expect_none(void);
/* LOOP contains replicas of `packets` packets for each of the first tunnels; the inner lengths ascend from
 * `length`. */
void replicas_expect_in_order(uint32_t tunnels, uint16_t length, uint16_t packets);
/* Take all replicas out of LOOP and set got[tunnel] of each: no tunnel may have two. Returns their number. */
uint32_t replicas_collect(const struct forwarder *f, bool *got, uint32_t tunnels);
/* Take all packets out of LOOP. Returns their number. */
uint32_t loop_port_empty(void);

/* ---- counters, buffers ---- */

/* The sum of all workers' counters. Both sums of docs/design.md, section 7, hold. */
struct gremc_totals forwarder_totals(const struct forwarder *f);
/* Drop the worker's backlogs and free its spare header buffers. */
void worker_release_mbufs(struct gremc_worker *worker);
/* Each mbuf is in its pool. */
void pools_expect_full(void);
/* Fill the ring of packets that other workers hand to the worker. */
void handoff_ring_fill(struct gremc_worker *worker);
/* Remove the entries of handoff_ring_fill(). */
void handoff_ring_clear(struct gremc_worker *worker);

#endif
