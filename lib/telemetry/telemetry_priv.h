/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of commands, queries, and the construction of replies.
 *
 * A reply is a dictionary. DPDK 22.11 nests dictionaries in dictionaries only, accepts keys of letters,
 * digits,
 * '_' and '/' and strings below 128 bytes, and silently truncates a reply to 16 KiB. So a list is divided
 * into pages of dictionaries under their numbers, and a page fits with the longest names and counters
 * (tested). */
#ifndef GREMC_TELEMETRY_TELEMETRY_PRIV_H
#define GREMC_TELEMETRY_TELEMETRY_PRIV_H

#include <stdbool.h>

#include "base/assert.h"
#include "telemetry/telemetry.h"

/* The only table of commands: name, parameters as text, least and most of them, whether the command runs as
 * an RCU reader, help. A command that reads vifs or mroutes is an RCU reader. A command that calls a driver
 * is not, so that a slow device never delays the control thread. `--help-telemetry`, the index of
 * docs/telemetry.md and the list in the man page are equal to this table (tests/unit/test_telemetry.c). */
#define GREMC_COMMANDS(X)                                                                                    \
	X(info, "", 0, 0, true, "Versions, uptime, numbers of objects, and the totals of all workers.")      \
	X(lcores, "[,OFFSET]", 0, 1, false, "Each worker: its lcore, queues, counters, cycles and bursts.")  \
	X(ports, "[,OFFSET]", 0, 1, false,                                                                   \
	  "Each port: device, link, queues, its counters and those of the device.")                          \
	X(pools, "[,OFFSET]", 0, 1, false, "Each mbuf pool: its size, and the mbufs in use and available.")  \
	X(drops, "", 0, 0, false, "Packets dropped, replicas lost, by reason; packets punted.")              \
	X(vif_drops, "[,OFFSET]", 0, 1, true, "Packets dropped by incoming interface and reason.")           \
	X(trace, "[,OFFSET[,NAME]]", 0, 2, true,                                                             \
	  "The last dropped packets with their first bytes, the newest first.")                              \
	X(reasons, "", 0, 0, false, "The meaning of each drop, loss and punt.")                              \
	X(neighbors, "[,OFFSET]", 0, 1, true,                                                                \
	  "Next hops in use: MAC address, resolved or not, how many use it.")                                \
	X(tunnels, "[,OFFSET]", 0, 1, true, "Tunnels with their addresses, keys and packets.")               \
	X(tunnel, ",NAME", 1, 1, true, "All about one tunnel.")                                              \
	X(policies, "[,OFFSET]", 0, 1, true,                                                                 \
	  "Interfaces with a policy: their limits, and packets beyond them.")                                \
	X(peers, "[,OFFSET]", 0, 1, true, "Peers of tunnels: alive or dead, keepalives, round-trip time.")   \
	X(hosts, "[,OFFSET]", 0, 1, false,                                                                   \
	  "Host interfaces: packets to and from the kernel, lost by reason.")                                \
	X(mroutes, "[,OFFSET]", 0, 1, true, "Multicast routes with their packets.")                          \
	X(mroute, ",SOURCE,GROUP[,OFFSET[,IIF]]", 2, 4, true, "All about one multicast route.")              \
	X(igmp, "[,OFFSET]", 0, 1, true, "Interfaces with IGMP: querier, timers, counters.")                 \
	X(groups, "[,OFFSET]", 0, 1, true, "Memberships by IGMP: interface, group, sources.")                \
	X(kernel, "", 0, 0, false, "The mirror of the kernel's multicast routes.")                           \
	X(why, ",IIF,SOURCE,GROUP", 3, 3, true, "How the data path handles such a packet, and why.")

#define GREMC_QUERY_ARGUMENTS 4
#define GREMC_QUERY_TEXT      256

/* One command and its reply. Lifetime: the callback. */
struct gremc_query {
	const struct gremc_telemetry *telemetry;
	const struct gremc_command *command;
	struct rte_tel_data *reply; /* a dictionary */
	bool no_memory;             /* some part of the reply is missing */
	uint64_t cycles;            /* TSC cycles since gremc_telemetry_start() */
	uint64_t uptime;            /* seconds since the program's start */
	unsigned argument_count;
	const char *argument[GREMC_QUERY_ARGUMENTS]; /* into text */
	char text[GREMC_QUERY_TEXT];
};

struct gremc_command {
	const char *path;       /* "/gremc/info" */
	const char *parameters; /* "" or as ",NAME" */
	const char *help;
	unsigned least, most; /* arguments */
	bool rcu;
	void (*answer)(struct gremc_query *query);
};

extern const struct gremc_command gremc_commands[]; /* in the order of GREMC_COMMANDS */
extern const unsigned gremc_command_count;

#define GREMC_X(name, ...) void gremc_command_##name(struct gremc_query *query);
GREMC_COMMANDS(GREMC_X)
#undef GREMC_X

/* The callback of every command.
 * Thread:  of DPDK.
 * Returns: 0; -ENOENT: no such command. */
__rte_warn_unused_result int gremc_telemetry_answer(const char *path, const char *parameters,
						    struct rte_tel_data *reply);

/* ---- replies ---- */

/* Add an error, which names the wrong parameter and the correct form. */
void gremc_query_error(struct gremc_query *query, const char *format, ...) __rte_format_printf(2, 3);

/* Add a dictionary, or an array of strings or numbers, to `parent`.
 * Returns: NULL: out of memory, which is recorded. All functions below ignore a NULL. */
struct rte_tel_data *gremc_query_dict(struct gremc_query *query, struct rte_tel_data *parent,
				      const char *key);
/* Likewise for an array. */
struct rte_tel_data *gremc_query_array(struct gremc_query *query, struct rte_tel_data *parent,
				       const char *key, enum rte_tel_value_type type);

/* Begin a reply on the calling thread. */
void gremc_reply_begin(void);
/* Returns: whether DPDK has refused a value since gremc_reply_begin() or gremc_query_error(), for lack of
 * space. */
bool gremc_reply_is_full(void);
/* Add one value. */
void gremc_reply_u64(struct rte_tel_data *dict, const char *key, uint64_t value);
/* Add text; bytes that are not printable ASCII become '?', and text that is too long is cut. */
void gremc_reply_text(struct rte_tel_data *dict, const char *key, const char *text);
/* Add formatted text, as gremc_reply_text(). */
void gremc_reply_format(struct rte_tel_data *dict, const char *key, const char *format, ...)
	__rte_format_printf(3, 4);
/* Add an address as text; "none" without a family. */
void gremc_reply_address(struct rte_tel_data *dict, const char *key, const struct gremc_addr *address);
/* Add a MAC address. */
void gremc_reply_mac(struct rte_tel_data *dict, const char *key, const struct rte_ether_addr *mac);
/* Append text to an array. */
void gremc_reply_array_text(struct rte_tel_data *array, const char *text);
/* Append a number to an array. */
void gremc_reply_array_u64(struct rte_tel_data *array, uint64_t value);
/* Add every reason with its counter. */
void gremc_reply_drops(struct rte_tel_data *dict, const uint64_t *drops);
/* Likewise for the drops of replicas. */
void gremc_reply_losses(struct rte_tel_data *dict, const uint64_t *losses);
/* Likewise for punt classes. */
void gremc_reply_punts(struct rte_tel_data *dict, const uint64_t *punted);

/* ---- pages ---- */

#define GREMC_PAGE_MAX 64

/* A page of a list whose entries have numbers with gaps. The page begins with the first number of at least
 * `offset`. `next` is the offset of the following page, 0 after the last one. */
struct gremc_page {
	uint32_t total, offset, next;
	uint32_t count;
	uint32_t number[GREMC_PAGE_MAX];
	struct rte_tel_data *list; /* in the reply, under the key "list" */
};

/* Parse the OFFSET argument; an absent one is 0. Returns: false: it is wrong, and the reply has the error. */
bool gremc_query_offset_parse(struct gremc_query *query, unsigned argument, uint32_t *offset);
/* Collect a page of at most `size` numbers below `limit`, and begin the reply with it.
 * Input:   size: at most GREMC_PAGE_MAX.
 * Returns: false: the OFFSET is wrong, and the reply has the error. */
bool gremc_page_collect(struct gremc_page *page, struct gremc_query *query, uint32_t limit, unsigned size,
			bool (*exists)(const void *context, uint32_t number), const void *context);
/* Begin the reply with a page that the caller has collected. */
void gremc_page_begin(struct gremc_page *page, struct gremc_query *query);
/* Add the dictionary of the page's i-th entry. */
struct rte_tel_data *gremc_page_entry(const struct gremc_page *page, struct gremc_query *query, uint32_t i);

/* ---- objects ---- */

/* Returns: the vif, or NULL: it does not exist. */
static inline const struct gremc_vif_info *gremc_query_vif(const struct gremc_query *query, uint32_t vif)
{
	return gremc_vif_info_load(query->telemetry->vifs, vif);
}

/* Returns: the adjacency that a vif sends by.
 * Input:   a vif that this reader has found in use. */
static inline const struct gremc_adjacency *gremc_query_adjacency(const struct gremc_query *query,
								  uint32_t vif)
{
	const struct gremc_vifs *vifs = query->telemetry->vifs;

	return gremc_adjacency_load(vifs, gremc_vif_adjacency(vifs, vif));
}

/* Write the name of a vif; "#NUMBER" if it was removed. Returns: `name`. */
char *gremc_query_vif_name(const struct gremc_query *query, uint32_t vif, char name[GREMC_VIF_NAME_SIZE]);
/* Write the name of an IGMP interface; "" if its tunnel was removed. Returns: `name`. */
char *gremc_query_interface_name(const struct gremc_query *query, uint32_t interface,
				 char name[GREMC_VIF_NAME_SIZE]);
/* Returns: "" if there is no such port. */
const char *gremc_query_port_name(const struct gremc_query *query, uint16_t port);
/* Sum over all workers and the control thread. */
void gremc_query_totals(const struct gremc_query *query, struct gremc_totals *sum);
/* Sum of an array of counters. */
uint64_t gremc_counters_sum(const uint64_t *counters, unsigned count);

/* Add the IPv4 or IPv6 address of an adjacency's neighbour. */
void gremc_reply_next_hop(struct rte_tel_data *dict, const char *key,
			  const struct gremc_adjacency *adjacency);
/* Add the MAC address of an adjacency: "" while it is unknown, "by group" for native multicast. */
void gremc_reply_adjacency_mac(struct rte_tel_data *dict, const char *key,
			       const struct gremc_adjacency *adjacency);
/* "*" for any source; a group with its length unless that is 32. Returns: `text`. */
char *gremc_source_format(char text[GREMC_IPV4_TEXT], rte_be32_t source);
/* Likewise for a group. */
char *gremc_group_format(char text[GREMC_PREFIX_TEXT], rte_be32_t group, uint8_t length);
/* Add the fields that describe an mroute. */
void gremc_reply_mroute(const struct gremc_query *query, struct rte_tel_data *dict,
			const struct gremc_mroute *mroute);

#endif
