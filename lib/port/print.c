/* SPDX-License-Identifier: BSD-3-Clause */
/* The start-up table: the port, queue, lcore, pool and node that belong together. */
#include <string.h>

#include "port/port_priv.h"

#define CELL 72

enum column { PORT, DEVICE, MAC, MTU, QUEUE, RX_LCORE, POOL, MBUFS, NODE, TX, COLUMNS };

struct row {
	char cell[COLUMNS][CELL];
};

static const char *const column_titles[COLUMNS] = {"port",     "device", "MAC",   "MTU",  "queue",
						   "rx lcore", "pool",   "mbufs", "node", "tx lcore"};

static bool cell_is_number(enum column column)
{
	return column == MTU || column == QUEUE || column == RX_LCORE || column == MBUFS || column == NODE;
}

static void node_format(char *text, int node)
{
	if (node < 0)
		snprintf(text, CELL, "-");
	else
		snprintf(text, CELL, "%d", node);
}

/* Write the owner's lcore, and the lcores that enqueue to it: "2", or "2, for 1 3". */
static void tx_queue_format(const struct gremc_ports *ports, const struct gremc_port *port, uint16_t queue,
			    char *text)
{
	uint16_t owner = port->tx_worker[queue];
	bool others[GREMC_WORKERS_MAX];
	char lcores[CELL - 16];

	for (uint16_t w = 0; w < ports->worker_count; w++)
		others[w] = w != owner && port->tx_queue[w] == queue;
	if (port->tx_ring[queue])
		snprintf(text, CELL, "%u, for %s", ports->worker[owner].lcore,
			 gremc_ports_lcores_format(ports, others, lcores, sizeof(lcores)));
	else
		snprintf(text, CELL, "%u", ports->worker[owner].lcore);
}

static void row_fill(const struct gremc_ports *ports, const struct gremc_port *port, uint16_t queue,
		     struct row *row)
{
	memset(row, 0, sizeof(*row));
	if (queue == 0) {
		gremc_text_copy(row->cell[PORT], CELL, port->name);
		gremc_text_copy(row->cell[DEVICE], CELL, port->device);
		gremc_mac_format(row->cell[MAC], &port->mac);
		snprintf(row->cell[MTU], CELL, "%u", port->mtu);
	}
	snprintf(row->cell[QUEUE], CELL, "%u", queue);
	for (int c = RX_LCORE; c < COLUMNS; c++)
		snprintf(row->cell[c], CELL, "-");
	if (queue < port->rx_queues) {
		const struct gremc_worker_place *worker = &ports->worker[port->rx_worker[queue]];

		snprintf(row->cell[RX_LCORE], CELL, "%u", worker->lcore);
		gremc_text_copy(row->cell[POOL], CELL, port->rx_pool[queue]->name);
		snprintf(row->cell[MBUFS], CELL, "%u", port->rx_pool[queue]->size);
		node_format(row->cell[NODE], gremc_port_node(port, worker));
	}
	if (queue < port->tx_queues)
		tx_queue_format(ports, port, queue, row->cell[TX]);
	else if (queue == port->tx_queues && port->host_tx)
		snprintf(row->cell[TX], CELL, "control");
}

static void row_print(const char *const *cells, const int *width, FILE *out)
{
	for (int c = 0; c < COLUMNS; c++) {
		const char *end = c + 1 < COLUMNS ? "  " : "\n";

		if (c + 1 == COLUMNS)
			fprintf(out, "%s%s", cells[c], end);
		else if (cell_is_number(c))
			fprintf(out, "%*s%s", width[c], cells[c], end);
		else
			fprintf(out, "%-*s%s", width[c], cells[c], end);
	}
}

static uint16_t port_line_count(const struct gremc_port *port)
{
	return port ? RTE_MAX(port->rx_queues, port->tx_queues + port->host_tx) : 0;
}

/* Call `use` for the titles and each row. */
static void rows_walk(const struct gremc_ports *ports,
		      void (*use)(const char *const *cells, int *width, FILE *out), int *width, FILE *out)
{
	const char *cells[COLUMNS];
	struct row row;

	use(column_titles, width, out);
	for (uint16_t i = 0; i < ports->count; i++) {
		for (uint16_t q = 0; q < port_line_count(ports->port[i]); q++) {
			row_fill(ports, ports->port[i], q, &row);
			for (int c = 0; c < COLUMNS; c++)
				cells[c] = row.cell[c];
			use(cells, width, out);
		}
	}
}

static void columns_widen(const char *const *cells, int *width, FILE *out)
{
	RTE_SET_USED(out);
	for (int c = 0; c < COLUMNS; c++)
		width[c] = RTE_MAX(width[c], (int)strlen(cells[c]));
}

static void row_write(const char *const *cells, int *width, FILE *out)
{
	row_print(cells, width, out);
}

void gremc_ports_print(const struct gremc_ports *ports, FILE *out)
{
	const struct gremc_port_set *set = gremc_port_set_of_const(ports);
	int width[COLUMNS] = {0};

	rows_walk(ports, columns_widen, width, out);
	rows_walk(ports, row_write, width, out);
	for (uint16_t w = 0; w < ports->worker_count; w++) {
		const struct gremc_worker_place *worker = &ports->worker[w];
		char node[CELL];

		node_format(node, worker->socket);
		fprintf(out, "lcore %u on node %s: header pool %s, %u mbufs of %u bytes\n", worker->lcore,
			node, worker->header_pool->name, worker->header_pool->size, worker->header_capacity);
		if (worker->shard_pool && gremc_ports_split_pool_owner(set, w) == w)
			fprintf(out, "shards of node %s: pool %s, %u mbufs\n", node, worker->shard_pool->name,
				worker->shard_pool->size);
	}
}
