/* SPDX-License-Identifier: BSD-3-Clause */
/* A plugin of the EAL (-d) by which a test raises the events of a device. It receives commands on a datagram
 * socket at $GREMC_TEST_DEVICES and calls the application back as the device's driver does.
 *
 *     link NAME      INTR_LSC
 *     reset NAME     the queues of the device are dead until it is started again, then INTR_RESET
 *     remove NAME    the same, then INTR_RMV
 *     stall NAME     the device takes nothing to send from now on, and raises no event
 *     slow NAME      it takes 2,000 packets a second, one at a time; of one device only
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

/* The library exports both to drivers, and no header of an application has them. */
struct rte_eth_dev;
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
int rte_eth_dev_callback_process(struct rte_eth_dev *device, enum rte_eth_event_type event, void *result);

static uint16_t dead_burst(void *queue, struct rte_mbuf **mbufs, uint16_t n)
{
	(void)queue;
	(void)mbufs;
	(void)n;
	return 0;
}

/* Behave as a VF after a reset of its PF: send and receive no packets, and report no error. */
static void kill_queues(const char *name)
{
	uint16_t id;

	if (rte_eth_dev_get_port_by_name(name, &id))
		return;
	__atomic_store_n(&rte_eth_fp_ops[id].rx_pkt_burst, dead_burst, __ATOMIC_SEQ_CST);
	__atomic_store_n(&rte_eth_fp_ops[id].tx_pkt_burst, dead_burst, __ATOMIC_SEQ_CST);
}

#define SLOW_RATE 2000

static struct {
	eth_tx_burst_t burst; /* the driver's */
	uint64_t next;        /* TSC; of the worker that has the queue */
} slow;

static uint16_t slow_burst(void *queue, struct rte_mbuf **mbufs, uint16_t n)
{
	const uint64_t now = rte_rdtsc();

	if (n == 0 || now < slow.next)
		return 0;
	slow.next = now + rte_get_tsc_hz() / SLOW_RATE;
	return slow.burst(queue, mbufs, 1);
}

static void slow_down(uint16_t id, bool stall)
{
	eth_tx_burst_t *burst = &rte_eth_fp_ops[id].tx_pkt_burst;

	if (!stall)
		slow.burst = *burst;
	__atomic_store_n(burst, stall ? dead_burst : slow_burst, __ATOMIC_SEQ_CST);
}

static void raise_event(struct rte_eth_dev *device, const char *command, const char *name)
{
	if (strcmp(command, "link") != 0)
		kill_queues(name);
	rte_eth_dev_callback_process(device,
				     strcmp(command, "link") == 0    ? RTE_ETH_EVENT_INTR_LSC
				     : strcmp(command, "reset") == 0 ? RTE_ETH_EVENT_INTR_RESET
								     : RTE_ETH_EVENT_INTR_RMV,
				     NULL);
}

static void command_execute(const char *command, const char *name)
{
	struct rte_eth_dev *device = rte_eth_dev_allocated(name);
	const bool stall = strcmp(command, "stall") == 0;
	uint16_t id;

	if (device == NULL || rte_eth_dev_get_port_by_name(name, &id))
		fprintf(stderr, "devices: there is no %s\n", name);
	else if (stall || strcmp(command, "slow") == 0)
		slow_down(id, stall);
	else
		raise_event(device, command, name);
}

static void *commands_serve(void *argument)
{
	int fd = (int)(intptr_t)argument;
	char text[128], command[16], name[64];
	ssize_t n;

	while ((n = recv(fd, text, sizeof(text) - 1, 0)) >= 0) {
		text[n] = '\0';
		if (sscanf(text, "%15s %63s", command, name) == 2)
			command_execute(command, name);
	}
	return NULL;
}

__attribute__((constructor)) static void begin(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = getenv("GREMC_TEST_DEVICES");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	if (path == NULL || fd < 0)
		return;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    pthread_create(&thread, NULL, commands_serve, (void *)(intptr_t)fd))
		perror("devices");
}
