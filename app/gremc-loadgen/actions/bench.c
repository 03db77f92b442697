/* SPDX-License-Identifier: BSD-3-Clause */
/* bench: the generator's own cost, measured on the functions that the lcores call, without ports, with flows
 * and replicas of an artificial configuration. Packets are in the cache, as after a NIC that writes into it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "actions/actions.h"
#include "receive/poll.h"
#include "traffic/replica.h"
#include "traffic/template.h"
#include "transmit/pattern_pool.h"
#include "transmit/transmitter.h"

#define GENERATE_LIMIT 60.0  /* cycles */
#define CHECK_LIMIT    150.0 /* cycles */
#define SLICES         2000u
#define ROUNDS         8u /* bursts in a slice */
#define MBUFS          2047u
#define SOURCE         RTE_BE32(0x0a000001)

struct loadgen_bench {
	struct gremc_config config;
	struct gremc_flows *flows;
	struct gremc_template *templates;
	struct gremc_transmitter *tx;
	struct gremc_receiver *rx;
	uint64_t *sequence;
	uint32_t *order;
	uint64_t *cycles; /* of each slice */
	struct gremc_site_macs *macs;
};

/* Each group goes from another tunnel to the next `fanout` ones. */
static int bench_config_create(struct gremc_config *config, const struct gremc_loadgen_options *options,
			       uint32_t fanout)
{
	static struct gremc_config_port port = {.name = "wan", .member_of = GREMC_CONFIG_NONE};

	config->ports = &port;
	config->port_count = 1;
	config->tunnel_count = options->tunnels;
	config->mroute_count = options->groups;
	config->tunnels = calloc(options->tunnels, sizeof(*config->tunnels));
	config->mroutes = calloc(options->groups, sizeof(*config->mroutes));
	if (config->tunnels == NULL || config->mroutes == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < options->tunnels; i++) {
		struct gremc_config_tunnel *tunnel = &config->tunnels[i];

		snprintf(tunnel->name, sizeof(tunnel->name), "t%u", i);
		tunnel->options.local = RTE_BE32(0xc0000201);
		tunnel->options.remote = rte_cpu_to_be_32(0xc6120001 + i);
		tunnel->options.has_input_key = tunnel->options.has_output_key = options->keys;
		tunnel->options.input_key = tunnel->options.output_key = i;
	}
	for (uint32_t i = 0; i < options->groups; i++) {
		struct gremc_config_mroute *mroute = &config->mroutes[i];

		mroute->source = gremc_addr_from_ipv4(SOURCE);
		mroute->group = (struct gremc_prefix)GREMC_PREFIX_IPV4(rte_cpu_to_be_32(0xef010100 + i), 32);
		mroute->from = malloc((fanout + 1) * sizeof(*mroute->from));
		if (mroute->from == NULL)
			return -ENOMEM;
		mroute->from_count = 1;
		mroute->to = mroute->from + 1;
		mroute->to_count = fanout;
		for (uint32_t k = 0; k <= fanout; k++)
			mroute->from[k] = (i + k) % options->tunnels;
	}
	return 0;
}

static void bench_transmitter_init(struct loadgen_bench *bench, uint32_t count, uint16_t inner)
{
	static const uint8_t one_size[1];
	struct gremc_transmitter *tx = bench->tx;

	for (uint32_t i = 0; i < count; i++) {
		bench->order[i] = i;
		gremc_template_build(&bench->templates[i], bench->flows, i, inner, &gremc_replica_mac,
				     &gremc_replica_mac);
	}
	tx->pool = gremc_pattern_pool_create("bench", MBUFS, inner, SOCKET_ID_ANY);
	tx->templates = bench->templates;
	tx->template_stride = tx->order_count = count;
	tx->order = bench->order;
	tx->sizes = one_size;
	tx->size_count = 1;
	tx->sequence = bench->sequence;
}

static void bench_receiver_init(struct loadgen_bench *bench)
{
	bench->rx->ttl_step = 1;
	for (uint32_t i = 0; i < bench->flows->site_count; i++)
		bench->macs[i] = (struct gremc_site_macs){gremc_replica_mac, gremc_replica_mac};
	bench->rx->macs = bench->macs;
}

static int bench_memory_alloc(struct loadgen_bench *bench, uint32_t count)
{
	bench->templates = aligned_alloc(128, count * sizeof(*bench->templates));
	bench->tx = rte_zmalloc("bench_tx", sizeof(*bench->tx), RTE_CACHE_LINE_SIZE);
	bench->rx = rte_zmalloc("bench_rx", sizeof(*bench->rx), RTE_CACHE_LINE_SIZE);
	bench->sequence = calloc(count, sizeof(*bench->sequence));
	bench->order = calloc(count, sizeof(*bench->order));
	bench->cycles = calloc(SLICES, sizeof(*bench->cycles));
	bench->macs = calloc(bench->flows->site_count, sizeof(*bench->macs));
	return bench->templates && bench->tx && bench->rx && bench->sequence && bench->order &&
			       bench->cycles && bench->macs
		       ? gremc_receiver_init(bench->rx, bench->flows)
		       : -ENOMEM;
}

static int loadgen_bench_create(struct loadgen_bench *bench, const struct gremc_loadgen_options *options,
				uint32_t fanout, uint16_t inner)
{
	struct gremc_flows_options flows = {.groups_per_route = 1, .senders = 1};
	struct gremc_errors errors = {0};

	if (bench_config_create(&bench->config, options, fanout))
		return -ENOMEM;
	bench->flows = gremc_flows_create(&bench->config, &flows, &errors);
	gremc_errors_fini(&errors);
	if (bench->flows == NULL || bench_memory_alloc(bench, bench->flows->count))
		return -ENOMEM;
	bench_transmitter_init(bench, bench->flows->count, inner);
	bench_receiver_init(bench);
	return bench->tx->pool ? 0 : -ENOMEM;
}

static void loadgen_bench_destroy(struct loadgen_bench *bench)
{
	if (bench->rx)
		gremc_receiver_fini(bench->rx);
	if (bench->tx)
		rte_mempool_free(bench->tx->pool);
	rte_free(bench->rx);
	rte_free(bench->tx);
	gremc_flows_destroy(bench->flows);
	for (uint32_t i = 0; bench->config.mroutes && i < bench->config.mroute_count; i++)
		free(bench->config.mroutes[i].from);
	free(bench->config.mroutes);
	free(bench->config.tunnels);
	free(bench->templates);
	free(bench->sequence);
	free(bench->order);
	free(bench->cycles);
	free(bench->macs);
}

static int cycles_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Returns: cycles per packet, the minimum of all slices; *median is their median. */
static double bench_cycles_summarize(struct loadgen_bench *bench, unsigned packets, double *median)
{
	qsort(bench->cycles, SLICES, sizeof(*bench->cycles), cycles_compare);
	*median = (double)bench->cycles[SLICES / 2] / packets;
	return (double)bench->cycles[0] / packets;
}

static int bench_packets_generate(struct loadgen_bench *bench, double *least, double *median)
{
	struct rte_mbuf *packet[GREMC_PACE_BURST];

	for (unsigned s = 0; s < SLICES; s++) {
		uint64_t cycles = 0;

		for (unsigned r = 0; r < ROUNDS; r++) {
			uint64_t begin = rte_rdtsc();

			if (gremc_transmitter_packets_build(bench->tx, begin, packet, GREMC_PACE_BURST))
				return -ENOBUFS;
			cycles += rte_rdtsc() - begin;
			rte_pktmbuf_free_bulk(packet,
					      GREMC_PACE_BURST); /* as a driver does after transmission */
		}
		bench->cycles[s] = cycles;
	}
	*least = bench_cycles_summarize(bench, ROUNDS * GREMC_PACE_BURST, median);
	return 0;
}

/* Write the next GREMC_RX_BURST replicas in the forwarder's order: all of one packet, then all of the next.
 */
static void bench_burst_write(struct loadgen_bench *bench, struct rte_mbuf **packet, uint16_t inner,
			      uint32_t *flow, uint32_t *member)
{
	for (unsigned i = 0; i < GREMC_RX_BURST; i++) {
		const struct gremc_flow *f = &bench->flows->flow[*flow];
		struct gremc_stamp stamp = {
			.flow = *flow, .sequence = bench->sequence[*flow], .time = rte_rdtsc()};
		uint8_t *frame = rte_pktmbuf_mtod(packet[i], uint8_t *);

		packet[i]->data_len =
			gremc_replica_write(bench->flows, f->first + *member, inner, &stamp, frame);
		packet[i]->pkt_len = packet[i]->data_len;
		if (++*member < f->fanout)
			continue;
		*member = 0;
		bench->sequence[*flow]++;
		*flow = (*flow + 1) % bench->flows->count;
	}
}

static int bench_replicas_check(struct loadgen_bench *bench, uint16_t inner, double *least, double *median)
{
	struct rte_mbuf *packet[ROUNDS * GREMC_RX_BURST];
	uint32_t flow = 0, member = 0;

	memset(bench->sequence, 0, bench->flows->count * sizeof(*bench->sequence));
	if (rte_pktmbuf_alloc_bulk(bench->tx->pool, packet, RTE_DIM(packet)))
		return -ENOBUFS;
	for (unsigned s = 0; s < SLICES; s++) {
		uint64_t begin;

		for (unsigned r = 0; r < ROUNDS; r++)
			bench_burst_write(bench, &packet[r * GREMC_RX_BURST], inner, &flow, &member);
		begin = rte_rdtsc();
		for (unsigned r = 0; r < ROUNDS; r++)
			gremc_receiver_check(bench->rx, 0, begin, &packet[r * GREMC_RX_BURST],
					     GREMC_RX_BURST);
		bench->cycles[s] = rte_rdtsc() - begin;
	}
	rte_pktmbuf_free_bulk(packet, RTE_DIM(packet));
	*least = bench_cycles_summarize(bench, ROUNDS * GREMC_RX_BURST, median);
	/* The figure counts only if every replica was good. */
	return gremc_u64_load(&bench->rx->counters.replicas) == (uint64_t)SLICES * ROUNDS * GREMC_RX_BURST &&
			       bench->rx->counters.fault[GREMC_FAULT_duplicated] +
					       bench->rx->counters.fault[GREMC_FAULT_late] ==
				       0
		       ? 0
		       : -EBADMSG;
}

static void bench_result_print(const char *operation, double least, double median, double limit)
{
	printf("%-22s %6.1f cycles (median %.1f), limit %.0f: %s\n", operation, least, median, limit,
	       least <= limit ? "kept" : "MISSED");
}

int gremc_bench_run(const struct gremc_loadgen_options *options)
{
	struct loadgen_bench bench = {0};
	uint32_t fanout = options->fanout_count ? options->fanout[0] : RTE_MIN(16u, options->tunnels - 1);
	uint16_t inner = options->mix[0].size[0].bytes;
	double least = 0, median = 0, checked = 0;
	int rc;

	if (options->mix[0].outer || options->mix[0].size_count != 1 || fanout >= options->tunnels) {
		fprintf(stderr,
			"gremc-loadgen: bench needs a single inner --size and a --fanout below --tunnels\n");
		return GREMC_EXIT_USAGE;
	}
	rc = loadgen_bench_create(&bench, options, fanout, inner);
	if (rc == 0)
		rc = bench_packets_generate(&bench, &least, &median);
	if (rc == 0) {
		printf("%u tunnels, %u flows, fan-out %u, inner packets of %u bytes, TSC %.0f MHz\n",
		       options->tunnels, bench.flows->count, fanout, inner, (double)rte_get_tsc_hz() / 1e6);
		bench_result_print("generate a packet", least, median, GENERATE_LIMIT);
		rc = bench_replicas_check(&bench, inner, &checked, &median);
	}
	if (rc == 0)
		bench_result_print("check a replica", checked, median, CHECK_LIMIT);
	else
		fprintf(stderr, "gremc-loadgen: bench: %s\n",
			rc == -ENOMEM || rc == -ENOBUFS ? "out of memory: give DPDK more (-m)"
							: "a good replica was found faulty");
	loadgen_bench_destroy(&bench);
	return rc == 0 && least <= GENERATE_LIMIT && checked <= CHECK_LIMIT ? GREMC_EXIT_DONE
									    : GREMC_EXIT_FAILURE;
}
