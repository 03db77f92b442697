/* SPDX-License-Identifier: BSD-3-Clause */
/* The timed part. Frames are prepared before the clock starts and put into net_ring0. The worker's receive
 * stage receives them (timed separately). Then its other stages forward all bursts of a section in a row. */
#include <rte_ethdev.h>

#include "bench.h"

static uint64_t clock_cost;

void bench_section_calibrate(void)
{
	clock_cost = UINT64_MAX;
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t start = bench_clock(), cost = bench_clock() - start;

		clock_cost = RTE_MIN(clock_cost, cost);
	}
}

__attribute__((noinline)) void bench_forward(struct gremc_worker *worker, const struct gremc_rxq *rxq,
					     struct rte_mbuf **frames, uint32_t count, uint32_t burst,
					     uint32_t length)
{
	for (uint32_t done = 0, n; done < count; done += n) {
		n = RTE_MIN(count - done, burst);
		bench_burst_begin(worker, frames + done, n, length);
		gremc_worker_forward(worker, rxq);
		rte_rcu_qsbr_quiescent(worker->qsbr, (unsigned)worker->rcu_slot);
	}
}

uint64_t bench_clock_cost(void)
{
	return clock_cost;
}

/* Pass frames through the device and the receive stage, burst by burst. Returns the stage's cycles. */
static uint64_t section_receive(struct bench_world *world, struct rte_mbuf **frames, uint32_t count,
				uint32_t burst)
{
	struct gremc_worker *worker = world->worker;
	uint64_t cycles = 0, start, cost;

	for (uint32_t done = 0, n; done < count; done += n) {
		n = RTE_MIN(count - done, burst);
		/* the ring has capacity for a section */
		rte_eth_tx_burst(world->environment->in, 0, frames + done, n);
		start = bench_clock();
		gremc_stage_rx(worker, &worker->rxq[0]);
		cost = bench_clock() - start;
		cycles += cost > clock_cost ? cost - clock_cost : 0;
		for (uint32_t i = 0; i < n; i++)
			frames[done + i] = worker->burst.packet[i].mbuf;
	}
	worker->rx_packets = 0;
	worker->rx_bytes = 0;
	return cycles;
}

int bench_section(struct bench_world *world, struct bench_source *source, uint32_t count, uint32_t burst,
		  struct bench_section_cost *cost)
{
	struct gremc_worker *worker = world->worker;
	struct rte_mbuf *frames[BENCH_SECTION];
	uint64_t start, cycles;

	if (bench_source_alloc(source, frames, count)) {
		fprintf(stderr, "gremc-bench: the pool of received frames is empty\n");
		return -1;
	}
	cost->receive = section_receive(world, frames, count, burst);
	start = bench_clock();
	bench_forward(worker, &worker->rxq[0], frames, count, burst, source->length);
	cycles = bench_clock() - start;
	cost->forward = cycles > clock_cost ? cycles - clock_cost : 0;
	return 0;
}
