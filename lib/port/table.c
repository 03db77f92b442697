/* SPDX-License-Identifier: BSD-3-Clause */
/* The table at start: which port, queue, lcore, pool and node belong together. */
#include <string.h>

#include "port/port_priv.h"

#define CELL 72

enum column { PORT, DEVICE, MAC, MTU, QUEUE, RX_LCORE, POOL, MBUFS, NODE, TX, COLUMNS };

struct row {
	char cell[COLUMNS][CELL];
};

static const char *const titles[COLUMNS] = {"port",     "device", "MAC",   "MTU",  "queue",
					    "rx lcore", "pool",   "mbufs", "node", "tx lcore"};

static bool is_number(enum column column)
{
	return column == MTU || column == QUEUE || column == RX_LCORE || column == MBUFS || column == NODE;
}

static void node_text(char *text, int node)
{
	if (node < 0)
		snprintf(text, CELL, "-");
	else
		snprintf(text, CELL, "%d", node);
}

/* "2", or "2, for 1 3": the owner, and who hands over to it. */
static void tx_text(const struct gremc_ports *ports, const struct gremc_port *port, uint16_t queue,
		    char *text)
{
	uint16_t owner = port->tx_worker[queue];
	bool others[GREMC_WORKERS_MAX];
	char lcores[CELL - 16];

	for (uint16_t w = 0; w < ports->worker_count; w++)
		others[w] = w != owner && port->tx_queue[w] == queue;
	if (port->tx_ring[queue])
		snprintf(text, CELL, "%u, for %s", ports->worker[owner].lcore,
			 gremc_port_lcores(ports, others, lcores, sizeof(lcores)));
	else
		snprintf(text, CELL, "%u", ports->worker[owner].lcore);
}

static void fill(const struct gremc_ports *ports, const struct gremc_port *port, uint16_t queue,
		 struct row *row)
{
	memset(row, 0, sizeof(*row));
	if (queue == 0) {
		snprintf(row->cell[PORT], CELL, "%s", port->name);
		snprintf(row->cell[DEVICE], CELL, "%s", port->device);
		gremc_mac_format(row->cell[MAC], &port->mac);
		snprintf(row->cell[MTU], CELL, "%u", port->mtu);
	}
	snprintf(row->cell[QUEUE], CELL, "%u", queue);
	for (int c = RX_LCORE; c < COLUMNS; c++)
		strcpy(row->cell[c], "-");
	if (queue < port->rx_queues) {
		const struct gremc_worker_place *worker = &ports->worker[port->rx_worker[queue]];

		snprintf(row->cell[RX_LCORE], CELL, "%u", worker->lcore);
		snprintf(row->cell[POOL], CELL, "%s", port->rx_pool[queue]->name);
		snprintf(row->cell[MBUFS], CELL, "%u", port->rx_pool[queue]->size);
		node_text(row->cell[NODE], gremc_port_node(port, worker));
	}
	if (queue < port->tx_queues)
		tx_text(ports, port, queue, row->cell[TX]);
	else if (queue == port->tx_queues && port->host_tx)
		strcpy(row->cell[TX], "control");
}

static void print_row(const char *const *cells, const int *width, FILE *out)
{
	for (int c = 0; c < COLUMNS; c++) {
		const char *end = c + 1 < COLUMNS ? "  " : "\n";

		if (c + 1 == COLUMNS)
			fprintf(out, "%s%s", cells[c], end);
		else if (is_number(c))
			fprintf(out, "%*s%s", width[c], cells[c], end);
		else
			fprintf(out, "%-*s%s", width[c], cells[c], end);
	}
}

static uint16_t lines_of(const struct gremc_port *port)
{
	return port ? RTE_MAX(port->rx_queues, port->tx_queues + port->host_tx) : 0;
}

/* Call `use` with each line's row. */
static void each_row(const struct gremc_ports *ports,
		     void (*use)(const char *const *cells, int *width, FILE *out), int *width, FILE *out)
{
	const char *cells[COLUMNS];
	struct row row;

	use(titles, width, out);
	for (uint16_t i = 0; i < ports->count; i++) {
		for (uint16_t q = 0; q < lines_of(ports->port[i]); q++) {
			fill(ports, ports->port[i], q, &row);
			for (int c = 0; c < COLUMNS; c++)
				cells[c] = row.cell[c];
			use(cells, width, out);
		}
	}
}

static void widen(const char *const *cells, int *width, FILE *out)
{
	RTE_SET_USED(out);
	for (int c = 0; c < COLUMNS; c++)
		width[c] = RTE_MAX(width[c], (int)strlen(cells[c]));
}

static void write_row(const char *const *cells, int *width, FILE *out)
{
	print_row(cells, width, out);
}

void gremc_ports_print(const struct gremc_ports *ports, FILE *out)
{
	const struct gremc_port_set *set = (const struct gremc_port_set *)ports;
	int width[COLUMNS] = {0};

	each_row(ports, widen, width, out);
	each_row(ports, write_row, width, out);
	for (uint16_t w = 0; w < ports->worker_count; w++) {
		const struct gremc_worker_place *worker = &ports->worker[w];
		char node[CELL];

		node_text(node, worker->socket);
		fprintf(out, "lcore %u on node %s: header pool %s, %u mbufs of %u bytes\n", worker->lcore,
			node, worker->header_pool->name, worker->header_pool->size, worker->header_room);
		if (worker->shard_pool && gremc_port_shard_pool_worker(set, w) == w)
			fprintf(out, "shards of node %s: pool %s, %u mbufs\n", node, worker->shard_pool->name,
				worker->shard_pool->size);
	}
}
