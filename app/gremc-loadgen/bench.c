/* SPDX-License-Identifier: BSD-3-Clause */
/* What our own generating and checking cost: the functions that the lcores call, without ports, over flows
 * and replicas of a made-up configuration. Packets are in the cache, as after a NIC that writes into it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "options.h"
#include "replica.h"
#include "results.h"
#include "tests.h"

#define GENERATE_LIMIT 60.0
#define CHECK_LIMIT    150.0
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

/* Every group from another tunnel to the `fanout` next ones. */
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

		mroute->source = SOURCE;
		mroute->group = (struct gremc_prefix){rte_cpu_to_be_32(0xef010100 + i), 32};
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

static int loadgen_bench_create(struct loadgen_bench *loadgen_bench,
				const struct gremc_loadgen_options *options, uint32_t fanout, uint16_t inner)
{
	static const uint8_t one_size[1];
	struct gremc_flows_options flows = {.groups_per_route = 1, .senders = 1};
	struct gremc_errors errors = {0};
	uint32_t count;

	if (bench_config_create(&loadgen_bench->config, options, fanout))
		return -ENOMEM;
	loadgen_bench->flows = gremc_flows_create(&loadgen_bench->config, &flows, &errors);
	if (loadgen_bench->flows == NULL)
		return -ENOMEM;
	count = loadgen_bench->flows->count;
	loadgen_bench->templates = aligned_alloc(128, count * sizeof(*loadgen_bench->templates));
	loadgen_bench->tx = rte_zmalloc("bench_tx", sizeof(*loadgen_bench->tx), RTE_CACHE_LINE_SIZE);
	loadgen_bench->rx = rte_zmalloc("bench_rx", sizeof(*loadgen_bench->rx), RTE_CACHE_LINE_SIZE);
	loadgen_bench->sequence = calloc(count, sizeof(*loadgen_bench->sequence));
	loadgen_bench->order = calloc(count, sizeof(*loadgen_bench->order));
	loadgen_bench->cycles = calloc(SLICES, sizeof(*loadgen_bench->cycles));
	loadgen_bench->macs = calloc(loadgen_bench->flows->site_count, sizeof(*loadgen_bench->macs));
	if (!loadgen_bench->templates || !loadgen_bench->tx || !loadgen_bench->rx ||
	    !loadgen_bench->sequence || !loadgen_bench->order || !loadgen_bench->cycles ||
	    !loadgen_bench->macs || gremc_receiver_init(loadgen_bench->rx, loadgen_bench->flows))
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		loadgen_bench->order[i] = i;
		gremc_template_build(&loadgen_bench->templates[i], loadgen_bench->flows, i, inner,
				     &gremc_replica_mac, &gremc_replica_mac);
	}
	loadgen_bench->tx->pool = gremc_pattern_pool_create("bench", MBUFS, inner, SOCKET_ID_ANY);
	loadgen_bench->tx->templates = loadgen_bench->templates;
	loadgen_bench->tx->template_stride = loadgen_bench->tx->order_count = count;
	loadgen_bench->tx->order = loadgen_bench->order;
	loadgen_bench->tx->sizes = one_size;
	loadgen_bench->tx->size_count = 1;
	loadgen_bench->tx->sequence = loadgen_bench->sequence;
	loadgen_bench->rx->ttl_step = 1;
	for (uint32_t i = 0; i < loadgen_bench->flows->site_count; i++)
		loadgen_bench->macs[i] = (struct gremc_site_macs){gremc_replica_mac, gremc_replica_mac};
	loadgen_bench->rx->macs = loadgen_bench->macs;
	return loadgen_bench->tx->pool ? 0 : -ENOMEM;
}

static void loadgen_bench_destroy(struct loadgen_bench *loadgen_bench)
{
	if (loadgen_bench->rx)
		gremc_receiver_fini(loadgen_bench->rx);
	if (loadgen_bench->tx)
		rte_mempool_free(loadgen_bench->tx->pool);
	rte_free(loadgen_bench->rx);
	rte_free(loadgen_bench->tx);
	gremc_flows_destroy(loadgen_bench->flows);
	for (uint32_t i = 0; loadgen_bench->config.mroutes && i < loadgen_bench->config.mroute_count; i++)
		free(loadgen_bench->config.mroutes[i].from);
	free(loadgen_bench->config.mroutes);
	free(loadgen_bench->config.tunnels);
	free(loadgen_bench->templates);
	free(loadgen_bench->sequence);
	free(loadgen_bench->order);
	free(loadgen_bench->cycles);
	free(loadgen_bench->macs);
}

static int cycles_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Cycles a packet: the minimum of all slices, and their median. */
static double bench_cycles_summarize(struct loadgen_bench *loadgen_bench, unsigned packets, double *median)
{
	qsort(loadgen_bench->cycles, SLICES, sizeof(*loadgen_bench->cycles), cycles_compare);
	*median = (double)loadgen_bench->cycles[SLICES / 2] / packets;
	return (double)loadgen_bench->cycles[0] / packets;
}

static int bench_packets_generate(struct loadgen_bench *loadgen_bench, double *least, double *median)
{
	struct rte_mbuf *packet[GREMC_PACE_BURST];

	for (unsigned s = 0; s < SLICES; s++) {
		uint64_t cycles = 0;

		for (unsigned r = 0; r < ROUNDS; r++) {
			uint64_t begin = rte_rdtsc();

			if (gremc_transmitter_packets_build(loadgen_bench->tx, begin, packet,
							    GREMC_PACE_BURST))
				return -ENOBUFS;
			cycles += rte_rdtsc() - begin;
			rte_pktmbuf_free_bulk(packet, GREMC_PACE_BURST); /* the driver's part */
		}
		loadgen_bench->cycles[s] = cycles;
	}
	*least = bench_cycles_summarize(loadgen_bench, ROUNDS * GREMC_PACE_BURST, median);
	return 0;
}

/* The next GREMC_RX_BURST replicas, in the forwarder's order: all of a packet, then all of the next. */
static void bench_burst_write(struct loadgen_bench *loadgen_bench, struct rte_mbuf **packet, uint16_t inner,
			      uint32_t *flow, uint32_t *member)
{
	for (unsigned i = 0; i < GREMC_RX_BURST; i++) {
		const struct gremc_flow *f = &loadgen_bench->flows->flow[*flow];
		struct gremc_stamp stamp = {
			.flow = *flow, .sequence = loadgen_bench->sequence[*flow], .time = rte_rdtsc()};
		uint8_t *frame = rte_pktmbuf_mtod(packet[i], uint8_t *);

		packet[i]->data_len =
			gremc_replica_write(loadgen_bench->flows, f->first + *member, inner, &stamp, frame);
		packet[i]->pkt_len = packet[i]->data_len;
		if (++*member < f->fanout)
			continue;
		*member = 0;
		loadgen_bench->sequence[*flow]++;
		*flow = (*flow + 1) % loadgen_bench->flows->count;
	}
}

static int bench_replicas_check(struct loadgen_bench *loadgen_bench, uint16_t inner, double *least,
				double *median)
{
	struct rte_mbuf *packet[ROUNDS * GREMC_RX_BURST];
	uint32_t flow = 0, member = 0;

	memset(loadgen_bench->sequence, 0, loadgen_bench->flows->count * sizeof(*loadgen_bench->sequence));
	if (rte_pktmbuf_alloc_bulk(loadgen_bench->tx->pool, packet, RTE_DIM(packet)))
		return -ENOBUFS;
	for (unsigned s = 0; s < SLICES; s++) {
		uint64_t begin;

		for (unsigned r = 0; r < ROUNDS; r++)
			bench_burst_write(loadgen_bench, &packet[r * GREMC_RX_BURST], inner, &flow, &member);
		begin = rte_rdtsc();
		for (unsigned r = 0; r < ROUNDS; r++)
			gremc_receiver_check(loadgen_bench->rx, 0, begin, &packet[r * GREMC_RX_BURST],
					     GREMC_RX_BURST);
		loadgen_bench->cycles[s] = rte_rdtsc() - begin;
	}
	rte_pktmbuf_free_bulk(packet, RTE_DIM(packet));
	*least = bench_cycles_summarize(loadgen_bench, ROUNDS * GREMC_RX_BURST, median);
	/* A figure is only given when every replica was found good. */
	return loadgen_bench->rx->counters.replicas == (uint64_t)SLICES * ROUNDS * GREMC_RX_BURST &&
			       loadgen_bench->rx->counters.fault[GREMC_FAULT_duplicated] +
					       loadgen_bench->rx->counters.fault[GREMC_FAULT_late] ==
				       0
		       ? 0
		       : -EBADMSG;
}

static void bench_result_print(const char *what, double least, double median, double limit)
{
	printf("%-22s %6.1f cycles (median %.1f), limit %.0f: %s\n", what, least, median, limit,
	       least <= limit ? "kept" : "MISSED");
}

int gremc_bench_run(const struct gremc_loadgen_options *options)
{
	struct loadgen_bench loadgen_bench = {0};
	uint32_t fanout = options->fanout_count ? options->fanout[0] : RTE_MIN(16u, options->tunnels - 1);
	uint16_t inner = options->mix[0].size[0].bytes;
	double least = 0, median = 0, checked = 0;
	int rc;

	if (options->mix[0].outer || options->mix[0].size_count != 1 || fanout >= options->tunnels) {
		fprintf(stderr,
			"gremc-loadgen: bench takes one inner size, and a --fanout below --tunnels\n");
		return GREMC_EXIT_USAGE;
	}
	rc = loadgen_bench_create(&loadgen_bench, options, fanout, inner);
	if (rc == 0)
		rc = bench_packets_generate(&loadgen_bench, &least, &median);
	if (rc == 0) {
		printf("%u tunnels, %u flows, fan-out %u, inner packets of %u bytes, TSC %.0f MHz\n",
		       options->tunnels, loadgen_bench.flows->count, fanout, inner,
		       (double)rte_get_tsc_hz() / 1e6);
		bench_result_print("generate a packet", least, median, GENERATE_LIMIT);
		rc = bench_replicas_check(&loadgen_bench, inner, &checked, &median);
	}
	if (rc == 0)
		bench_result_print("check a replica", checked, median, CHECK_LIMIT);
	else
		fprintf(stderr, "gremc-loadgen: bench: %s\n",
			rc == -ENOMEM || rc == -ENOBUFS ? "out of memory; give DPDK more (-m)"
							: "a replica was not found good");
	loadgen_bench_destroy(&loadgen_bench);
	return rc == 0 && least <= GENERATE_LIMIT && checked <= CHECK_LIMIT ? GREMC_EXIT_DONE
									    : GREMC_EXIT_FAILURE;
}
