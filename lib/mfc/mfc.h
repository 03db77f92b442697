/* SPDX-License-Identifier: BSD-3-Clause */
/* mfc: a mirror of the kernel's multicast forwarding cache, which a routing daemon (smcroute, pimd, FRR)
 * fills. Netlink events keep it current. A dump of all routes is requested at the start, after events were
 * dropped, after interfaces have changed, and every GREMC_MFC_DUMP_INTERVAL.
 *
 * The periodic dump is needed because the kernel sends no message about a route whose interface is removed or
 * leaves multicast routing (MRT_DEL_VIF).
 *
 * Interfaces are matched by name: the caller maps a name to its own number.
 * Thread:  control thread, unless a contract names another one. */
#ifndef GREMC_MFC_MFC_H
#define GREMC_MFC_MFC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/base.h"
#include "netlink/netlink.h"

#define GREMC_MFC_DUMP_INTERVAL   10000u /* milliseconds between two dumps, at most */
#define GREMC_MFC_REDUMP_INTERVAL 100u   /* milliseconds between two dumps for changed interfaces, at least */

#define GREMC_MFC_OIFS_MAX  64u        /* outgoing interfaces of a route */
#define GREMC_MFC_NAME_SIZE IFNAMSIZ   /* bytes of an interface name, with its NUL */
#define GREMC_MFC_NONE      UINT32_MAX /* not an interface of the caller */
#define GREMC_MFC_REGISTER                                                                                   \
	(UINT32_MAX - 1) /* the register interface (pimreg), which a daemon reads packets from */

static_assert(GREMC_MFC_OIFS_MAX >= 32, "the kernel has 32 multicast interfaces (MAXVIFS)");

/* The meaning of a netlink message. */
enum gremc_mfc_message_kind {
	GREMC_MFC_OTHER,       /* not about multicast routes */
	GREMC_MFC_SET,         /* the kernel has added or changed the route */
	GREMC_MFC_REMOVED,     /* the kernel has removed the route */
	GREMC_MFC_UNRESOLVED,  /* packets wait for the daemon's decision */
	GREMC_MFC_OTHER_TABLE, /* a table other than the default one */
	GREMC_MFC_MALFORMED,
	GREMC_MFC_TOO_MANY_OIFS, /* more than GREMC_MFC_OIFS_MAX: source and group are valid */
};

struct gremc_mfc_message {
	struct gremc_addr source, group; /* without a family: any; a proxy has routes for any group */
	uint32_t iif;                    /* ifindex, 0: none */
	uint32_t oif_count;
	uint32_t oifs[GREMC_MFC_OIFS_MAX]; /* ifindexes; of a (*,G) route the kernel's iif is among them */
	uint8_t thresholds[GREMC_MFC_OIFS_MAX]; /* [oif] a packet's TTL must be greater */
};

/* Parse a netlink message; a pure function.
 * Input:   a complete message: its length was checked against the received bytes. */
enum gremc_mfc_message_kind gremc_mfc_message_parse(const struct nlmsghdr *header,
						    struct gremc_mfc_message *message);

struct gremc_mfc_callbacks {
	/* Returns: the caller's number of the interface, or GREMC_MFC_NONE. */
	uint32_t (*interface_of)(void *argument, const char *name);
	/* A route was added or changed. Interfaces are the caller's numbers.
	 * Input:   iif: may be GREMC_MFC_NONE or GREMC_MFC_REGISTER; oifs: without GREMC_MFC_NONE;
	 *          thresholds: [oif] a packet's TTL must be greater; source or group without a family: any.
	 */
	void (*set)(void *argument, const struct gremc_addr *source, const struct gremc_addr *group,
		    uint32_t iif, const uint32_t *oifs, const uint8_t *thresholds, uint32_t oif_count);
	/* A route was removed, or cannot be mirrored (GREMC_MFC_TOO_MANY_OIFS). */
	void (*remove)(void *argument, const struct gremc_addr *source, const struct gremc_addr *group);
	/* A dump begins and ends. In between set() is called for every route of the kernel. */
	void (*begin)(void *argument);
	void (*end)(void *argument);
	void *argument;
};

struct gremc_mfc; /* heap */
GREMC_ATOMIC_POINTER(mfc, struct gremc_mfc);

/* Open the mirror in the caller's network namespace and request a dump.
 * Returns: NULL: errno has the reason. */
struct gremc_mfc *gremc_mfc_open(const struct gremc_mfc_callbacks *callbacks);
/* Close the mirror without calling a callback; no-op for NULL. */
void gremc_mfc_close(struct gremc_mfc *mfc);
/* Returns: a file descriptor for epoll, readable while gremc_mfc_events_read() has work. */
int gremc_mfc_fd_get(const struct gremc_mfc *mfc);
/* Process the events that have arrived. */
void gremc_mfc_events_read(struct gremc_mfc *mfc);
/* Request a dump, because names may map to other numbers now. */
void gremc_mfc_resync(struct gremc_mfc *mfc);
/* Request a dump if one is due.
 * Input:   the caller's monotonic clock, in milliseconds.
 * Returns: milliseconds until the next call. */
uint32_t gremc_mfc_resync_poll(struct gremc_mfc *mfc, uint64_t now);

#define GREMC_MFC_UNKNOWN 16u

struct gremc_mfc_info {
	uint64_t messages, unresolved, removed, set;
	uint64_t resyncs;  /* dumps requested */
	uint64_t overruns; /* of these, because events were dropped */
	uint64_t other_table, malformed;
	uint64_t too_many_oifs; /* routes that are not mirrored */
	uint32_t unknown_count;
	bool has_more_unknown;                                /* there are more names than `unknown` holds */
	char unknown[GREMC_MFC_UNKNOWN][GREMC_MFC_NAME_SIZE]; /* names in routes without a caller's number */
};

/* Copy the counters. Thread: any. */
void gremc_mfc_info(struct gremc_mfc *mfc, struct gremc_mfc_info *info);

#endif
