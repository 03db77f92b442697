/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside the takeover: what is saved of an interface, and its journal. */
#ifndef GREMC_HOST_TAKEOVER_PRIV_H
#define GREMC_HOST_TAKEOVER_PRIV_H

#include <limits.h>

#include "host/host_priv.h"

/* Messages of the kernel, kept to be sent back. */
struct gremc_netlink_messages {
	struct nlmsghdr **message;
	uint32_t count;
	bool no_memory;
};

/* Adds a copy. */
void gremc_netlink_messages_add(struct gremc_netlink_messages *messages, const void *message,
				uint32_t length);

struct gremc_takeover {
	char name[IFNAMSIZ], aside[IFNAMSIZ];
	unsigned ifindex; /* of the kernel's interface */
	unsigned flags;
	struct gremc_netlink_messages addresses, routes;
	struct gremc_port *port; /* whose MAC address was changed; NULL: none was */
	struct rte_ether_addr mac;
	char journal[PATH_MAX];
	int fd; /* of the journal, locked; -1: there is none */
};

/* NULL: out of memory. gremc_takeover_free() leaves the journal. */
struct gremc_takeover *gremc_takeover_new(void);

/* ---- journal.c ---- */

/* Returns 0 or a negative errno: then there is no journal. */
int gremc_takeover_journal_write(const char *directory, struct gremc_takeover *takeover);
void gremc_takeover_journal_remove(struct gremc_takeover *takeover);
/* The first takeover of this network namespace that a killed process has left, whose interface has a name
 * behind `after` (NULL: any). NULL: there is none. */
struct gremc_takeover *gremc_takeover_journal_next(const char *directory, const char *after);

#endif
