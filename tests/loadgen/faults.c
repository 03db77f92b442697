/* SPDX-License-Identifier: BSD-3-Clause */
/* A faulty forwarder for the tests of the load generator. It forwards the configuration of `gremc-loadgen
 * make-config --tunnels N --fanout N-1`, every packet from one tunnel to all others, with exactly the faults
 * of the command line.
 *
 *   gremc-faults EAL-OPTIONS -- TUNNELS [FAULT...]     FAULT: lose=N  double=N  swap=N  corrupt=N:BYTE
 *
 * Replicas are counted from 1. Number N is lost, sent twice, sent after the next one of its tunnel and group,
 * or has a byte inverted. The program prints `ready`, runs until SIGTERM, and prints the number of its
 * faults. */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#define EMPTY_POLLS 10000u
#define SLEEP_MICRO 200u
#define BURST       32
#define POOL        32767
#define FAULTS_MAX  16
#define LOCAL       RTE_BE32(0xc0000201) /* 192.0.2.1 */
#define FIRST_SITE  0xc6120001u          /* 198.18.0.1 */
#define OUTER       14u                  /* offsets in an untagged frame of a tunnel without a key */
#define INNER       38u

enum kind { LOSE, DOUBLE, SWAP, CORRUPT, KINDS };

static const char *const kind_names[KINDS] = {"lose", "double", "swap", "corrupt"};

struct fault {
	enum kind kind;
	uint64_t number;
	unsigned byte;
};

struct forwarder {
	struct rte_mempool *pool;
	unsigned tunnels;
	struct fault fault[FAULTS_MAX];
	unsigned fault_count;
	uint64_t counted, done[KINDS];
	struct rte_mbuf *held; /* by a swap, until the next one of its tunnel and group has left */
};

static volatile sig_atomic_t stopped;

static void faults_stop(int number)
{
	RTE_SET_USED(number);
	stopped = 1;
}

static int faults_port_open(struct rte_mempool *pool)
{
	struct rte_eth_conf conf = {0};

	return rte_eth_dev_configure(0, 1, 1, &conf) ||
	       rte_eth_rx_queue_setup(0, 0, 512, SOCKET_ID_ANY, NULL, pool) ||
	       rte_eth_tx_queue_setup(0, 0, 512, SOCKET_ID_ANY, NULL) || rte_eth_dev_start(0);
}

/* Send a packet, and wait until the device accepts it: only faults lose packets. */
static void packet_send_blocking(struct rte_mbuf *packet)
{
	while (rte_eth_tx_burst(0, 0, &packet, 1) == 0)
		if (stopped) {
			rte_pktmbuf_free(packet);
			return;
		}
}

static struct rte_ipv4_hdr *ipv4_header_at(const struct rte_mbuf *packet, unsigned offset)
{
	return rte_pktmbuf_mtod_offset(packet, struct rte_ipv4_hdr *, offset);
}

static bool packet_follows_held(const struct rte_mbuf *a, const struct rte_mbuf *b)
{
	return ipv4_header_at(a, OUTER)->dst_addr == ipv4_header_at(b, OUTER)->dst_addr &&
	       ipv4_header_at(a, INNER)->dst_addr == ipv4_header_at(b, INNER)->dst_addr;
}

static void replica_fault_apply(struct forwarder *forwarder, const struct fault *fault,
				struct rte_mbuf *packet)
{
	forwarder->done[fault->kind]++;
	switch (fault->kind) {
	case LOSE:
		rte_pktmbuf_free(packet);
		return;
	case SWAP:
		forwarder->held = packet;
		return;
	case DOUBLE:
		packet_send_blocking(rte_pktmbuf_copy(packet, forwarder->pool, 0, UINT32_MAX));
		break;
	default:
		rte_pktmbuf_mtod(packet, uint8_t *)[fault->byte % packet->data_len] ^= 0xff;
	}
	packet_send_blocking(packet);
}

static void replica_send(struct forwarder *forwarder, struct rte_mbuf *packet)
{
	struct rte_mbuf *held = forwarder->held;

	forwarder->counted++;
	for (unsigned i = 0; i < forwarder->fault_count; i++)
		if (forwarder->fault[i].number == forwarder->counted) {
			replica_fault_apply(forwarder, &forwarder->fault[i], packet);
			return;
		}
	if (held && packet_follows_held(held, packet)) {
		forwarder->held = NULL;
		packet_send_blocking(packet);
		packet = held;
	}
	packet_send_blocking(packet);
}

/* Create a replica to a site. Its destination is the source of the packet, which is the gateway of all sites.
 * The inner TTL is one less, and both checksums are computed completely. */
static struct rte_mbuf *replica_create(struct forwarder *forwarder, const struct rte_mbuf *packet,
				       rte_be32_t site)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(packet, forwarder->pool, 0, UINT32_MAX);
	struct rte_ipv4_hdr *outer, *inner;
	struct rte_ether_hdr *ether;
	struct rte_ether_addr own;

	if (copy == NULL)
		return NULL;
	ether = rte_pktmbuf_mtod(copy, struct rte_ether_hdr *);
	own = ether->dst_addr;
	ether->dst_addr = ether->src_addr;
	ether->src_addr = own;
	outer = ipv4_header_at(copy, OUTER);
	inner = ipv4_header_at(copy, INNER);
	outer->src_addr = LOCAL;
	outer->dst_addr = site;
	inner->time_to_live--;
	outer->hdr_checksum = inner->hdr_checksum = 0;
	outer->hdr_checksum = rte_ipv4_cksum(outer);
	inner->hdr_checksum = rte_ipv4_cksum(inner);
	return copy;
}

static void faults_packet_replicate(struct forwarder *forwarder, struct rte_mbuf *packet)
{
	if (packet->data_len > INNER + sizeof(struct rte_ipv4_hdr) &&
	    ipv4_header_at(packet, OUTER)->next_proto_id == IPPROTO_GRE)
		for (unsigned i = 0; i < forwarder->tunnels; i++) {
			rte_be32_t site = rte_cpu_to_be_32(FIRST_SITE + i);
			struct rte_mbuf *copy = site == ipv4_header_at(packet, OUTER)->src_addr
							? NULL
							: replica_create(forwarder, packet, site);

			if (copy)
				replica_send(forwarder, copy);
		}
	rte_pktmbuf_free(packet);
}

static int fault_argument_parse(struct forwarder *forwarder, const char *text)
{
	struct fault *fault = &forwarder->fault[forwarder->fault_count];
	char name[16];

	if (forwarder->fault_count == FAULTS_MAX ||
	    sscanf(text, "%15[a-z]=%" SCNu64 ":%u", name, &fault->number, &fault->byte) < 2)
		return -1;
	for (fault->kind = LOSE; fault->kind < KINDS && strcmp(kind_names[fault->kind], name); fault->kind++)
		;
	forwarder->fault_count++;
	return fault->kind < KINDS ? 0 : -1;
}

static int arguments_parse(struct forwarder *forwarder, int argc, char **argv)
{
	forwarder->tunnels = argc > 0 ? (unsigned)atoi(argv[0]) : 0;
	for (int i = 1; i < argc; i++)
		if (fault_argument_parse(forwarder, argv[i])) {
			fprintf(stderr, "gremc-faults: unknown fault `%s`\n", argv[i]);
			return -1;
		}
	return forwarder->tunnels > 1 ? 0 : -1;
}

/* Print the faults so far; the last line is the result. */
static void faults_report_print(const struct forwarder *forwarder)
{
	printf("counted %" PRIu64, forwarder->counted);
	for (unsigned i = 0; i < KINDS; i++)
		printf(" %s %" PRIu64, kind_names[i], forwarder->done[i]);
	printf("\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct forwarder forwarder;
	struct rte_mbuf *packet[BURST];
	unsigned empty = 0;
	int used = rte_eal_init(argc, argv);

	signal(SIGTERM, faults_stop);
	if (used < 0 || arguments_parse(&forwarder, argc - used - 1, argv + used + 1))
		return 2;
	forwarder.pool =
		rte_pktmbuf_pool_create("faults", POOL, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (forwarder.pool == NULL || rte_eth_dev_count_avail() != 1 || faults_port_open(forwarder.pool)) {
		fprintf(stderr, "gremc-faults: no memory, or not exactly one port\n");
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	while (!stopped) {
		unsigned count = rte_eth_rx_burst(0, 0, packet, BURST);

		/* DPDK's memif frees the queues of a peer that disconnects even while they are polled, which
		 * may crash this process. It mostly sleeps by then, and has printed its report. */
		empty = count ? 0 : empty + 1;
		if (empty == EMPTY_POLLS)
			faults_report_print(&forwarder);
		if (empty > EMPTY_POLLS)
			usleep(SLEEP_MICRO);
		for (unsigned i = 0; i < count; i++)
			faults_packet_replicate(&forwarder, packet[i]);
	}
	rte_pktmbuf_free(forwarder.held);
	faults_report_print(&forwarder);
	rte_eth_dev_stop(0);
	rte_eal_cleanup();
	return 0;
}
