/* SPDX-License-Identifier: BSD-3-Clause */
/* The control thread's egress. A driver's transmit may be a system call that carries the packet through a
 * large part of the kernel. So the control thread transmits the host's frames itself, by a TX queue of its
 * own, where a port has one to spare (gremc_port.host_tx). */
#ifndef GREMC_DATAPATH_HOST_EGRESS_H
#define GREMC_DATAPATH_HOST_EGRESS_H

#include "datapath/egress.h"

/* Thread of all: control thread. */

/* Create the egress, if a port has a queue to spare.
 * Output:  *egress: NULL if no port has one, and on an error.
 * Errors:  -ENOMEM. */
int gremc_host_egress_create(const struct gremc_ports *ports, const struct gremc_vifs *vifs,
			     struct gremc_egress **egress);
/* Free the egress; NULL is allowed. */
void gremc_host_egress_destroy(struct gremc_egress *egress);
/* Publish the counts since the last call. */
void gremc_host_egress_account(struct gremc_egress *egress);

#endif
