/* SPDX-License-Identifier: BSD-3-Clause */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "bench.h"

/* Like the pools of lib/port: a cache that is larger than a burst, and buffers of the necessary size. */
#define CACHE           256u
#define RX_MBUFS        8191u
#define RX_CAPACITY     2048u
#define HEADERS         16383u
#define HEADER_CAPACITY 352u  /* the default copy threshold of 256 and the headers */
#define LARGE_CAPACITY  1536u /* copies of any size of the grid */

#define ARGUMENTS_MAX 24
#define TEXT_MAX      128

/* Arguments of the EAL, which may change them. */
struct arguments {
	int count;
	char *value[ARGUMENTS_MAX];
	char text[ARGUMENTS_MAX][TEXT_MAX];
};

static void argument_append(struct arguments *arguments, const char *argument)
{
	char *text = arguments->text[arguments->count];

	snprintf(text, TEXT_MAX, "%s", argument);
	arguments->value[arguments->count++] = text;
}

/* Select the last CPUs that the process may use, because interrupts and other work are usually on the first
 * ones. Several lcores share a CPU if there are too few. */
static void arguments_add_lcores(struct arguments *arguments, const struct bench_options *options)
{
	char list[TEXT_MAX] = "";
	size_t used = 0;
	int cpus[CPU_SETSIZE], count = 0;
	cpu_set_t set;

	if (options->cpus) {
		argument_append(arguments, "-l");
		argument_append(arguments, options->cpus);
		return;
	}
	if (sched_getaffinity(0, sizeof(set), &set))
		CPU_ZERO(&set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[count++] = cpu;
	if (count == 0)
		cpus[count++] = 0;
	for (unsigned i = 0; i < options->lcores; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%u@%d", i ? "," : "", i,
					 cpus[(count - 1 - (int)i % count + count) % count]);
	argument_append(arguments, "--lcores");
	argument_append(arguments, list);
}

/* MiB in the free huge pages of the default size. */
static uint64_t hugepages_free_bytes(void)
{
	unsigned long pages = 0, kib = 0;
	char line[128];
	FILE *file = fopen("/proc/meminfo", "re");

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "HugePages_Free: %lu", &pages);
		sscanf(line, "Hugepagesize: %lu", &kib);
	}
	fclose(file);
	return (uint64_t)pages * kib / 1024;
}

static int bench_eal_init(struct bench_environment *environment, const struct bench_options *options)
{
	static struct arguments arguments;
	char text[TEXT_MAX];

	environment->hugepages = !options->no_huge && hugepages_free_bytes() >= options->memory;
	argument_append(&arguments, "gremc-bench");
	arguments_add_lcores(&arguments, options);
	/* without hugepages --in-memory fails; both leave no file behind */
	argument_append(&arguments, environment->hugepages ? "--in-memory" : "--no-huge");
	if (!environment->hugepages)
		argument_append(&arguments, "--no-shconf");
	argument_append(&arguments, "-m");
	snprintf(text, sizeof(text), "%u", options->memory);
	argument_append(&arguments, text);
	argument_append(&arguments, "--no-pci");
	argument_append(&arguments, "--no-telemetry");
	argument_append(&arguments, "--log-level=error");
	if (options->simd) {
		snprintf(text, sizeof(text), "--force-max-simd-bitwidth=%u", options->simd);
		argument_append(&arguments, text);
	}
	argument_append(&arguments, "--vdev=net_ring0");
	argument_append(&arguments, "--vdev=net_null0");
	if (rte_eal_init(arguments.count, arguments.value) < 0) {
		fprintf(stderr, "gremc-bench: the EAL does not start: %s\n", rte_strerror(rte_errno));
		return -1;
	}
	return 0;
}

static int bench_device_open(const char *name, uint16_t tx_queues, struct rte_mempool *pool, uint16_t *id)
{
	struct rte_eth_conf conf = {0};
	int rc = rte_eth_dev_get_port_by_name(name, id);

	if (rc == 0)
		rc = rte_eth_dev_configure(*id, 1, tx_queues, &conf);
	if (rc == 0)
		rc = rte_eth_rx_queue_setup(*id, 0, 512, SOCKET_ID_ANY, NULL, pool);
	for (uint16_t i = 0; i < tx_queues && rc == 0; i++)
		rc = rte_eth_tx_queue_setup(*id, i, 512, SOCKET_ID_ANY, NULL);
	if (rc == 0)
		rc = rte_eth_dev_start(*id);
	if (rc)
		fprintf(stderr, "gremc-bench: the device %s cannot be opened\n", name);
	return rc ? -1 : 0;
}

static struct rte_mempool *bench_pool_create(const char *name, uint32_t count, uint32_t capacity)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(name, count, CACHE, 0,
							   RTE_PKTMBUF_HEADROOM + capacity, SOCKET_ID_ANY);

	if (pool == NULL)
		fprintf(stderr, "gremc-bench: no memory for %u mbufs of %u bytes: %s\n", count, capacity,
			rte_strerror(rte_errno));
	return pool;
}

int bench_environment_init(struct bench_environment *environment, const struct bench_options *options)
{
	if (bench_eal_init(environment, options))
		return -1;
	environment->header_capacity = HEADER_CAPACITY;
	environment->large_header_capacity = LARGE_CAPACITY;
	environment->rx_pool = bench_pool_create("rx", RX_MBUFS, RX_CAPACITY);
	environment->header_pool = bench_pool_create("headers", HEADERS, HEADER_CAPACITY);
	environment->large_header_pool = bench_pool_create("large_headers", HEADERS, LARGE_CAPACITY);
	if (environment->rx_pool == NULL || environment->header_pool == NULL ||
	    environment->large_header_pool == NULL)
		return -1;
	if (bench_device_open("net_ring0", 1, environment->rx_pool, &environment->in) ||
	    bench_device_open("net_null0", BENCH_WORKERS, environment->rx_pool, &environment->out))
		return -1;
	bench_section_calibrate();
	return 0;
}

void bench_environment_fini(struct bench_environment *environment)
{
	rte_eth_dev_stop(environment->in);
	rte_eth_dev_stop(environment->out);
	rte_eal_cleanup();
}

void bench_cpu_name(char *text, size_t size)
{
	char line[256], *colon;
	FILE *file = fopen("/proc/cpuinfo", "re");

	snprintf(text, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		colon = strstr(line, ": ");
		if (strncmp(line, "model name", 10) != 0 || colon == NULL)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(text, size, "%s", colon + 2);
		break;
	}
	if (file)
		fclose(file);
}

uint64_t bench_resident(void)
{
	unsigned long size, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL)
		return 0;
	if (fscanf(file, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	fclose(file);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
