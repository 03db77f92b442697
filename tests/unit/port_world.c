/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_world.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <rte_eal.h>

struct gremc_config_port ports[GREMC_CONFIG_PORTS_MAX];
struct gremc_config config;
struct gremc_errors errors;
char *log_text;
bool own_network;

static char plugged_names[GREMC_CONFIG_PORTS_MAX][RTE_ETH_NAME_MAX_LEN];
static unsigned plugged_count;
static size_t log_size;
static FILE *log_file;

/* ---- life ---- */

/* Make two pairs of interfaces; they end with the process. Returns whether that is permitted. */
static bool own_network_enter(void)
{
	return unshare(CLONE_NEWNET) == 0 &&
	       system("ip link add v0 type veth peer name v1 && ip link add v2 type veth peer name v3 &&"
		      "for i in 0 1 2 3; do ip link set v$i up || exit 1; done") == 0;
}

int port_world_run(const char *name, const struct CMUnitTest *tests, size_t count, const char *memory,
		   const char *lcores)
{
	char program[32], mebibytes[16], cpus[32];
	char *arguments[] = {program,       "--no-huge",      "-m",       mebibytes, "--no-pci",
			     "--no-shconf", "--no-telemetry", "--lcores", cpus};
	int failed;

	snprintf(program, sizeof(program), "test_%s", name);
	snprintf(mebibytes, sizeof(mebibytes), "%s", memory);
	snprintf(cpus, sizeof(cpus), "%s", lcores);
	own_network = own_network_enter();
	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return 1;
	failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
	rte_eal_cleanup();
	return failed;
}

int port_world_set_up(void **state)
{
	RTE_SET_USED(state);
	memset(ports, 0, sizeof(ports));
	config = (struct gremc_config){
		.ports = ports,
		.settings = {.copy_threshold = 256, .rx_descriptors = 256, .tx_descriptors = 512},
	};
	log_file = open_memstream(&log_text, &log_size);
	fflush(log_file); /* the first flush sets log_text */
	return rte_openlog_stream(log_file);
}

int port_world_tear_down(void **state)
{
	RTE_SET_USED(state);
	for (; plugged_count > 0; plugged_count--)
		rte_eal_hotplug_remove("vdev", plugged_names[plugged_count - 1]);
	gremc_errors_fini(&errors);
	rte_openlog_stream(NULL);
	fclose(log_file);
	free(log_text);
	return 0;
}

void port_world_renew(void)
{
	port_world_tear_down(NULL);
	assert_int_equal(port_world_set_up(NULL), 0);
}

/* ---- devices and configuration ---- */

bool vdev_try_plug(const char *name, const char *arguments)
{
	if (rte_eal_hotplug_add("vdev", name, arguments ? arguments : ""))
		return false;
	strcpy(plugged_names[plugged_count++], name);
	return true;
}

void vdev_plug(const char *name, const char *arguments)
{
	assert_true(vdev_try_plug(name, arguments));
}

void vdev_plug_pcap(const char *name, unsigned rx, unsigned tx)
{
	static const uint32_t header[6] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
	/* short: since DPDK 24.11 a device's name and arguments have 128 bytes in all */
	char path[] = "/tmp/pXXXXXX", arguments[512] = "";
	size_t length = 0;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, header, sizeof(header)), sizeof(header));
	close(fd);
	for (unsigned i = 0; i < rx; i++)
		length += snprintf(arguments + length, sizeof(arguments) - length, "rx_pcap=%s,", path);
	for (unsigned i = 0; i < tx; i++)
		length += snprintf(arguments + length, sizeof(arguments) - length, "tx_pcap=/dev/null,");
	arguments[length - 1] = '\0';
	vdev_plug(name, arguments);
	unlink(path);
}

int interface_mtu(const char *name, int mtu)
{
	struct ifreq ifr = {.ifr_mtu = mtu};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(ifr.ifr_name, name);
	assert_int_equal(ioctl(fd, mtu ? SIOCSIFMTU : SIOCGIFMTU, &ifr), 0);
	close(fd);
	return ifr.ifr_mtu;
}

void vdev_plug_veths(unsigned count, const char *arguments)
{
	for (unsigned i = 0; i < count; i++) {
		char device[RTE_ETH_NAME_MAX_LEN], name[IFNAMSIZ], text[128];

		snprintf(device, sizeof(device), "net_af_packet%u", i);
		snprintf(name, sizeof(name), "v%u", i);
		snprintf(text, sizeof(text), "iface=%s,%s", name, arguments);
		interface_mtu(name, RTE_ETHER_MTU);
		vdev_plug(device, text);
	}
}

struct gremc_config_port *add_port(const char *name, const char *device)
{
	struct gremc_config_port *port = &ports[config.port_count++];

	strcpy(port->name, name);
	strcpy(port->device, device);
	port->member_of = GREMC_CONFIG_NONE;
	return port;
}

struct gremc_config_port *add_bond(const char *name, enum gremc_bond_mode mode, uint32_t first,
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

unsigned take_memory(size_t left, void **taken, unsigned size)
{
	const size_t piece = 4 << 20;
	struct rte_malloc_socket_stats stats;
	unsigned count = 0;

	while (count < size && rte_malloc_get_socket_stats(0, &stats) == 0 &&
	       stats.heap_freesz_bytes > left + piece && (taken[count] = rte_malloc(NULL, piece, 0)))
		count++;
	return count;
}

/* ---- ports ---- */

static struct gremc_ports *ports_try_open(unsigned workers)
{
	unsigned lcores[GREMC_WORKERS_MAX];

	for (unsigned w = 0; w < RTE_DIM(lcores); w++)
		lcores[w] = w + 1;
	if (workers == rte_lcore_count()) /* as many as there are: the main lcore, too */
		lcores[workers - 1] = 0;
	return gremc_ports_open(&config, lcores, workers, &errors);
}

struct gremc_ports *open_ports(unsigned workers)
{
	struct gremc_ports *open = ports_try_open(workers);

	if (open == NULL)
		print_message("%s%s", errors.text, log_text);
	assert_non_null(open);
	assert_int_equal(errors.count, 0);
	return open;
}

void assert_refused(unsigned workers, const char *text)
{
	assert_null(ports_try_open(workers));
	assert_non_null(errors.text);
	if (strstr(errors.text, text) == NULL)
		fail_msg("`%s` is not in: %s", text, errors.text);
}

void assert_logged(const char *text)
{
	fflush(log_file);
	if (strstr(log_text, text) == NULL)
		fail_msg("`%s` was not logged: %s", text, log_text);
}

void assert_not_logged(const char *text)
{
	fflush(log_file);
	if (strstr(log_text, text))
		fail_msg("`%s` was logged: %s", text, log_text);
}

unsigned count_logged(const char *text)
{
	unsigned count = 0;

	fflush(log_file);
	for (const char *at = log_text; (at = strstr(at, text)); at++)
		count++;
	return count;
}

/* Receive the packets of a port. Returns the length of the last frame of frame_pass() among them, or 0. */
static uint32_t frame_receive(const struct gremc_port *port)
{
	struct rte_mbuf *in[8];
	uint32_t length = 0;
	uint16_t n = rte_eth_rx_burst(port->id, 0, in, RTE_DIM(in));

	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *data = rte_pktmbuf_mtod(in[i], const uint8_t *);

		if (data[0] == 0xff && data[63] == 0xa5 && data[in[i]->data_len - 1] == 0x5a)
			length = in[i]->pkt_len;
		rte_pktmbuf_free(in[i]);
	}
	return length;
}

static struct rte_mbuf *frame_make(const struct gremc_port *from, struct rte_mempool *headers,
				   struct rte_mempool *payloads, uint32_t length)
{
	static const uint8_t tag[] = {0x81, 0x00, 0x00, 0x07, 0x88, 0xb5};
	struct rte_mbuf *head = rte_pktmbuf_alloc(headers), *tail = rte_pktmbuf_alloc(payloads);

	memset(rte_pktmbuf_append(head, 64), 0xa5, 64);
	memset(rte_pktmbuf_mtod(head, uint8_t *), 0xff, RTE_ETHER_ADDR_LEN);
	rte_ether_addr_copy(&from->mac, &rte_pktmbuf_mtod(head, struct rte_ether_hdr *)->src_addr);
	memcpy(rte_pktmbuf_mtod_offset(head, uint8_t *, 12), tag, sizeof(tag));
	memset(rte_pktmbuf_append(tail, length - 64), 0x5a, length - 64);
	rte_pktmbuf_chain(head, tail);
	return head;
}

uint32_t frame_pass(const struct gremc_port *from, const struct gremc_port *to, struct rte_mempool *headers,
		    uint32_t length)
{
	struct rte_mbuf *frame = frame_make(from, headers, to->rx_pool[0], length);
	uint64_t deadline = rte_get_timer_cycles() + rte_get_timer_hz() * 20;
	uint32_t received = 0;

	while (received == 0 && rte_get_timer_cycles() < deadline) {
		if (frame && rte_eth_tx_burst(from->id, 0, &frame, 1))
			frame = NULL;
		rte_eth_tx_burst(to->id, 0, NULL, 0);
		frame_receive(from);
		received = frame_receive(to);
	}
	rte_pktmbuf_free(frame);
	return received;
}
