/* SPDX-License-Identifier: BSD-3-Clause */
/* The stages. forward.c calls them in order.
 *
 * A stage is a function over the arrays of worker->burst. It removes packets that are not forwarded: each one
 * is punted or dropped by name. No stage logs, locks, allocates heap memory, makes a system call, or writes
 * to a cache line that another worker writes.
 * Thread of all: the worker's. */
#ifndef GREMC_DATAPATH_STAGES_H
#define GREMC_DATAPATH_STAGES_H

#include "datapath/worker.h"

/* Receive a burst from one queue. Packets in shared buffers are copied.
 * Returns: packets received. */
uint32_t gremc_stage_rx(struct gremc_worker *worker, const struct gremc_rxq *rxq);
/* Parse Ethernet, VLAN, outer IPv4 and GRE. */
void gremc_stage_classify(struct gremc_worker *worker, const struct gremc_rxq *rxq);
/* Find the tunnel, check the inner packet, remove the outer headers. */
void gremc_stage_decap(struct gremc_worker *worker, const struct gremc_rxq *rxq);
/* Find the mroute, check RPF, apply split horizon. */
void gremc_stage_lookup(struct gremc_worker *worker);
/* Make a replica for each outgoing interface, encapsulate it, append it to its port's transmit buffer. */
void gremc_stage_replicate(struct gremc_worker *worker);

/* Instead of rx and classify: take a burst from the control thread. Frames for ports go to their transmit
 * buffers; packets of the host's vif form the burst.
 * Returns: mbufs taken. */
uint32_t gremc_stage_inject(struct gremc_worker *worker);

#endif
