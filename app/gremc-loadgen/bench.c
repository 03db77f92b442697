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

struct world {
	struct gremc_config config;
	struct gremc_flows *flows;
	struct gremc_template *templates;
	struct gremc_tx *tx;
	struct gremc_rx *rx;
	uint64_t *sequence;
	uint32_t *order;
	uint64_t *cycles; /* of each slice */
	struct gremc_rx_macs *macs;
};

/* Every group from another tunnel to the `fanout` next ones. */
static int make_config(struct gremc_config *config, const struct gremc_options *options, uint32_t fanout)
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
		tunnel->local = RTE_BE32(0xc0000201);
		tunnel->remote = rte_cpu_to_be_32(0xc6120001 + i);
		tunnel->has_input_key = tunnel->has_output_key = options->keys;
		tunnel->input_key = tunnel->output_key = i;
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

static int make_world(struct world *world, const struct gremc_options *options, uint32_t fanout,
		      uint16_t inner)
{
	static const uint8_t one_size[1];
	struct gremc_flows_options flows = {.groups_per_route = 1, .senders = 1};
	struct gremc_errors errors = {0};
	uint32_t count;

	if (make_config(&world->config, options, fanout))
		return -ENOMEM;
	world->flows = gremc_flows_create(&world->config, &flows, &errors);
	if (world->flows == NULL)
		return -ENOMEM;
	count = world->flows->count;
	world->templates = aligned_alloc(128, count * sizeof(*world->templates));
	world->tx = rte_zmalloc("bench_tx", sizeof(*world->tx), RTE_CACHE_LINE_SIZE);
	world->rx = rte_zmalloc("bench_rx", sizeof(*world->rx), RTE_CACHE_LINE_SIZE);
	world->sequence = calloc(count, sizeof(*world->sequence));
	world->order = calloc(count, sizeof(*world->order));
	world->cycles = calloc(SLICES, sizeof(*world->cycles));
	world->macs = calloc(world->flows->site_count, sizeof(*world->macs));
	if (!world->templates || !world->tx || !world->rx || !world->sequence || !world->order ||
	    !world->cycles || !world->macs || gremc_rx_init(world->rx, world->flows))
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		world->order[i] = i;
		gremc_template_make(&world->templates[i], world->flows, i, inner, &gremc_replica_mac,
				    &gremc_replica_mac);
	}
	world->tx->pool = gremc_tx_pool_create("bench", MBUFS, inner, SOCKET_ID_ANY);
	world->tx->templates = world->templates;
	world->tx->template_stride = world->tx->order_count = count;
	world->tx->order = world->order;
	world->tx->sizes = one_size;
	world->tx->size_count = 1;
	world->tx->sequence = world->sequence;
	world->rx->ttl_step = 1;
	for (uint32_t i = 0; i < world->flows->site_count; i++)
		world->macs[i] = (struct gremc_rx_macs){gremc_replica_mac, gremc_replica_mac};
	world->rx->macs = world->macs;
	return world->tx->pool ? 0 : -ENOMEM;
}

static void free_world(struct world *world)
{
	if (world->rx)
		gremc_rx_fini(world->rx);
	if (world->tx)
		rte_mempool_free(world->tx->pool);
	rte_free(world->rx);
	rte_free(world->tx);
	gremc_flows_destroy(world->flows);
	for (uint32_t i = 0; world->config.mroutes && i < world->config.mroute_count; i++)
		free(world->config.mroutes[i].from);
	free(world->config.mroutes);
	free(world->config.tunnels);
	free(world->templates);
	free(world->sequence);
	free(world->order);
	free(world->cycles);
	free(world->macs);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Cycles a packet: the minimum of all slices, and their median. */
static double summarize(struct world *world, unsigned packets, double *median)
{
	qsort(world->cycles, SLICES, sizeof(*world->cycles), by_value);
	*median = (double)world->cycles[SLICES / 2] / packets;
	return (double)world->cycles[0] / packets;
}

static int generate(struct world *world, double *least, double *median)
{
	struct rte_mbuf *packet[GREMC_PACE_BURST];

	for (unsigned s = 0; s < SLICES; s++) {
		uint64_t cycles = 0;

		for (unsigned r = 0; r < ROUNDS; r++) {
			uint64_t begin = rte_rdtsc();

			if (gremc_tx_make(world->tx, begin, packet, GREMC_PACE_BURST))
				return -ENOBUFS;
			cycles += rte_rdtsc() - begin;
			rte_pktmbuf_free_bulk(packet, GREMC_PACE_BURST); /* the driver's part */
		}
		world->cycles[s] = cycles;
	}
	*least = summarize(world, ROUNDS * GREMC_PACE_BURST, median);
	return 0;
}

/* The next GREMC_RX_BURST replicas, in the forwarder's order: all of a packet, then all of the next. */
static void write_burst(struct world *world, struct rte_mbuf **packet, uint16_t inner, uint32_t *flow,
			uint32_t *member)
{
	for (unsigned i = 0; i < GREMC_RX_BURST; i++) {
		const struct gremc_flow *f = &world->flows->flow[*flow];
		struct gremc_stamp stamp = {
			.flow = *flow, .sequence = world->sequence[*flow], .time = rte_rdtsc()};
		uint8_t *frame = rte_pktmbuf_mtod(packet[i], uint8_t *);

		packet[i]->data_len =
			gremc_replica_write(world->flows, f->first + *member, inner, &stamp, frame);
		packet[i]->pkt_len = packet[i]->data_len;
		if (++*member < f->fanout)
			continue;
		*member = 0;
		world->sequence[*flow]++;
		*flow = (*flow + 1) % world->flows->count;
	}
}

static int check(struct world *world, uint16_t inner, double *least, double *median)
{
	struct rte_mbuf *packet[ROUNDS * GREMC_RX_BURST];
	uint32_t flow = 0, member = 0;

	memset(world->sequence, 0, world->flows->count * sizeof(*world->sequence));
	if (rte_pktmbuf_alloc_bulk(world->tx->pool, packet, RTE_DIM(packet)))
		return -ENOBUFS;
	for (unsigned s = 0; s < SLICES; s++) {
		uint64_t begin;

		for (unsigned r = 0; r < ROUNDS; r++)
			write_burst(world, &packet[r * GREMC_RX_BURST], inner, &flow, &member);
		begin = rte_rdtsc();
		for (unsigned r = 0; r < ROUNDS; r++)
			gremc_rx_check(world->rx, 0, begin, &packet[r * GREMC_RX_BURST], GREMC_RX_BURST);
		world->cycles[s] = rte_rdtsc() - begin;
	}
	rte_pktmbuf_free_bulk(packet, RTE_DIM(packet));
	*least = summarize(world, ROUNDS * GREMC_RX_BURST, median);
	/* A figure is only given when every replica was found good. */
	return world->rx->counters.replicas == (uint64_t)SLICES * ROUNDS * GREMC_RX_BURST &&
			       world->rx->counters.fault[GREMC_FAULT_duplicated] +
					       world->rx->counters.fault[GREMC_FAULT_late] ==
				       0
		       ? 0
		       : -EBADMSG;
}

static void say(const char *what, double least, double median, double limit)
{
	printf("%-22s %6.1f cycles (median %.1f), limit %.0f: %s\n", what, least, median, limit,
	       least <= limit ? "kept" : "MISSED");
}

int gremc_bench(const struct gremc_options *options)
{
	struct world world = {0};
	uint32_t fanout = options->fanout_count ? options->fanout[0] : RTE_MIN(16u, options->tunnels - 1);
	uint16_t inner = options->mix[0].size[0].bytes;
	double least = 0, median = 0, checked = 0;
	int rc;

	if (options->mix[0].outer || options->mix[0].size_count != 1 || fanout >= options->tunnels) {
		fprintf(stderr,
			"gremc-loadgen: bench takes one inner size, and a --fanout below --tunnels\n");
		return GREMC_EXIT_USAGE;
	}
	rc = make_world(&world, options, fanout, inner);
	if (rc == 0)
		rc = generate(&world, &least, &median);
	if (rc == 0) {
		printf("%u tunnels, %u flows, fan-out %u, inner packets of %u bytes, TSC %.0f MHz\n",
		       options->tunnels, world.flows->count, fanout, inner, (double)rte_get_tsc_hz() / 1e6);
		say("generate a packet", least, median, GENERATE_LIMIT);
		rc = check(&world, inner, &checked, &median);
	}
	if (rc == 0)
		say("check a replica", checked, median, CHECK_LIMIT);
	else
		fprintf(stderr, "gremc-loadgen: bench: %s\n",
			rc == -ENOMEM || rc == -ENOBUFS ? "out of memory; give DPDK more (-m)"
							: "a replica was not found good");
	free_world(&world);
	return rc == 0 && least <= GENERATE_LIMIT && checked <= CHECK_LIMIT ? GREMC_EXIT_DONE
									    : GREMC_EXIT_FAILURE;
}
