/* SPDX-License-Identifier: BSD-3-Clause */
/* Input packets in any kind of buffer: several segments, shared, external, pinned. */
#include <stdlib.h>

#include <rte_malloc.h>

#include "datapath/pending.h"
#include "forwarder.h"

static void test_single_segment_port_gets_copies(void **state)
{
	struct forwarder *f = *state;

	f->port[LOOP].multi_seg = false;
	forwarder_start_workers(f, 1);
	forwarder_add_tunnels(f, 66, LOOP);
	forwarder_set_route(f, 65);
	forwarder_receive_frame(f, frame_mbuf_create(65, 1400, 0));
	replicas_expect(65, NO_TUNNEL, 1400, ONE_SEGMENT);
	/* a packet in several segments leaves in one segment, at fan-out 1 too */
	forwarder_set_route(f, 1);
	forwarder_receive_frame(f, frame_mbuf_create_split(65, 4000, 0, 600));
	replicas_expect(1, NO_TUNNEL, 4000, ONE_SEGMENT);
	forwarder_set_route(f, 65);
	forwarder_receive_frame(f, frame_mbuf_create_split(65, 4000, 9, 600));
	replicas_expect(65, NO_TUNNEL, 4000, ONE_SEGMENT);
}

static void test_port_segment_limit_is_respected(void **state)
{
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf;

	f->port[LOOP].max_segments = 4;
	forwarder_start_workers(f, 1);
	forwarder_add_tunnels(f, 4, LOOP);
	forwarder_set_route(f, 3);
	/* three segments and a header segment are a chain; four segments are copied into one */
	forwarder_receive_frame(f, frame_mbuf_create_split(3, 1700 - 38, 0, 600));
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	assert_int_equal(mbuf->nb_segs, 4);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
	rte_pktmbuf_free(mbuf);
	forwarder_receive_frame(f, frame_mbuf_create_split(3, 2300 - 38, 0, 600));
	replicas_expect(3, NO_TUNNEL, 2300 - 38, ONE_SEGMENT);
}

/* A frame is forwarded regardless of the lengths of its segments, also if headers are split. */
static void test_segmented_input_is_forwarded(void **state)
{
	static const uint32_t pieces[] = {1,  7,   13,  14,  33,  34,  38,   57,  58,
					  59, 100, 153, 154, 155, 500, 1437, 1438};
	struct forwarder *f = *state;

	forwarder_add_tunnels(f, 6, LOOP);
	for (unsigned i = 0; i < RTE_DIM(pieces); i++) {
		/* net_ring accepts chains of any length */
		for (uint32_t fanout = 1; fanout <= 5; fanout += 4) {
			forwarder_set_route(f, fanout);
			forwarder_receive_frame(f, frame_mbuf_create_split(5, 1400, 40, pieces[i]));
			replicas_expect(fanout, NO_TUNNEL, 1400, ANY_SEGMENTS);
			forwarder_receive_frame(f, frame_mbuf_create_split(5, 100, 40, pieces[i]));
			replicas_expect(fanout, NO_TUNNEL, 100, ANY_SEGMENTS);
		}
	}
	assert_int_equal(forwarder_totals(f).forwarded, RTE_DIM(pieces) * 4);
}

/* The first segment has no tailroom for the headers. */
static void test_split_headers_without_tailroom_are_dropped(void **state)
{
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf;

	forwarder_add_tunnels(f, 2, LOOP);
	forwarder_set_route(f, 1);
	mbuf = frame_mbuf_create_split(1, 1000, 0, 20);
	/* move the data to the end of the buffer */
	memmove(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, rte_pktmbuf_tailroom(mbuf)),
		rte_pktmbuf_mtod(mbuf, uint8_t *), 20);
	mbuf->data_off += rte_pktmbuf_tailroom(mbuf);
	forwarder_receive_frame(f, mbuf);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_header_split], 1);
}

/* A buffer with a second reference is copied before the headers are changed. */
static void test_shared_input_is_copied(void **state)
{
	static uint8_t before[2000];
	struct forwarder *f = *state;
	struct rte_mbuf *mbuf = frame_mbuf_create(2, 1000, 0), *taken[64], *all[PAYLOAD_POOL];
	unsigned n = 0;

	forwarder_add_tunnels(f, 3, LOOP);
	forwarder_set_route(f, 2);
	memcpy(before, rte_pktmbuf_mtod(mbuf, void *), mbuf->pkt_len);
	rte_mbuf_refcnt_update(mbuf, 1);
	forwarder_receive_frame(f, mbuf);
	replicas_expect(2, NO_TUNNEL, 1000, ANY_SEGMENTS);
	assert_int_equal(rte_mbuf_refcnt_read(mbuf), 1);
	assert_memory_equal(before, rte_pktmbuf_mtod(mbuf, void *), mbuf->pkt_len);
	/* no free buffer for the copy: a named drop */
	rte_mbuf_refcnt_update(mbuf, 1);
	while (rte_mempool_get(payloads, (void **)&all[n]) == 0)
		n++;
	forwarder_receive_frame(f, mbuf);
	rte_mempool_put_bulk(payloads, (void **)all, n);
	assert_int_equal(forwarder_totals(f).drops[GREMC_DROP_shared_input], 1);
	assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, taken, 64), 0);
	assert_int_equal(rte_mbuf_refcnt_read(mbuf), 1);
	rte_pktmbuf_free(mbuf);
}

/* The header pool becomes empty in the middle of a packet: replicas with a buffer are sent, and if replicas
 * are copies, also the last one, which uses the buffer of the input packet. Each tunnel counts its loss. */
static void test_empty_header_pool_drops_by_name(void **state)
{
	struct forwarder *f = *state;
	uint64_t lost = 0;

	forwarder_add_tunnels(f, 201, LOOP);
	forwarder_set_route(f, 200);
	f->worker->header_pool = tiny; /* 127 buffers */
	forwarder_receive_frame(f, frame_mbuf_create(200, 1000, 0));
	replicas_expect(127, NO_TUNNEL, 1000, ANY_SEGMENTS);
	forwarder_receive_frame(f, frame_mbuf_create(200, 100, 0));
	for (unsigned n = 0; n < 127; n++)
		replica_expect(n, 100);
	replica_expect(199, 100);
	assert_int_equal(rte_mempool_avail_count(tiny), 127);
	assert_int_equal(forwarder_totals(f).sent, 255);
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_no_mbuf], 145);
	for (unsigned n = 0; n < 200; n++)
		lost += f->worker->stats->vif_cold[f->vif[n]].lost[GREMC_TX_DROP_no_mbuf];
	assert_int_equal(lost, 145);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[198]].lost_bytes, 1100);
	assert_int_equal(f->worker->stats->vif_cold[f->vif[199]].lost_bytes, 1000);
}

/* ---- external buffers ---- */

/* A buffer of exactly the needed length, so that ASan detects each access outside it. */
struct external {
	struct rte_mbuf_ext_shared_info shinfo;
	unsigned freed;
	void *memory;
};

static void extbuf_free_count(void *memory, void *opaque)
{
	struct external *external = opaque;

	assert_ptr_equal(memory, external->memory);
	free(memory);
	external->freed++;
}

/* An input packet of a driver with external buffers: mlx5 with mprq_en=1, vhost. */
static struct rte_mbuf *extbuf_mbuf_create(struct external *external, const uint8_t *bytes, uint16_t length,
					   uint16_t headroom)
{
	const uint16_t size = headroom + length;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(payloads);

	*external = (struct external){.memory = malloc(size)};
	external->shinfo.free_cb = extbuf_free_count;
	external->shinfo.fcb_opaque = external;
	rte_mbuf_ext_refcnt_set(&external->shinfo, 1);
	rte_pktmbuf_attach_extbuf(mbuf, external->memory, RTE_BAD_IOVA, size, &external->shinfo);
	mbuf->data_off = headroom;
	mbuf->data_len = mbuf->pkt_len = length;
	memcpy(rte_pktmbuf_mtod(mbuf, void *), bytes, length);
	return mbuf;
}

/* Each mbuf of the pool has its own buffer again. */
static void extbufs_expect_freed(void)
{
	static struct rte_mbuf *all[PAYLOAD_POOL];

	assert_int_equal(rte_mempool_get_bulk(payloads, (void **)all, PAYLOAD_POOL), 0);
	for (unsigned i = 0; i < PAYLOAD_POOL; i++) {
		assert_true(RTE_MBUF_DIRECT(all[i]));
		assert_ptr_equal(all[i]->buf_addr, (uint8_t *)all[i] + sizeof(*all[i]));
	}
	rte_mempool_put_bulk(payloads, (void **)all, PAYLOAD_POOL);
}

/* One owner: the packet is forwarded, and the buffer is freed once, with any headroom. */
static void test_external_buffers_return_to_their_owner(void **state)
{
	static const uint32_t fanouts[] = {1, 2, 70};
	static const uint16_t lengths[] = {20, 100, 1000}, headrooms[] = {0, 16, 18, 128};
	static uint8_t frame[2000];
	struct forwarder *f = *state;
	struct external external;

	forwarder_add_tunnels(f, 71, LOOP);
	for (unsigned i = 0; i < RTE_DIM(fanouts) * RTE_DIM(lengths) * RTE_DIM(headrooms); i++) {
		const uint32_t fanout = fanouts[i % RTE_DIM(fanouts)];
		const uint16_t length = lengths[i / RTE_DIM(fanouts) % RTE_DIM(lengths)];
		const uint16_t headroom = headrooms[i / RTE_DIM(fanouts) / RTE_DIM(lengths)];
		const uint32_t bytes = frame_write(frame, 70, length, 0);

		forwarder_set_route(f, fanout);
		forwarder_receive_frame(f, extbuf_mbuf_create(&external, frame, bytes, headroom));
		replicas_expect(fanout, NO_TUNNEL, length, ANY_SEGMENTS);
		assert_int_equal(external.freed, 1);
		worker_release_mbufs(f->worker);
		pools_expect_full();
	}
	assert_int_equal(forwarder_totals(f).losses[GREMC_TX_DROP_no_mbuf], 0);
	extbufs_expect_freed();
}

/* The ways in which a received packet can share its bytes with another owner. */
enum sharing { CLONE, EXTERNAL, LATER_EXTERNAL, LATER_CLONE, LATER_REFERENCE, SHARINGS };

/* A frame whose bytes *reader, the other owner's mbuf, shares. *external describes the external buffer, if
 * any. */
static struct rte_mbuf *extbuf_mbuf_create_shared(enum sharing how, uint16_t length,
						  struct external *external, struct rte_mbuf **reader)
{
	static uint8_t frame[2000];
	const uint32_t bytes = frame_write(frame, 70, length, 0);
	const bool later = how >= LATER_EXTERNAL;
	const uint32_t at = later ? RTE_MIN(40u, bytes - 1) : 0;
	struct rte_mbuf *first, *part;

	*external = (struct external){0};
	if (how == CLONE || how == LATER_CLONE) {
		/* the other owner has the direct mbuf */
		*reader = rte_pktmbuf_alloc(payloads);
		memcpy(rte_pktmbuf_append(*reader, bytes - at), frame + at, bytes - at);
		part = rte_pktmbuf_clone(*reader, payloads);
	} else if (how == LATER_REFERENCE) {
		/* a payload that several chains share, as in replicas of this program */
		part = rte_pktmbuf_alloc(payloads);
		memcpy(rte_pktmbuf_append(part, bytes - at), frame + at, bytes - at);
		rte_mbuf_refcnt_update(part, 1);
		*reader = part;
	} else {
		part = extbuf_mbuf_create(external, frame + at, bytes - at, 128);
		*reader = rte_pktmbuf_clone(part, payloads);
	}
	if (!later)
		return part;
	first = rte_pktmbuf_alloc(payloads);
	memcpy(rte_pktmbuf_append(first, at), frame, at);
	assert_int_equal(rte_pktmbuf_chain(first, part), 0);
	return first;
}

/* The bytes of the other owner do not change, in any kind of buffer. */
static void test_shared_external_buffers_are_not_written(void **state)
{
	static const uint32_t fanouts[] = {1, 3, 70};
	static const uint16_t lengths[] = {28, 1000};
	static uint8_t before[2000];
	struct forwarder *f = *state;
	struct external external;
	struct rte_mbuf *reader, *mbuf;
	const uint8_t *seen;
	uint16_t bytes;

	forwarder_add_tunnels(f, 71, LOOP);
	for (unsigned i = 0; i < SHARINGS * RTE_DIM(fanouts) * RTE_DIM(lengths); i++) {
		const enum sharing how = i % SHARINGS;
		const uint32_t fanout = fanouts[i / SHARINGS % RTE_DIM(fanouts)];
		const uint16_t length = lengths[i / SHARINGS / RTE_DIM(fanouts)];

		forwarder_set_route(f, fanout);
		mbuf = extbuf_mbuf_create_shared(how, length, &external, &reader);
		seen = rte_pktmbuf_mtod(reader, const uint8_t *);
		bytes = reader->data_len;
		memcpy(before, seen, bytes);
		forwarder_receive_frame(f, mbuf);
		replicas_expect(fanout, NO_TUNNEL, length, ANY_SEGMENTS);
		assert_ptr_equal(rte_pktmbuf_mtod(reader, const uint8_t *), seen);
		assert_int_equal(reader->data_len, bytes);
		assert_memory_equal(before, seen, bytes);
		assert_int_equal(external.freed, 0);
		assert_int_equal(rte_mbuf_refcnt_read(reader), 1);
		rte_pktmbuf_free(reader);
		assert_int_equal(external.freed, external.memory != NULL);
		worker_release_mbufs(f->worker);
		pools_expect_full();
	}
	extbufs_expect_freed();
}

/* Packets that wait for a next hop keep their external buffer until they are sent. */
static void test_external_buffers_wait_for_next_hop(void **state)
{
	static uint8_t frame[2000];
	struct forwarder *f = *state;
	struct gremc_vif_info info = tunnel_info(0, LOOP);
	struct external external, held;
	uint32_t adjacency;
	struct rte_mbuf *out;

	forwarder_add_tunnels(f, 3, LOOP);
	assert_int_equal(gremc_adjacency_get(f->vifs, LOOP, info.next_hop, &our_mac, 0, &adjacency), 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL), 0);
	gremc_rcu_synchronize(f->rcu);
	for (uint32_t fanout = 1; fanout <= 2; fanout++) {
		forwarder_set_route(f, fanout);
		forwarder_forward_frame(
			f, extbuf_mbuf_create(&external, frame, frame_write(frame, 2, 100, 0), 128));
		assert_int_equal(forwarder_totals(f).waiting, fanout);
		/* a second packet: at fan-out 1 the input mbuf itself waits, otherwise a copy */
		forwarder_forward_frame(
			f, extbuf_mbuf_create(&held, frame, frame_write(frame, 2, 1000, 0), 128));
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &peer_mac), 0);
		gremc_worker_poll_pending(f->worker);
		while (rte_eth_rx_burst(device[LOOP], 0, &out, 1) == 1)
			rte_pktmbuf_free(out);
		assert_int_equal(forwarder_totals(f).waiting, 0);
		assert_int_equal(external.freed, 1);
		assert_int_equal(held.freed, 1);
		assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, NULL), 0);
		gremc_rcu_synchronize(f->rcu);
	}
	worker_release_mbufs(f->worker);
	pools_expect_full();
	extbufs_expect_freed();
}

/* A pool whose mbufs have external buffers permanently (pinned): each mbuf returns with its flag, and no copy
 * is made in such a pool. */
static void test_pinned_buffers_stay_pinned(void **state)
{
	enum { COUNT = 63, SIZE = 2176 };
	static const uint32_t fanouts[] = {1, 3, 200};
	struct forwarder *f = *state;
	struct gremc_worker *other;
	struct rte_pktmbuf_extmem memory = {.buf_len = (size_t)COUNT * SIZE, .elt_size = SIZE};
	struct rte_mempool *pinned;
	struct rte_mbuf *all[COUNT], *mbuf;

	memory.buf_ptr = rte_zmalloc("pinned", memory.buf_len, RTE_CACHE_LINE_SIZE);
	memory.buf_iova = rte_malloc_virt2iova(memory.buf_ptr);
	pinned = rte_pktmbuf_pool_create_extbuf("pinned", COUNT, 0, 0, SIZE, SOCKET_ID_ANY, &memory, 1);
	assert_non_null(pinned);
	other = forwarder_start_oil_split(f, 150);
	forwarder_add_tunnels(f, 201, LOOP);
	for (unsigned i = 0; i < RTE_DIM(fanouts); i++) {
		forwarder_set_route(f, fanouts[i]);
		mbuf = rte_pktmbuf_alloc(pinned);
		mbuf->data_len = mbuf->pkt_len = frame_write(rte_pktmbuf_mtod(mbuf, uint8_t *), 200, 1000, 0);
		forwarder_receive_frame(f, mbuf);
		assert_int_equal(gremc_worker_poll_handoff(other), fanouts[i] >= 150);
		for (uint32_t n = 0; n < fanouts[i]; n++) {
			assert_int_equal(rte_eth_rx_burst(device[LOOP], 0, &mbuf, 1), 1);
			rte_pktmbuf_free(mbuf);
		}
		assert_int_equal(rte_mempool_get_bulk(pinned, (void **)all, COUNT), 0);
		for (unsigned k = 0; k < COUNT; k++)
			assert_true(RTE_MBUF_HAS_EXTBUF(all[k]));
		rte_mempool_put_bulk(pinned, (void **)all, COUNT);
	}
	rte_mempool_free(pinned);
	rte_free(memory.buf_ptr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_single_segment_port_gets_copies),
		TEST(test_port_segment_limit_is_respected),
		TEST(test_segmented_input_is_forwarded),
		TEST(test_split_headers_without_tailroom_are_dropped),
		TEST(test_shared_input_is_copied),
		TEST(test_empty_header_pool_drops_by_name),
		TEST(test_external_buffers_return_to_their_owner),
		TEST(test_shared_external_buffers_are_not_written),
		TEST(test_external_buffers_wait_for_next_hop),
		TEST(test_pinned_buffers_stay_pinned),
	};

	return cmocka_run_group_tests_name("datapath_buffers", tests, forwarder_eal_init,
					   forwarder_eal_cleanup);
}
