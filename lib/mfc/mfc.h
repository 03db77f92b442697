/* SPDX-License-Identifier: BSD-3-Clause */
/* mfc: the kernel's multicast forwarding cache, mirrored: what a routing daemon (smcroute, pimd, FRR) told
 * the kernel to do with a group. By rtnetlink: a dump at the start, events from then on, another dump when
 * events were lost (ENOBUFS) or when the names of interfaces mean something else.
 *
 * The kernel sends no message about a route whose multicast interface goes (MRT_DEL_VIF, or the device is
 * removed). So a message that an interface has gone, or takes part in multicast routing no more, leads to
 * another dump; and there is one every GREMC_MFC_DUMP_INTERVAL in any case.
 *
 * Interfaces are matched by name: the caller says which number a name has. One thread (control); the state
 * may be asked for from any. */
#ifndef GREMC_MFC_MFC_H
#define GREMC_MFC_MFC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

#define GREMC_MFC_DUMP_INTERVAL   10000u /* milliseconds between two dumps, at most */
#define GREMC_MFC_REDUMP_INTERVAL 100u   /* milliseconds between two dumps for changed interfaces, at least */

#define GREMC_MFC_OIFS_MAX  64u /* the kernel has 32 multicast interfaces */
#define GREMC_MFC_NAME_SIZE 16
#define GREMC_MFC_NONE      UINT32_MAX
#define GREMC_MFC_REGISTER  (UINT32_MAX - 1)

struct nlmsghdr;

/* What a netlink message says. */
enum gremc_mfc_message_kind {
	GREMC_MFC_OTHER,       /* nothing of ours */
	GREMC_MFC_SET,         /* the kernel has this route now */
	GREMC_MFC_REMOVED,     /* and now it has not */
	GREMC_MFC_UNRESOLVED,  /* packets wait for a daemon to decide */
	GREMC_MFC_OTHER_TABLE, /* of a table that is not the default one */
	GREMC_MFC_MALFORMED,
};

struct gremc_mfc_message {
	rte_be32_t source, group; /* 0: any; group 0: of any group (a proxy's) */
	uint32_t iif;             /* ifindex, 0: none */
	uint32_t oif_count;
	uint32_t oifs[GREMC_MFC_OIFS_MAX];      /* ifindexes; of (*,G) the kernel's iif is among them */
	uint8_t thresholds[GREMC_MFC_OIFS_MAX]; /* of the oifs: a packet's TTL is greater */
};

/* Pure: bytes in, meaning out. The message is whole: its length has been checked against what was received.
 */
enum gremc_mfc_message_kind gremc_mfc_message_parse(const struct nlmsghdr *header,
						    struct gremc_mfc_message *message);

struct gremc_mfc_callbacks {
	/* The interface of this name, or GREMC_MFC_NONE. */
	uint32_t (*interface_of)(void *argument, const char *name);
	/* A route of the kernel's, in interfaces; those without a number are left out, and an iif without one
	 * is GREMC_MFC_NONE. The register interface, by which a daemon asks for the packets themselves
	 * (pimreg), is GREMC_MFC_REGISTER. group 0: any. thresholds: of the oifs, what a packet's TTL
	 * exceeds. */
	void (*set)(void *argument, rte_be32_t source, rte_be32_t group, uint32_t iif, const uint32_t *oifs,
		    const uint8_t *thresholds, uint32_t oif_count);
	void (*remove)(void *argument, rte_be32_t source, rte_be32_t group);
	/* Between the two every route that there is is set. */
	void (*begin)(void *argument);
	void (*end)(void *argument);
	void *argument;
};

struct gremc_mfc;

/* Begin to mirror, in the caller's network namespace. NULL: errno says why. */
struct gremc_mfc *gremc_mfc_open(const struct gremc_mfc_callbacks *callbacks);
/* Without a word to the callbacks. */
void gremc_mfc_close(struct gremc_mfc *mfc);
/* For epoll: readable when gremc_mfc_events_read() has something to do. */
int gremc_mfc_fd_get(const struct gremc_mfc *mfc);
/* Take what there is. Never blocks. */
void gremc_mfc_events_read(struct gremc_mfc *mfc);
/* Names may have other numbers now: ask for everything again. */
void gremc_mfc_resync(struct gremc_mfc *mfc);
/* Ask for everything again where that is due.
 * Input:   the caller's clock, in milliseconds.
 * Returns: milliseconds until the next call. */
uint32_t gremc_mfc_resync_poll(struct gremc_mfc *mfc, uint64_t now);

#define GREMC_MFC_UNKNOWN 16u

struct gremc_mfc_info {
	uint64_t messages, unresolved, removed, set;
	uint64_t resyncs;  /* dumps asked for */
	uint64_t overruns; /* of them, because events were lost */
	uint64_t other_table, malformed;
	uint32_t unknown_count;
	char unknown[GREMC_MFC_UNKNOWN][GREMC_MFC_NAME_SIZE]; /* names in routes that are none of ours */
};

/* Any thread. */
void gremc_mfc_info(struct gremc_mfc *mfc, struct gremc_mfc_info *info);

#endif
