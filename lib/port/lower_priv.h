/* SPDX-License-Identifier: BSD-3-Clause */
/* Lower devices: the ethdevs that carry the frames of a port. A port on an ordinary device has that one; a
 * bond has its members. */
#ifndef GREMC_PORT_LOWER_PRIV_H
#define GREMC_PORT_LOWER_PRIV_H

#include <rte_ethdev.h>

#include "port/watch.h"

struct gremc_port_set;
struct gremc_port_state;

/* The need of a lower device before it carries frames again. */
enum gremc_lower_need {
	GREMC_LOWER_NEEDS_NOTHING,
	GREMC_LOWER_NEEDS_RESET,
	GREMC_LOWER_NEEDS_DEVICE, /* it has been removed */
};

/* How a lower device is found again, and the state of that. */
struct gremc_lower_device {
	char name[RTE_ETH_NAME_MAX_LEN];   /* ethdev */
	char device[RTE_ETH_NAME_MAX_LEN]; /* on its bus */
	const char *bus;                   /* DPDK's; static */
	char *arguments;                   /* malloc; NULL: none */
	enum gremc_lower_need need;
	bool gone;         /* no ethdev has its id now */
	bool out;          /* of a bond: not a member now */
	bool ready;        /* of a bond, and out: can become a member again */
	bool link_up;      /* of a member of a bond */
	uint64_t next_try; /* milliseconds */
	uint32_t delay;    /* before the attempt after that, milliseconds */
	char *reason;      /* malloc: of the last failure, to log only changes; NULL: none */
};

enum gremc_port_phase {
	GREMC_PHASE_OPEN,
	GREMC_PHASE_CLOSING, /* until each worker has seen that the port is closed */
	GREMC_PHASE_CLOSED,
};

/* Events that DPDK's interrupt thread records for a device. */
enum gremc_port_event {
	GREMC_PORT_EVENT_LINK = 1,
	GREMC_PORT_EVENT_RESET = 2,
	GREMC_PORT_EVENT_REMOVED = 4,
};

struct gremc_port_events {
	int fd; /* eventfd; -1: not open */
	/* enum gremc_port_event, by ethdev. Interrupt thread: sets bits, with release order, so that the
	 * control thread sees the device as the driver left it. Control thread: clears bits, with acquire
	 * order. */
	gremc_atomic_u32 pending[RTE_MAX_ETHPORTS];
	/* The kernel has found a device. Interrupt thread: sets it (release); control thread: clears it
	 * (acquire). */
	gremc_atomic_u32 added; /* 0 or 1 */
	/* All others: control thread. */
	bool monitors; /* the bus monitor runs */
	struct rte_rcu_qsbr *qsbr;
	struct gremc_watch watch;
	int epoll;
	gremc_port_listener *listener; /* NULL: not watched yet */
	void *argument;
	uint64_t next_poll; /* of links; milliseconds */
};

/* ---- events.c ---- */

/* Stop all callbacks: none runs after the return. */
void gremc_ports_events_close(struct gremc_port_set *set);

/* ---- link.c ---- */

/* Read the link of a port: of its device, and of the kernel's interface where the driver reports none.
 * Returns: whether the link is up. */
bool gremc_port_link_get(const struct gremc_port_state *state, struct rte_eth_link *link);
/* Set the first status of a port that has started. */
void gremc_port_link_init(struct gremc_port_state *state, struct gremc_port *port);
/* Read the links of a port and its members, and log changes.
 * Returns: whether the status of the port has changed. */
bool gremc_port_link_update(struct gremc_port_state *state, struct gremc_port *port);

/* ---- recover.c ---- */

/* Store how each lower device is found again. */
void gremc_port_lowers_remember(struct gremc_port_state *state);
/* Free the data of gremc_port_lowers_remember(). */
void gremc_port_lowers_forget(struct gremc_port_state *state);
/* Handle events (enum gremc_port_event) of lower device number `lower` of a port. */
void gremc_port_lower_event(struct gremc_port_set *set, uint16_t index, uint16_t lower, uint32_t events,
			    uint64_t now);
/* Retry missing devices at once: the kernel has found a device. */
void gremc_port_missing_retry(struct gremc_port_state *state);
/* Continue the restarts of a port's lower devices.
 * Units:   now and the result in milliseconds.
 * Returns: the time until the next step; -1: nothing to do. */
int gremc_port_recover(struct gremc_port_set *set, uint16_t index, uint64_t now);

#endif
