/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_malloc.h>

#include "datapath/backlog.h"
#include "datapath/host_egress.h"
#include "datapath/tx.h"

static bool host_egress_is_needed(const struct gremc_ports *ports)
{
	for (uint16_t i = 0; i < ports->count; i++)
		if (ports->port[i] && ports->port[i]->host_tx)
			return true;
	return false;
}

static int host_egress_add_port(struct gremc_egress *egress, const struct gremc_port *port)
{
	struct gremc_tx *tx = gremc_tx_create(port, port->tx_queues, SOCKET_ID_ANY);

	egress->tx[port->index] = tx;
	if (tx)
		tx->backlog = gremc_backlog_create(GREMC_BACKLOG_IMMEDIATE, SOCKET_ID_ANY);
	return tx && tx->backlog ? 0 : -ENOMEM;
}

int gremc_host_egress_create(const struct gremc_ports *ports, const struct gremc_vifs *vifs,
			     struct gremc_egress **created)
{
	struct gremc_egress *egress;
	int rc;

	*created = NULL;
	if (!host_egress_is_needed(ports))
		return 0;
	egress = rte_zmalloc("gremc_egress", sizeof(*egress), RTE_CACHE_LINE_SIZE);
	if (egress == NULL)
		return -ENOMEM;
	egress->vifs = vifs;
	egress->port_count = ports->count;
	egress->stats = gremc_stats_create(SOCKET_ID_ANY, GREMC_VIFS_MAX, GREMC_MROUTE_IDS_MAX);
	rc = egress->stats ? 0 : -ENOMEM;
	for (uint16_t i = 0; i < ports->count && rc == 0; i++)
		if (ports->port[i] && ports->port[i]->host_tx)
			rc = host_egress_add_port(egress, ports->port[i]);
	if (rc)
		gremc_host_egress_destroy(egress);
	else
		*created = egress;
	return rc;
}

void gremc_host_egress_destroy(struct gremc_egress *egress)
{
	if (egress == NULL)
		return;
	for (uint16_t i = 0; i < egress->port_count; i++)
		gremc_tx_destroy(egress->tx[i]);
	gremc_stats_destroy(egress->stats);
	rte_free(egress);
}

void gremc_host_egress_account(struct gremc_egress *egress)
{
	gremc_stats_write_begin(egress->stats);
	gremc_egress_account(egress);
	gremc_stats_write_end(egress->stats);
}
