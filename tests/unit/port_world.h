/* SPDX-License-Identifier: BSD-3-Clause */
/* A configuration, virtual devices and a log for each test of ports. */
#ifndef GREMC_TESTS_UNIT_PORT_WORLD_H
#define GREMC_TESTS_UNIT_PORT_WORLD_H

#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_malloc.h>

#include "port/port_priv.h"
#include "test.h"

static struct gremc_config_port ports[GREMC_CONFIG_PORTS_MAX];
static struct gremc_config config;
static struct gremc_errors errors;
static const unsigned lcores[] = {1, 2, 3, 0};
static char plugged[GREMC_CONFIG_PORTS_MAX][RTE_ETH_NAME_MAX_LEN];
static unsigned plugged_count;
static char *log_text;
static size_t log_size;
static FILE *log_file;

static int setup(void **state)
{
	RTE_SET_USED(state);
	memset(ports, 0, sizeof(ports));
	config = (struct gremc_config){
		.ports = ports,
		.settings = {.copy_threshold = 256, .rx_descriptors = 256, .tx_descriptors = 512},
	};
	log_file = open_memstream(&log_text, &log_size);
	fflush(log_file); /* before that there is no text, not even an empty one */
	rte_openlog_stream(log_file);
	return 0;
}

static int teardown(void **state)
{
	RTE_SET_USED(state);
	for (; plugged_count > 0; plugged_count--)
		rte_eal_hotplug_remove("vdev", plugged[plugged_count - 1]);
	gremc_errors_fini(&errors);
	rte_openlog_stream(NULL);
	fclose(log_file);
	free(log_text);
	return 0;
}

static bool try_plug(const char *name, const char *arguments)
{
	if (rte_eal_hotplug_add("vdev", name, arguments ? arguments : ""))
		return false;
	strcpy(plugged[plugged_count++], name);
	return true;
}

static void plug(const char *name, const char *arguments)
{
	assert_true(try_plug(name, arguments));
}

static struct gremc_config_port *add_port(const char *name, const char *device)
{
	struct gremc_config_port *port = &ports[config.port_count++];

	strcpy(port->name, name);
	strcpy(port->device, device);
	port->member_of = GREMC_CONFIG_NONE;
	return port;
}

/* A bond of `count` ports from `first` on. */
static struct gremc_config_port *add_bond(const char *name, enum gremc_bond_mode mode, uint32_t first,
					  uint32_t count)
{
	struct gremc_config_port *bond = add_port(name, "");

	bond->is_bond = true;
	bond->mode = mode;
	for (uint32_t i = 0; i < count; i++) {
		bond->members[bond->member_count++] = first + i;
		ports[first + i].member_of = config.port_count - 1;
	}
	return bond;
}

static struct gremc_ports *open_ports(unsigned workers)
{
	struct gremc_ports *open = gremc_ports_open(&config, lcores, workers, &errors);

	if (open == NULL)
		print_message("%s%s", errors.text, log_text);
	assert_non_null(open);
	assert_int_equal(errors.count, 0);
	return open;
}

static void assert_refused(unsigned workers, const char *text)
{
	assert_null(gremc_ports_open(&config, lcores, workers, &errors));
	assert_non_null(errors.text);
	if (strstr(errors.text, text) == NULL)
		fail_msg("`%s` is not in: %s", text, errors.text);
}

static void assert_logged(const char *text)
{
	if (strstr(log_text, text) == NULL)
		fail_msg("`%s` was not logged: %s", text, log_text);
}

static void assert_not_logged(const char *text)
{
	if (strstr(log_text, text))
		fail_msg("`%s` was logged: %s", text, log_text);
}

/* An empty capture for each RX queue: a device whose queues are as many as it is given files. */
static void plug_pcap(const char *name, unsigned rx, unsigned tx)
{
	static const uint32_t header[6] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
	/* short: since DPDK 24.11 a device's name and arguments have 128 bytes in all */
	char path[] = "/tmp/pXXXXXX", arguments[512] = "";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, header, sizeof(header)), sizeof(header));
	close(fd);
	for (unsigned i = 0; i < rx; i++)
		sprintf(arguments + strlen(arguments), "rx_pcap=%s,", path);
	for (unsigned i = 0; i < tx; i++)
		sprintf(arguments + strlen(arguments), "tx_pcap=/dev/null,");
	arguments[strlen(arguments) - 1] = '\0';
	plug(name, arguments);
	unlink(path);
}

/* Take the EAL's memory until about `left` bytes are there. */
static unsigned take_memory(size_t left, void **taken, unsigned size)
{
	struct rte_malloc_socket_stats stats;
	unsigned count = 0;

	while (count < size && rte_malloc_get_socket_stats(0, &stats) == 0 &&
	       stats.heap_freesz_bytes > left + (4 << 20) && (taken[count] = rte_malloc(NULL, 4 << 20, 0)))
		count++;
	return count;
}

/* ---- veth pairs in a network namespace of our own ---- */

#define JUMBO "framesz=16384,blocksz=65536,framecnt=64"

static int interface_mtu(const char *name, int set)
{
	struct ifreq ifr = {.ifr_mtu = set};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(ifr.ifr_name, name);
	assert_int_equal(ioctl(fd, set ? SIOCSIFMTU : SIOCGIFMTU, &ifr), 0);
	close(fd);
	return ifr.ifr_mtu;
}

/* net_af_packetN on interface vN; v0 and v2 are the other ends of v1 and v3. */
static void plug_veths(unsigned count, const char *arguments)
{
	for (unsigned i = 0; i < count; i++) {
		char device[RTE_ETH_NAME_MAX_LEN], name[IFNAMSIZ], text[128];

		snprintf(device, sizeof(device), "net_af_packet%u", i);
		snprintf(name, sizeof(name), "v%u", i);
		snprintf(text, sizeof(text), "iface=%s,%s", name, arguments);
		interface_mtu(name, 1500);
		plug(device, text);
	}
}

/* Receive what is there. Returns the length of the last frame that around() sent, or 0. */
static uint32_t receive(const struct gremc_port *port)
{
	struct rte_mbuf *in[8];
	uint32_t got = 0;
	uint16_t n = rte_eth_rx_burst(port->id, 0, in, RTE_DIM(in));

	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *data = rte_pktmbuf_mtod(in[i], const uint8_t *);

		if (data[0] == 0xff && data[63] == 0xa5 && data[in[i]->data_len - 1] == 0x5a)
			got = in[i]->pkt_len;
		rte_pktmbuf_free(in[i]);
	}
	return got;
}

/* A VLAN-tagged frame in two segments from one port to another, which shall give it whole. A bond carries it
 * only after it has seen the link or has met its partner, which it does inside bursts. Returns how many bytes
 * came. */
static uint32_t around(const struct gremc_port *from, const struct gremc_port *to,
		       struct rte_mempool *headers, uint32_t length)
{
	static const uint8_t tag[] = {0x81, 0x00, 0x00, 0x07, 0x88, 0xb5};
	struct rte_mbuf *head = rte_pktmbuf_alloc(headers), *tail = rte_pktmbuf_alloc(to->rx_pool[0]);
	uint64_t deadline = rte_get_timer_cycles() + rte_get_timer_hz() * 20;
	uint32_t got = 0;

	memset(rte_pktmbuf_append(head, 64), 0xa5, 64);
	memset(rte_pktmbuf_mtod(head, uint8_t *), 0xff, RTE_ETHER_ADDR_LEN);
	rte_ether_addr_copy(&from->mac, &rte_pktmbuf_mtod(head, struct rte_ether_hdr *)->src_addr);
	memcpy(rte_pktmbuf_mtod_offset(head, uint8_t *, 12), tag, sizeof(tag));
	memset(rte_pktmbuf_append(tail, length - 64), 0x5a, length - 64);
	rte_pktmbuf_chain(head, tail);
	while (got == 0 && rte_get_timer_cycles() < deadline) {
		if (head && rte_eth_tx_burst(from->id, 0, &head, 1))
			head = NULL;
		rte_eth_tx_burst(to->id, 0, NULL, 0);
		receive(from);
		got = receive(to);
	}
	rte_pktmbuf_free(head);
	return got;
}

/* Two pairs of interfaces that are ours alone; they go with the process. */
static bool enter_own_network(void)
{
	return unshare(CLONE_NEWNET) == 0 &&
	       system("ip link add v0 type veth peer name v1 && ip link add v2 type veth peer name v3 &&"
		      "for i in 0 1 2 3; do ip link set v$i up || exit 1; done") == 0;
}

#endif
