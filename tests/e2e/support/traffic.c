/* SPDX-License-Identifier: BSD-3-Clause */
/* Traffic at a rate, and a receiver that keeps up with its replicas.
 *
 *   traffic send INTERFACE PACKETS_PER_SECOND COUNT FIRST < FRAME
 *   traffic receive INTERFACE
 *
 * The last 8 bytes of each frame sent are its number, from FIRST. The receiver sorts frames by outer IPv4
 * destination and prints on SIGTERM a line for each: ADDRESS PACKETS MISSING BACKWARD LAST, where MISSING
 * counts numbers that were skipped, BACKWARD those not larger than the one before. The last line is `dropped
 * N`: frames that this receiver itself was too slow for. It writes `ready` when it listens. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RING_BLOCK        (1u << 20)
#define RING_BLOCKS       128
#define BATCH_NS          1000000 /* how often frames are sent: smooth enough for any queue on the way */
#define OUTER_DESTINATION 30
#define DESTINATIONS      4096
#define SMALLEST          (OUTER_DESTINATION + 4 + 8)

struct flow {
	uint32_t address;
	uint64_t packets, missing, backward, next;
};

static struct flow flows[DESTINATIONS];
static volatile sig_atomic_t traffic_stopped;

static void signal_stop(int signal_number)
{
	(void)signal_number;
	traffic_stopped = 1;
}

static int error_print(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	return 1;
}

static int open_socket(const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	address.sll_ifindex = if_nametoindex(interface);
	if (fd < 0 || address.sll_ifindex == 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	return fd;
}

/* ---- send ---- */

static int send_frames(int fd, uint64_t rate, uint64_t count, uint64_t first)
{
	static unsigned char frame[65536];
	size_t length = fread(frame, 1, sizeof(frame), stdin);
	uint64_t sent = 0, most = 4 * rate * BATCH_NS / 1000000000 + 1;
	struct timespec start, now;

	if (length < SMALLEST) {
		errno = EINVAL;
		return error_print("the frame on stdin is too short");
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (sent < count && !traffic_stopped) {
		uint64_t passed, due;

		clock_gettime(CLOCK_MONOTONIC, &now);
		passed = (now.tv_sec - start.tv_sec) * 1000000000ull + now.tv_nsec - start.tv_nsec;
		due = passed * rate / 1000000000ull + 1;
		/* after a pause of the machine not all at once: the kernel's queue of a CPU holds 1,000
		 * packets */
		if (due > sent + most)
			due = sent + most;
		for (; sent < due && sent < count; sent++) {
			uint64_t number = first + sent;

			memcpy(frame + length - 8, &number, 8);
			while (send(fd, frame, length, 0) < 0)
				if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
					return error_print("send");
		}
		now.tv_nsec += BATCH_NS;
		now.tv_sec += now.tv_nsec / 1000000000;
		now.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL);
	}
	printf("%" PRIu64 "\n", sent);
	return 0;
}

/* ---- receive ---- */

static struct flow *flow_find(uint32_t address)
{
	uint32_t at = address * 2654435761u >> 20;

	while (flows[at].packets && flows[at].address != address)
		at = (at + 1) % DESTINATIONS;
	flows[at].address = address;
	return &flows[at];
}

static void frame_count(const unsigned char *frame, uint32_t length)
{
	struct flow *flow;
	uint32_t address;
	uint64_t number;

	if (length < SMALLEST || frame[12] != 0x08 || frame[13] != 0x00)
		return;
	memcpy(&address, frame + OUTER_DESTINATION, 4);
	memcpy(&number, frame + length - 8, 8);
	flow = flow_find(address);
	if (number < flow->next) {
		flow->backward++;
	} else {
		flow->missing += number - flow->next;
		flow->next = number + 1;
	}
	flow->packets++;
}

static void take_block(struct tpacket_block_desc *block)
{
	struct tpacket3_hdr *packet =
		(struct tpacket3_hdr *)((unsigned char *)block + block->hdr.bh1.offset_to_first_pkt);

	for (uint32_t i = 0; i < block->hdr.bh1.num_pkts; i++) {
		frame_count((unsigned char *)packet + packet->tp_mac, packet->tp_snaplen);
		packet = (struct tpacket3_hdr *)((unsigned char *)packet + packet->tp_next_offset);
	}
}

static int receive_frames(int fd)
{
	struct tpacket_req3 ring = {.tp_block_size = RING_BLOCK,
				    .tp_block_nr = RING_BLOCKS,
				    .tp_frame_size = 2048,
				    .tp_frame_nr = RING_BLOCK / 2048 * RING_BLOCKS,
				    .tp_retire_blk_tov = 10};
	struct tpacket_stats_v3 statistics = {0};
	socklen_t size = sizeof(statistics);
	int version = TPACKET_V3;
	unsigned char *memory;
	uint32_t at = 0;

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)))
		return error_print("the receive ring");
	memory = mmap(NULL, (size_t)RING_BLOCK * RING_BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return error_print("the receive ring's memory");
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct tpacket_block_desc *block =
			(struct tpacket_block_desc *)(memory + (size_t)at * RING_BLOCK);

		if (__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) {
			take_block(block);
			__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
			at = (at + 1) % RING_BLOCKS;
			continue;
		}
		/* A block is given at the latest tp_retire_blk_tov after its first packet: when told to stop,
		 * one more empty wait means that there is nothing left. */
		if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 50) == 0 && traffic_stopped)
			break;
	}
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size);
	for (int i = 0; i < DESTINATIONS; i++) {
		const struct flow *flow = &flows[i];

		if (flow->packets)
			printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
			       inet_ntoa((struct in_addr){flow->address}), flow->packets, flow->missing,
			       flow->backward, flow->next - 1);
	}
	printf("dropped %u\n", statistics.tp_drops);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = signal_stop};
	int fd;

	sigaction(SIGTERM, &action, NULL);
	if (argc < 3) {
		fprintf(stderr, "usage: traffic send INTERFACE RATE COUNT FIRST | receive INTERFACE\n");
		return 2;
	}
	fd = open_socket(argv[2]);
	if (fd < 0)
		return error_print(argv[2]);
	if (strcmp(argv[1], "send") == 0 && argc == 6)
		return send_frames(fd, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
				   strtoull(argv[5], NULL, 10));
	if (strcmp(argv[1], "receive") == 0)
		return receive_frames(fd);
	return 2;
}
