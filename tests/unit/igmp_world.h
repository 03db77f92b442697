/* SPDX-License-Identifier: BSD-3-Clause */
/* An engine of igmp/ that records its packets and requests, and the packets that hosts and routers send to
 * it. */
#ifndef GREMC_TESTS_UNIT_IGMP_WORLD_H
#define GREMC_TESTS_UNIT_IGMP_WORLD_H

#include "igmp/igmp.h"

#define IP(a, b, c, d) RTE_BE32((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

#define SENT_MAX   4096
#define CHANGE_MAX 4096

/* A packet that the engine sent. */
struct sent {
	uint32_t interface;
	size_t length;
	uint8_t *packet; /* `length` bytes */
};

/* A request that the engine published. */
struct said {
	uint32_t interface;
	rte_be32_t source, group;
	enum gremc_igmp_request request;
};

/* An engine with its output. */
struct world {
	struct gremc_igmp *igmp;
	uint64_t now;
	struct sent *sent;
	uint32_t sent_count;
	struct said said[CHANGE_MAX];
	uint32_t said_count;
	size_t mtu;      /* of all interfaces; 0: no interface can send */
	uint32_t accept; /* packets that the queue can still hold */
	bool is_poor;    /* change() returns an error */
};

/* RFC 3376's defaults: the group membership interval is 260 s, the last member query time 2 s. */
extern const struct gremc_igmp_settings defaults;
/* The policy of a querier. */
extern const struct gremc_igmp_policy querier;

/* Create the engine. The MTU is 1476 and the queue is unlimited. */
void world_init(struct world *w);
/* Free the engine and its output. */
void world_fini(struct world *w);
/* Forget the output so far. */
void world_forget(struct world *w);
/* Advance the time as a control loop does, from one deadline to the next. */
void world_run(struct world *w, uint64_t milliseconds);
/* Input a packet from a heap buffer of its exact length, for the sanitizers. */
void world_input(struct world *w, uint32_t interface, const uint8_t *packet, size_t length);
/* Input a version 3 report with one record, from the host 10.0.0.9. */
void world_record(struct world *w, uint32_t interface, uint8_t type, rte_be32_t group,
		  const rte_be32_t *sources, uint16_t count);
/* Input a version 1 or 2 report or a leave, from the host 10.0.0.9. */
void world_old(struct world *w, uint32_t interface, enum gremc_igmp_type type, rte_be32_t group);
/* Copy the state of a membership. Returns: false: there is none. */
bool world_group_find(struct world *w, uint32_t interface, rte_be32_t group,
		      struct gremc_igmp_group_info *info);
/* The value of a counter of the interface. */
uint64_t world_counter(struct world *w, uint32_t interface, enum gremc_igmp_counter counter);

#endif
