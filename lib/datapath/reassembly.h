/* SPDX-License-Identifier: BSD-3-Clause */
/* Reassembly of outer packets that arrive as fragments (RFC 791), for tunnels with `reassemble`.
 *
 * Each worker has a table of its own, because a device directs all fragments of two addresses to one queue.
 * The table is bounded in fragments, in fragments of two addresses, and in time. Fragments that overlap make
 * no packet (RFC 1858, RFC 3128): their entry is dropped. */
#ifndef GREMC_DATAPATH_REASSEMBLY_H
#define GREMC_DATAPATH_REASSEMBLY_H

#include "datapath/worker.h"

#define GREMC_REASSEMBLY_PEER_MAX 64u   /* fragments of two addresses that wait */
#define GREMC_REASSEMBLY_MS       1000u /* milliseconds that a fragment waits for the others */

struct gremc_reassembly;

/* Create the table of a worker on its NUMA node.
 * Returns: NULL: -ENOMEM. */
struct gremc_reassembly *gremc_reassembly_create(int socket);
/* Free the table and the fragments in it. NULL is allowed. */
void gremc_reassembly_destroy(struct gremc_reassembly *reassembly);

/* Whether fragments between the outer addresses of a frame are reassembled. */
bool gremc_frame_is_reassembled(const struct gremc_worker *worker, const struct rte_mbuf *mbuf);
/* Add a fragment.
 * Input:   a frame with a valid outer IPv4 header, which is a fragment.
 * Owner:   takes the mbuf over.
 * Returns: the frame of the whole packet, with a valid header, owned by the caller; NULL: fragments are
 * missing, or the fragment was dropped by name. */
struct rte_mbuf *gremc_reassembly_add(struct gremc_worker *worker, struct rte_mbuf *mbuf);
/* Drop the fragments whose time is over.
 * Returns: how many. */
uint32_t gremc_reassembly_poll(struct gremc_worker *worker);
/* Whether no fragment waits for others. */
bool gremc_reassembly_is_empty(const struct gremc_worker *worker);
/* Drop all fragments.
 * Order:   when the worker ends. */
void gremc_reassembly_drop_all(struct gremc_worker *worker);

#endif
