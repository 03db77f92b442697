/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits of workers and queues. plan.c sizes the mbuf pools by them. */
#ifndef GREMC_PORT_LIMITS_H
#define GREMC_PORT_LIMITS_H

#include <stdint.h>

/* mbufs that a worker holds outside of rings */
#define GREMC_PENDING_MBUFS 128u /* packets that wait until their next hop is resolved */
#define GREMC_WORK_MBUFS                                                                                     \
	224u /* a burst, copies of it, header buffers or a burst of a ring, a fragmented one */
#define GREMC_FRAGMENT_MBUFS   160u /* header buffers: fragments of one packet, two for each */
#define GREMC_REASSEMBLY_MBUFS 256u /* outer fragments that wait for the others of their packet */
#define GREMC_TX_HELD_MAX      512u /* backlog of one TX queue */
#define GREMC_TX_MBUFS         128u /* replicas in the transmit buffer of one port */

#define GREMC_WORKERS_MAX       128
#define GREMC_QUEUES_MAX        128 /* of one port, in one direction */
#define GREMC_WORKER_QUEUES_MAX 64  /* RX queues that one worker polls, of all ports */

#endif
