/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside telemetry/: the table of commands, the query that each answers, and what replies are built with.
 *
 * A reply is a dictionary. DPDK 22.11 nests dictionaries in dictionaries (never in arrays), takes keys of
 * letters, digits, '_' and '/' only, strings below 128 bytes, and leaves out in silence what does not fit
 * into 16 KiB. So lists are pages of dictionaries under their numbers, each page small enough with the
 * longest names and counters (tested). */
#ifndef GREMC_TELEMETRY_TELEMETRY_PRIV_H
#define GREMC_TELEMETRY_TELEMETRY_PRIV_H

#include <stdbool.h>

#include "telemetry/telemetry.h"

/* Name, parameters as text, fewest and most of them, whether RCU protects what it reads, help. All that read
 * vifs or mroutes do so as RCU readers; those that ask a device do not, so that a slow device never delays
 * the writer. */
#define GREMC_COMMANDS(X)                                                                                    \
	X(info, "", 0, 0, true, "Versions, uptime, how many of what, and the totals of all workers.")        \
	X(lcores, "[,OFFSET]", 0, 1, false, "Each worker: its lcore, queues, counters, cycles and bursts.")  \
	X(ports, "[,OFFSET]", 0, 1, false,                                                                   \
	  "Each port: device, link, queues, our counters and the device's.")                                 \
	X(pools, "[,OFFSET]", 0, 1, false, "Each mbuf pool: its size and what is in use and available.")     \
	X(drops, "", 0, 0, false, "Packets dropped, replicas lost, by reason; packets punted.")              \
	X(reasons, "", 0, 0, false, "What each drop, loss and punt means.")                                  \
	X(neighbors, "[,OFFSET]", 0, 1, true,                                                                \
	  "Next hops in use: MAC address, resolved or not, how many use it.")                                \
	X(tunnels, "[,OFFSET]", 0, 1, true, "Tunnels with their addresses, keys and packets.")               \
	X(tunnel, ",NAME", 1, 1, true, "All about one tunnel.")                                              \
	X(hosts, "[,OFFSET]", 0, 1, false,                                                                   \
	  "Host interfaces: packets to and from the kernel, lost by reason.")                                \
	X(mroutes, "[,OFFSET]", 0, 1, true, "Multicast routes with their packets.")                          \
	X(mroute, ",SOURCE,GROUP[,OFFSET]", 2, 3, true, "All about one multicast route.")                    \
	X(igmp, "[,OFFSET]", 0, 1, true, "Interfaces with IGMP: querier, timers, counters.")                 \
	X(groups, "[,OFFSET]", 0, 1, true, "Memberships by IGMP: interface, group, sources.")                \
	X(kernel, "", 0, 0, false, "The mirror of the kernel's multicast routes.")                           \
	X(why, ",IIF,SOURCE,GROUP", 3, 3, true, "What would happen to such a packet, and why.")

#define GREMC_QUERY_ARGUMENTS 3
#define GREMC_QUERY_TEXT      256

/* One question being answered: lives on the stack of the callback's thread. */
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

extern const struct gremc_command gremc_commands[];
extern const unsigned gremc_command_count;

#define GREMC_X(name, ...) void gremc_command_##name(struct gremc_query *query);
GREMC_COMMANDS(GREMC_X)
#undef GREMC_X

/* What DPDK calls for every one of the commands. */
int gremc_telemetry_answer(const char *path, const char *parameters, struct rte_tel_data *reply);

/* ---- replies ---- */

/* Say in the reply what is wrong, and what would be right. */
void gremc_query_error(struct gremc_query *query, const char *format, ...) __rte_format_printf(2, 3);

/* A dictionary or an array of strings or numbers inside `parent`. NULL, which all the calls below take as a
 * place to leave out: no memory. */
struct rte_tel_data *gremc_query_dict(struct gremc_query *query, struct rte_tel_data *parent,
				      const char *key);
struct rte_tel_data *gremc_query_array(struct gremc_query *query, struct rte_tel_data *parent,
				       const char *key, enum rte_tel_value_type type);

void gremc_reply_u64(struct rte_tel_data *dict, const char *key, uint64_t value);
/* Text of any bytes; what is not printable ASCII becomes '?', what is too long is cut. */
void gremc_reply_text(struct rte_tel_data *dict, const char *key, const char *text);
void gremc_reply_format(struct rte_tel_data *dict, const char *key, const char *format, ...)
	__rte_format_printf(3, 4);
void gremc_reply_address(struct rte_tel_data *dict, const char *key, rte_be32_t address);
void gremc_reply_mac(struct rte_tel_data *dict, const char *key, const struct rte_ether_addr *mac);
void gremc_reply_array_text(struct rte_tel_data *array, const char *text);
/* Every reason of the list, with its number. */
void gremc_reply_drops(struct rte_tel_data *dict, const uint64_t *drops);
void gremc_reply_losses(struct rte_tel_data *dict, const uint64_t *losses);
void gremc_reply_punts(struct rte_tel_data *dict, const uint64_t *punted);

/* ---- pages ---- */

#define GREMC_PAGE_MAX 64

/* A page of a list whose entries have numbers of their own, with gaps: it begins at the first entry with a
 * number of at least `offset`. `next` is the offset of the page that follows, 0 after the last one. */
struct gremc_page {
	uint32_t total, offset, next;
	uint32_t count;
	uint32_t number[GREMC_PAGE_MAX];
	struct rte_tel_data *list; /* in the reply, under the key "list" */
};

/* The OFFSET argument, 0 when it is not there. False: it is wrong, the reply says so. */
bool gremc_query_offset_parse(struct gremc_query *query, unsigned argument, uint32_t *offset);
/* Collect the page of at most `size` entries among the numbers below `limit`, and begin the reply with it.
 * Returns false when the OFFSET is wrong. */
bool gremc_page_collect(struct gremc_page *page, struct gremc_query *query, uint32_t limit, unsigned size,
			bool (*exists)(const void *context, uint32_t number), const void *context);
/* The same of a page that the caller collected. */
void gremc_page_begin(struct gremc_page *page, struct gremc_query *query);
/* The dictionary of the page's i-th entry, under its number. */
struct rte_tel_data *gremc_page_entry(const struct gremc_page *page, struct gremc_query *query, uint32_t i);

/* ---- what is read ---- */

static inline const struct gremc_vif_info *gremc_query_vif(const struct gremc_query *query, uint32_t vif)
{
	return __atomic_load_n(&query->telemetry->vifs->info[vif], __ATOMIC_ACQUIRE);
}

/* The adjacency that a vif sends by. Only of a vif that this reader found in use. */
static inline const struct gremc_adjacency *gremc_query_adjacency(const struct gremc_query *query,
								  uint32_t vif)
{
	const struct gremc_vifs *vifs = query->telemetry->vifs;

	return __atomic_load_n(&vifs->adjacency[gremc_vif_adjacency(vifs, vif)], __ATOMIC_ACQUIRE);
}

/* The name of a vif into `name`; "#NUMBER" of one that has been removed since. Returns `name`. */
char *gremc_query_vif_name(const struct gremc_query *query, uint32_t vif, char name[GREMC_VIF_NAME_SIZE]);
/* The name of an interface of IGMP; "" of one whose tunnel is gone. Returns `name`. */
char *gremc_query_interface_name(const struct gremc_query *query, uint32_t interface,
				 char name[GREMC_VIF_NAME_SIZE]);
/* "" when there is no such port. */
const char *gremc_query_port_name(const struct gremc_query *query, uint16_t port);
/* Sums over all workers. */
void gremc_query_totals(const struct gremc_query *query, struct gremc_totals *sum);
uint64_t gremc_counters_sum(const uint64_t *counters, unsigned count);

/* The neighbour that an adjacency sends to, an IPv4 or IPv6 address. */
void gremc_reply_next_hop(struct rte_tel_data *dict, const char *key,
			  const struct gremc_adjacency *adjacency);
/* The MAC that an adjacency sends to: "" while it is not known, "by group" for native multicast. */
void gremc_reply_adjacency_mac(struct rte_tel_data *dict, const char *key,
			       const struct gremc_adjacency *adjacency);
/* "*" for any source; a group with its length unless that is 32. Both return `text`. */
char *gremc_source_format(char text[GREMC_IPV4_TEXT], rte_be32_t source);
char *gremc_group_format(char text[GREMC_PREFIX_TEXT], rte_be32_t group, uint8_t length);
/* The fields that name an mroute: source, group, origin, origins, age, iifs, oifs. */
void gremc_reply_mroute(const struct gremc_query *query, struct rte_tel_data *dict,
			const struct gremc_mroute *mroute);

#endif
