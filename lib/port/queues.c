/* SPDX-License-Identifier: BSD-3-Clause */
/* The assignment of RX and TX queues to workers. */
#include <errno.h>
#include <string.h>

#include <rte_lcore.h>

#include "port/port_priv.h"

unsigned gremc_polling_lcores_get(unsigned *lcores)
{
	unsigned lcore, count = 0;

	RTE_LCORE_FOREACH_WORKER (lcore)
		if (count < GREMC_WORKERS_MAX)
			lcores[count++] = lcore;
	if (count == 0)
		lcores[count++] = rte_get_main_lcore();
	return count;
}

uint16_t gremc_port_queue_count(uint16_t most, unsigned workers, bool fixed)
{
	uint32_t count = fixed ? most : RTE_MIN((unsigned)most, workers);

	return RTE_MIN(count, (uint32_t)GREMC_QUEUES_MAX);
}

bool gremc_port_has_host_path(const struct gremc_config *config)
{
	for (uint32_t i = 0; i < config->port_count; i++)
		if (config->ports[i].host || config->ports[i].igmp)
			return true;
	for (uint32_t i = 0; i < config->tunnel_count; i++)
		if (config->tunnels[i].host || config->tunnels[i].igmp)
			return true;
	return false;
}

static bool port_is_cross_node(const struct gremc_port *port, const struct gremc_worker_place *worker)
{
	return port->socket >= 0 && worker->socket >= 0 && port->socket != worker->socket;
}

/* Returns the worker with the fewest queues of this port. Ties: the fewest queues of all ports, then the
 * port's node, then the lowest number. */
static uint16_t worker_least_loaded(const struct gremc_ports *ports, const struct gremc_port *port,
				    const uint16_t *of_port, const uint16_t *of_all)
{
	uint16_t best = 0;

	for (uint16_t w = 1; w < ports->worker_count; w++) {
		int difference = of_port[w] - of_port[best];

		if (difference == 0)
			difference = of_all[w] - of_all[best];
		if (difference == 0)
			difference = port_is_cross_node(port, &ports->worker[w]) -
				     port_is_cross_node(port, &ports->worker[best]);
		if (difference < 0)
			best = w;
	}
	return best;
}

static void port_rx_assign(const struct gremc_ports *ports, struct gremc_port *port, uint16_t *of_all)
{
	uint16_t of_port[GREMC_WORKERS_MAX] = {0};

	for (uint16_t q = 0; q < port->rx_queues; q++) {
		uint16_t w = worker_least_loaded(ports, port, of_port, of_all);

		port->rx_worker[q] = w;
		of_port[w]++;
		of_all[w]++;
	}
}

/* With a queue per worker, each owns its own. Otherwise an owner works for others, too, and owners are chosen
 * as for RX, so that several ports with one queue do not all load the first worker. */
static void port_tx_assign(const struct gremc_ports *ports, struct gremc_port *port, uint16_t *shared)
{
	uint16_t owned[GREMC_WORKERS_MAX] = {0};
	bool sufficient = port->tx_queues >= ports->worker_count;

	for (uint16_t w = 0; w < ports->worker_count; w++)
		port->tx_queue[w] = w % port->tx_queues;
	for (uint16_t q = 0; q < port->tx_queues; q++) {
		uint16_t w = sufficient ? q : worker_least_loaded(ports, port, owned, shared);

		port->tx_worker[q] = w;
		port->tx_queue[w] = q;
		owned[w]++;
		if (!sufficient)
			shared[w]++;
	}
}

void gremc_port_queues_assign(struct gremc_ports *ports)
{
	uint16_t polled[GREMC_WORKERS_MAX] = {0}, shared[GREMC_WORKERS_MAX] = {0};

	for (uint16_t i = 0; i < ports->count; i++) {
		if (ports->port[i] == NULL)
			continue;
		port_rx_assign(ports, ports->port[i], polled);
		port_tx_assign(ports, ports->port[i], shared);
	}
}

bool gremc_port_tx_is_shared(const struct gremc_ports *ports, const struct gremc_port *port, uint16_t queue)
{
	for (uint16_t w = 0; w < ports->worker_count; w++)
		if (port->tx_queue[w] == queue && port->tx_worker[queue] != w)
			return true;
	return false;
}

char *gremc_ports_lcores_format(const struct gremc_ports *ports, const bool *marked, char *text, size_t size)
{
	size_t length = 0;

	text[0] = '\0';
	for (uint16_t w = 0; w < ports->worker_count && length < size; w++)
		if (marked[w])
			length += snprintf(text + length, size - length, "%s%u", length ? " " : "",
					   ports->worker[w].lcore);
	return text;
}

/* ---- the log ---- */

/* Write the lcores of the marked workers as "lcore 1" or "lcores 1 2". */
static char *lcores_phrase_format(const struct gremc_ports *ports, const bool *marked, char *text,
				  size_t size)
{
	unsigned count = 0;
	char list[256];

	for (uint16_t w = 0; w < ports->worker_count; w++)
		count += marked[w];
	snprintf(text, size, "lcore%s %s", count == 1 ? "" : "s",
		 gremc_ports_lcores_format(ports, marked, list, sizeof(list)));
	return text;
}

static void tx_shared_warn(const struct gremc_ports *ports, const struct gremc_port *port)
{
	bool without[GREMC_WORKERS_MAX], owners[GREMC_WORKERS_MAX] = {false};
	char from[288], to[288];
	unsigned missing = ports->worker_count - port->tx_queues;

	if (port->tx_queues >= ports->worker_count)
		return;
	for (uint16_t q = 0; q < port->tx_queues; q++)
		owners[port->tx_worker[q]] = true;
	for (uint16_t w = 0; w < ports->worker_count; w++)
		without[w] = !owners[w];
	GREMC_LOG(WARNING,
		  "port %s: %u TX queue%s for %u lcores: %s enqueue%s to %s by a ring; "
		  "give the device more queues (net_af_packet: qpairs=%u)",
		  port->name, port->tx_queues, port->tx_queues == 1 ? "" : "s", ports->worker_count,
		  lcores_phrase_format(ports, without, from, sizeof(from)), missing == 1 ? "s" : "",
		  lcores_phrase_format(ports, owners, to, sizeof(to)), ports->worker_count);
}

void gremc_port_host_tx_report(const struct gremc_ports *ports, const struct gremc_port *port)
{
	if (port->host_tx)
		GREMC_LOG(INFO,
			  "port %s: packets of the host leave by TX queue %u, which the control thread owns",
			  port->name, port->tx_queues);
	else
		GREMC_LOG(INFO,
			  "port %s: packets of the host leave through lcore %u: `%s` has no spare TX queue "
			  "(net_af_packet: qpairs=%u)",
			  port->name, ports->worker[0].lcore, port->device, ports->worker_count + 1);
}

static void lcores_idle_warn(const struct gremc_ports *ports, const uint16_t *polled)
{
	bool idle[GREMC_WORKERS_MAX];
	unsigned count = 0;
	char lcores[288];

	for (uint16_t w = 0; w < ports->worker_count; w++) {
		idle[w] = polled[w] == 0;
		count += idle[w];
	}
	if (count)
		GREMC_LOG(
			WARNING,
			"%s poll%s no RX queue: there are more lcores than queues; give the devices more queues, or -l fewer lcores",
			lcores_phrase_format(ports, idle, lcores, sizeof(lcores)), count == 1 ? "s" : "");
}

/* ---- the step ---- */

/* RTS producers do not wait for each other: a worker that is descheduled in the middle of an enqueue does not
 * delay the enqueues of others. */
static struct rte_ring *tx_ring_create(const char *name, uint32_t size, int socket)
{
	const unsigned flags = RING_F_MP_RTS_ENQ | RING_F_SC_DEQ;
	struct rte_ring *ring = rte_ring_create(name, size, socket, flags);

	if (ring == NULL) /* the node has no memory */
		ring = rte_ring_create(name, size, SOCKET_ID_ANY, flags);
	/* by default a producer waits when this many entries are ahead of an unfinished enqueue */
	if (ring)
		(void)rte_ring_set_prod_htd_max(ring, rte_ring_get_capacity(ring));
	return ring;
}

static int port_tx_rings_create(struct gremc_port_set *set, struct gremc_port *port)
{
	char name[RTE_RING_NAMESIZE];

	for (uint16_t q = 0; q < port->tx_queues; q++) {
		const struct gremc_worker_place *owner = &set->ports.worker[port->tx_worker[q]];

		if (!gremc_port_tx_is_shared(&set->ports, port, q))
			continue;
		snprintf(name, sizeof(name), "tx_%s_%u", port->name, q);
		port->tx_ring[q] = tx_ring_create(name, set->ports.rings.tx, gremc_port_node(port, owner));
		if (port->tx_ring[q])
			continue;
		gremc_port_error(set, &set->state[port->index],
				 "no memory for a ring of %u packets: %s; give the EAL more "
				 "(-m or --socket-mem)",
				 set->ports.rings.tx, rte_strerror(rte_errno));
		return -ENOMEM;
	}
	return 0;
}

int gremc_ports_tx_rings_create(struct gremc_port_set *set)
{
	int ret = 0;

	for (uint16_t i = 0; i < set->ports.count && ret == 0; i++)
		if (set->ports.port[i])
			ret = port_tx_rings_create(set, set->ports.port[i]);
	return ret;
}

int gremc_ports_queues_assign(struct gremc_port_set *set)
{
	struct gremc_ports *ports = &set->ports;
	uint16_t polled[GREMC_WORKERS_MAX] = {0};

	gremc_port_queues_assign(ports);
	for (uint16_t i = 0; i < ports->count; i++) {
		const struct gremc_port *port = ports->port[i];

		for (uint16_t q = 0; port && q < port->rx_queues; q++)
			polled[port->rx_worker[q]]++;
	}
	for (uint16_t w = 0; w < ports->worker_count; w++) {
		if (polled[w] <= GREMC_WORKER_QUEUES_MAX)
			continue;
		gremc_errors_add(
			set->errors, NULL, 0, 0,
			"lcore %u would poll %u RX queues, the maximum is %u; give -l more lcores or the devices fewer queues",
			ports->worker[w].lcore, polled[w], GREMC_WORKER_QUEUES_MAX);
		return -E2BIG;
	}
	for (uint16_t i = 0; i < ports->count; i++)
		if (ports->port[i])
			tx_shared_warn(ports, ports->port[i]);
	lcores_idle_warn(ports, polled);
	return 0;
}
