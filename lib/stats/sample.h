/* SPDX-License-Identifier: BSD-3-Clause */
/* The last dropped packets of one worker, with their first bytes. A packet that is forwarded does not touch
 * them. A reason gets a limited number of samples a second, so that a flood of one reason neither costs much
 * nor displaces the samples of the others. */
#ifndef GREMC_STATS_SAMPLE_H
#define GREMC_STATS_SAMPLE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "stats/stats.h"

#define GREMC_SAMPLES            128u /* of one worker; a power of two */
#define GREMC_SAMPLES_PER_SECOND 4u   /* of one worker and reason */
#define GREMC_SAMPLE_BYTES       128u /* of one packet */

/* The reasons of drops, then those of losses. */
#define GREMC_SAMPLE_REASONS (GREMC_DROP_COUNT + GREMC_TX_DROP_COUNT)

/* One dropped packet. */
struct gremc_sample {
	uint64_t time;   /* TSC */
	uint32_t vif;    /* incoming of a drop, outgoing of a loss; GREMC_SAMPLE_VIF_NONE: unknown */
	uint32_t serial; /* of that vif, because its index may be used again */
	uint16_t reason; /* below GREMC_SAMPLE_REASONS */
	uint16_t length; /* of the packet; UINT16_MAX: that or more */
	uint16_t count;  /* of `bytes` that are valid */
	bool is_ip;      /* `bytes` begins with an IP header, not with an Ethernet header */
	uint8_t bytes[GREMC_SAMPLE_BYTES];
} __attribute__((aligned(8)));
#define GREMC_SAMPLE_VIF_NONE UINT32_MAX
#define GREMC_SAMPLE_WORDS    (sizeof(struct gremc_sample) / sizeof(uint64_t))
static_assert(sizeof(struct gremc_sample) % sizeof(uint64_t) == 0, "a sample is copied by words");

/* The ring of one worker's samples: the newest displaces the oldest. */
struct gremc_samples {
	/* ---- the writer's own ---- */
	uint64_t second;                    /* TSC of the start of the present second */
	uint64_t cycles;                    /* TSC cycles of a second */
	uint8_t left[GREMC_SAMPLE_REASONS]; /* in the present second */
	/* ---- writer: the worker; readers: any thread ---- */
	gremc_atomic_u64 count; /* since the start; sample i is in slot i % GREMC_SAMPLES */
	struct {
		gremc_atomic_u64 version; /* 2 i + 2: complete sample i; odd: in change */
		uint64_t word[GREMC_SAMPLE_WORDS];
	} slot[GREMC_SAMPLES];
};
static_assert((GREMC_SAMPLES & (GREMC_SAMPLES - 1)) == 0, "count % GREMC_SAMPLES is a mask");

/* Create an empty ring.
 * Thread:  control thread.
 * Input:   socket: the worker's NUMA node, or SOCKET_ID_ANY.
 * Returns: NULL: out of memory. The caller frees it with rte_free(). */
struct gremc_samples *gremc_samples_create(int socket);

/* Whether a sample of this reason may be added in the present second.
 * Thread:  the worker. */
static inline bool gremc_samples_accept(const struct gremc_samples *samples, unsigned reason)
{
	return samples->left[reason] != 0;
}

/* Begin another second if the present one is over.
 * Thread:  the worker.
 * Input:   now: TSC. */
void gremc_samples_refill(struct gremc_samples *samples, uint64_t now);
/* Add a sample that gremc_samples_accept() allows.
 * Thread:  the worker. */
void gremc_samples_add(struct gremc_samples *samples, const struct gremc_sample *sample);

/* The number of samples since the start.
 * Thread:  any. */
static inline uint64_t gremc_samples_count(const struct gremc_samples *samples)
{
	return gremc_u64_load_acquire(&samples->count);
}
/* Copy sample `number`.
 * Thread:  any.
 * Returns: false: it has been displaced, or does not exist. */
bool gremc_samples_read(const struct gremc_samples *samples, uint64_t number, struct gremc_sample *sample);

#endif
