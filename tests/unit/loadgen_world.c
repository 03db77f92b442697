/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_malloc.h>

#include "receive/poll.h"
#include "traffic/replica.h"
#include "traffic/stamp.h"
#include "transmit/pattern_pool.h"

#include "loadgen_world.h"

#define POOL_SIZE  511
#define INNER_MAX  9000
#define SENT_TIME  1000
#define FETCH_TIME (SENT_TIME + LOADGEN_WORLD_DELAY)

int loadgen_eal_start(void **state)
{
	static char *arguments[] = {"test_loadgen",      "-l",       "0",
				    "--no-huge",         "-m",       "128",
				    "--no-shconf",       "--no-pci", "--no-telemetry",
				    "--log-level=error", NULL};

	RTE_SET_USED(state);
	gremc_pattern_init();
	return rte_eal_init(RTE_DIM(arguments) - 1, arguments) < 0 ? -1 : 0;
}

struct gremc_config *loadgen_config_load(const char *text)
{
	char path[] = "/tmp/gremc-loadgen-XXXXXX";
	int fd = mkstemp(path);
	struct gremc_errors errors = {0};
	struct gremc_config *config;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	config = gremc_config_load(path, NULL, &errors);
	unlink(path);
	if (config == NULL)
		fail_msg("%s", errors.text);
	return config;
}

struct gremc_flows *loadgen_flows_create(const struct gremc_config *config,
					 struct gremc_flows_options options)
{
	struct gremc_errors errors = {0};
	struct gremc_flows *flows;

	options.senders = options.senders ? options.senders : 1;
	options.groups_per_route = options.groups_per_route ? options.groups_per_route : 1;
	flows = gremc_flows_create(config, &options, &errors);
	if (flows == NULL)
		fail_msg("%s", errors.text);
	return flows;
}

void loadgen_world_open(struct loadgen_world *loadgen_world, const char *text)
{
	loadgen_world->config = loadgen_config_load(text);
	loadgen_world->flows = loadgen_flows_create(loadgen_world->config, (struct gremc_flows_options){0});
	loadgen_world->pool = gremc_pattern_pool_create("world", POOL_SIZE, INNER_MAX, SOCKET_ID_ANY);
	loadgen_world->rx = rte_zmalloc(NULL, sizeof(*loadgen_world->rx), RTE_CACHE_LINE_SIZE);
	assert_non_null(loadgen_world->pool);
	assert_non_null(loadgen_world->rx);
	assert_int_equal(gremc_receiver_init(loadgen_world->rx, loadgen_world->flows), 0);
	loadgen_world->rx->ttl_step = 1;
	assert_true(loadgen_world->flows->site_count <= RTE_DIM(loadgen_world->macs));
	for (uint32_t i = 0; i < loadgen_world->flows->site_count; i++)
		loadgen_world->macs[i] = (struct gremc_site_macs){gremc_replica_mac, gremc_replica_mac};
	loadgen_world->rx->macs = loadgen_world->macs;
	gremc_receiver_reset(loadgen_world->rx, WORLD_TRIAL_ID);
}

void loadgen_world_close(struct loadgen_world *loadgen_world)
{
	assert_int_equal(rte_mempool_avail_count(loadgen_world->pool), POOL_SIZE);
	gremc_receiver_fini(loadgen_world->rx);
	rte_free(loadgen_world->rx);
	rte_mempool_free(loadgen_world->pool);
	gremc_flows_destroy(loadgen_world->flows);
	gremc_config_free(loadgen_world->config);
}

struct rte_mbuf *replica_alloc(struct loadgen_world *loadgen_world, uint32_t flow, uint32_t member,
			       uint64_t sequence, uint16_t inner)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(loadgen_world->pool);
	struct gremc_stamp stamp = {
		.trial_id = WORLD_TRIAL_ID, .flow = flow, .sequence = sequence, .time = SENT_TIME};

	assert_non_null(packet);
	packet->data_len =
		gremc_replica_write(loadgen_world->flows, loadgen_world->flows->flow[flow].first + member,
				    inner, &stamp, rte_pktmbuf_mtod(packet, uint8_t *));
	packet->pkt_len = packet->data_len;
	return packet;
}

uint8_t *mbuf_bytes(struct rte_mbuf *packet)
{
	return rte_pktmbuf_mtod(packet, uint8_t *);
}

void frame_receive(struct loadgen_world *loadgen_world, uint16_t port, struct rte_mbuf *packet)
{
	gremc_receiver_check(loadgen_world->rx, port, FETCH_TIME, &packet, 1);
	rte_pktmbuf_free(packet);
}

void expect_only_fault(struct loadgen_world *loadgen_world, unsigned fault, uint64_t times)
{
	for (unsigned i = 0; i < GREMC_FAULT_COUNT; i++)
		if (loadgen_world->rx->counters.fault[i] != (i == fault ? times : 0))
			fail_msg("%s: %lu", gremc_fault_name(i),
				 (unsigned long)loadgen_world->rx->counters.fault[i]);
	gremc_receiver_reset(loadgen_world->rx, WORLD_TRIAL_ID);
}
