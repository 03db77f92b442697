/* SPDX-License-Identifier: BSD-3-Clause */
/* The assignment of queues to workers. */
#ifndef GREMC_PORT_QUEUES_PRIV_H
#define GREMC_PORT_QUEUES_PRIV_H

#include "port/port.h"

struct gremc_port_set;

/* Returns: whether a port or tunnel of the configuration has a host path or IGMP, so that the
 *          control thread sends and receives packets. */
bool gremc_port_has_host_path(const struct gremc_config *config);
/* Returns: how many of the `most` queues of a device the workers use; all when the number is
 *          fixed. */
uint16_t gremc_port_queue_count(uint16_t most, unsigned workers, bool fixed);
/* Assign the queues of all ports: set rx_worker, tx_worker and tx_queue from the counts in *ports.
 *
 * RX: the worker with the fewest queues of this port, then of all ports, then on the port's node gets the
 * next queue. TX: worker w owns queue w. Where a port has fewer queues than workers, owners are chosen like
 * RX workers and own at most one queue each; a worker without a queue uses queue w modulo their number. */
void gremc_port_queues_assign(struct gremc_ports *ports);
/* Log by which TX queue, or by which worker, packets of the host leave. */
void gremc_port_host_tx_report(const struct gremc_ports *ports, const struct gremc_port *port);
/* Returns: whether a worker other than the owner transmits by the queue. */
bool gremc_port_tx_is_shared(const struct gremc_ports *ports, const struct gremc_port *port, uint16_t queue);
/* Write the lcores of the marked workers as "1 2 5".
 * Returns: text. */
char *gremc_ports_lcores_format(const struct gremc_ports *ports, const bool *marked, char *text, size_t size);
/* Create the rings of shared TX queues.
 * Returns: 0, or -ENOMEM with the error added.
 * Order:   after the pools, whose plan has the sizes of the rings. */
__rte_warn_unused_result int gremc_ports_tx_rings_create(struct gremc_port_set *set);

#endif
