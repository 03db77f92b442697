/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_malloc.h>
#include <rte_pause.h>

#include "stats/sample.h"
#include "stats/stats.h"

#define GREMC_X(name, text) #name,
static const char *const drop_names[] = {GREMC_DROPS(GREMC_X)};
static const char *const loss_names[] = {GREMC_TX_DROPS(GREMC_X)};
static const char *const punt_names[] = {GREMC_PUNTS(GREMC_X)};
#undef GREMC_X
#define GREMC_X(name, text) text,
static const char *const drop_texts[] = {GREMC_DROPS(GREMC_X)};
static const char *const loss_texts[] = {GREMC_TX_DROPS(GREMC_X)};
static const char *const punt_texts[] = {GREMC_PUNTS(GREMC_X)};
#undef GREMC_X

const char *gremc_drop_name(enum gremc_drop reason)
{
	return drop_names[reason];
}

const char *gremc_drop_text(enum gremc_drop reason)
{
	return drop_texts[reason];
}

const char *gremc_tx_drop_name(enum gremc_tx_drop reason)
{
	return loss_names[reason];
}

const char *gremc_tx_drop_text(enum gremc_tx_drop reason)
{
	return loss_texts[reason];
}

const char *gremc_punt_name(enum gremc_punt class)
{
	return punt_names[class];
}

const char *gremc_punt_text(enum gremc_punt class)
{
	return punt_texts[class];
}

struct gremc_stats *gremc_stats_create(int socket, uint32_t vifs, uint32_t mroutes)
{
	struct gremc_stats *stats =
		rte_zmalloc_socket("gremc_stats", sizeof(*stats), RTE_CACHE_LINE_SIZE, socket);

	if (stats == NULL)
		return NULL;
	stats->vifs = vifs;
	stats->mroutes = mroutes;
	stats->vif_hot = gremc_memory_reserve(vifs * sizeof(*stats->vif_hot), socket);
	stats->vif_cold = gremc_memory_reserve(vifs * sizeof(*stats->vif_cold), socket);
	stats->mroute = gremc_memory_reserve(mroutes * sizeof(*stats->mroute), socket);
	stats->vif_drop = gremc_memory_reserve(vifs * sizeof(*stats->vif_drop), socket);
	stats->samples = gremc_samples_create(socket);
	if (stats->vif_hot && stats->vif_cold && stats->vif_drop && stats->mroute && stats->samples)
		return stats;
	gremc_stats_destroy(stats);
	return NULL;
}

void gremc_stats_destroy(struct gremc_stats *stats)
{
	if (stats == NULL)
		return;
	gremc_memory_release(stats->vif_hot, stats->vifs * sizeof(*stats->vif_hot));
	gremc_memory_release(stats->vif_cold, stats->vifs * sizeof(*stats->vif_cold));
	gremc_memory_release(stats->vif_drop, stats->vifs * sizeof(*stats->vif_drop));
	gremc_memory_release(stats->mroute, stats->mroutes * sizeof(*stats->mroute));
	rte_free(stats->samples);
	rte_free(stats);
}

/* Reading takes no memory, and most vifs have dropped nothing. */
static void vif_drop_reset(struct gremc_vif_drop *drop)
{
	for (unsigned i = 0; i < GREMC_DROP_COUNT; i++)
		if (drop->packets[i] || drop->flow[i])
			drop->packets[i] = drop->flow[i] = 0;
}

void gremc_stats_reset_vif(struct gremc_stats *stats, uint32_t vif)
{
	memset(&stats->vif_hot[vif], 0, sizeof(stats->vif_hot[vif]));
	memset(&stats->vif_cold[vif], 0, sizeof(stats->vif_cold[vif]));
	vif_drop_reset(&stats->vif_drop[vif]);
}

void gremc_stats_reset_mroute(struct gremc_stats *stats, uint32_t mroute)
{
	memset(&stats->mroute[mroute], 0, sizeof(stats->mroute[mroute]));
}

void gremc_stats_read(const struct gremc_stats *stats, struct gremc_totals *sum)
{
	struct gremc_totals copy;
	const uint64_t *from = (const uint64_t *)&stats->totals;
	uint64_t *to = (uint64_t *)&copy, *into = (uint64_t *)sum;
	const size_t words = sizeof(copy) / sizeof(uint64_t);
	uint64_t before;

	do {
		while ((before = gremc_u64_load_acquire(&stats->sequence)) & 1)
			rte_pause();
		for (size_t i = 0; i < words; i++)
			to[i] = gremc_counter_read(&from[i]);
		/* the copy is complete before the number is read again */
		gremc_fence_acquire();
	} while (gremc_u64_load(&stats->sequence) != before);
	for (size_t i = 0; i < words; i++)
		into[i] += to[i];
}
