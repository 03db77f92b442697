/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets on their way through the stages. */
#ifndef GREMC_DATAPATH_PACKET_H
#define GREMC_DATAPATH_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "fanout/fanout.h"
#include "stats/stats.h"
#include "vif/vif.h"

#define GREMC_BURST 64u

/* One packet. Each stage reads the fields that earlier stages wrote; the comment names the writing stage. */
struct gremc_packet {
	struct rte_mbuf *mbuf;             /* since decap its data starts with the inner IP header */
	const struct gremc_mroute *mroute; /* lookup */
	uint32_t iif;                      /* decap: incoming vif */
	uint32_t oif_skip;     /* lookup: index of iif in the oil, else the oil's length (split horizon) */
	uint16_t inner_offset; /* classify: bytes from the frame's start to the inner packet */
	uint16_t inner_space;  /* classify: bytes between inner_offset and the end of the outer packet */
	uint16_t length;       /* decap: of the inner packet */
	uint8_t outer_tos;     /* classify */
	bool native;           /* classify: multicast received on a port, without an outer header */
};

/* A burst. Packets [0, count) are alive, in order of arrival. */
struct gremc_burst {
	uint32_t count;
	uint32_t done_count;
	bool punted_any;
	uint32_t punt_count[GREMC_PUNT_COUNT];
	struct gremc_packet packet[GREMC_BURST];
	struct gremc_tunnel_key tunnel[GREMC_BURST]; /* classify */
	struct gremc_fanout_key key[GREMC_BURST];    /* decap */
	struct rte_mbuf *done[GREMC_BURST];          /* to be freed by gremc_worker_account() */
	/* to be enqueued to the control thread by gremc_punt_flush() */
	struct rte_mbuf *punted[GREMC_PUNT_COUNT][GREMC_BURST];
};

/* Empty the burst. */
static inline void gremc_burst_reset(struct gremc_burst *burst)
{
	burst->count = 0;
	burst->done_count = 0;
}

/* Free the mbuf at the end of the burst. */
static inline void gremc_burst_done(struct gremc_burst *burst, struct rte_mbuf *mbuf)
{
	burst->done[burst->done_count++] = mbuf;
}

/* Keep packet `i` alive: move it to position *alive, and count it. */
static inline void gremc_burst_retain(struct gremc_burst *burst, uint32_t *alive, uint32_t i)
{
	if (unlikely(*alive != i))
		burst->packet[*alive] = burst->packet[i];
	(*alive)++;
}

#endif
