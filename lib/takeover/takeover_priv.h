/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GREMC_TAKEOVER_TAKEOVER_PRIV_H
#define GREMC_TAKEOVER_TAKEOVER_PRIV_H

#include <limits.h>

#include "base/assert.h"
#include "takeover/takeover.h"

/* Netlink messages, copied. */
struct gremc_netlink_messages {
	struct nlmsghdr **message;
	uint32_t count;
	bool no_memory; /* a message is missing */
};

struct gremc_takeover {
	char name[IFNAMSIZ],
		aside[IFNAMSIZ]; /* the kernel interface's own name, and the one it is renamed to */
	unsigned ifindex;        /* of the kernel's interface */
	unsigned flags;
	struct gremc_netlink_messages addresses, routes;
	struct gremc_port *port; /* the port whose MAC address was changed; NULL: none */
	struct rte_ether_addr mac;
	char journal[PATH_MAX];
	int fd; /* of the journal, locked; -1: there is no journal */
};

/* Returns: NULL: out of memory. */
struct gremc_takeover *gremc_takeover_new(void);
/* Free the object and leave the journal on disk; no-op for NULL. */
void gremc_takeover_free(struct gremc_takeover *takeover);

/* ---- messages.c ---- */

/* Append a copy of a message of `length` bytes. */
void gremc_netlink_messages_add(struct gremc_netlink_messages *messages, const void *message,
				uint32_t length);
/* Free the messages. */
void gremc_netlink_messages_fini(struct gremc_netlink_messages *messages);
/* Save the addresses and routes of the interface takeover->ifindex.
 * Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_takeover_messages_save(struct gremc_netlink *netlink,
							  struct gremc_takeover *takeover);
/* Add the saved addresses and routes to the interface `ifindex`. Failures are logged. */
void gremc_takeover_messages_replay(struct gremc_netlink *netlink, struct gremc_takeover *takeover,
				    unsigned ifindex);

/* ---- journal.c ---- */

/* Write the journal, which appears complete or not at all, and keep it locked.
 * Returns: 0, or a negative errno: there is no journal. */
__rte_warn_unused_result int gremc_takeover_journal_write(const char *directory,
							  struct gremc_takeover *takeover);
/* Remove the journal and its lock; no-op if there is no journal. Failures are logged. */
void gremc_takeover_journal_remove(struct gremc_takeover *takeover);
/* Find the first takeover of this network namespace that a killed process has left.
 * Input:   after: only interface names behind this one, in alphabetical order; NULL: any.
 * Returns: NULL: there is none. */
struct gremc_takeover *gremc_takeover_journal_next(const char *directory, const char *after);

#endif
