/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "base/assert.h"
#include "stats/counter.h"
#include "stats/sample.h"

struct gremc_samples *gremc_samples_create(int socket)
{
	struct gremc_samples *samples =
		rte_zmalloc_socket("gremc_samples", sizeof(*samples), RTE_CACHE_LINE_SIZE, socket);

	if (samples == NULL)
		return NULL;
	samples->cycles = rte_get_tsc_hz();
	memset(samples->left, GREMC_SAMPLES_PER_SECOND, sizeof(samples->left));
	return samples;
}

void gremc_samples_refill(struct gremc_samples *samples, uint64_t now)
{
	if (now - samples->second < samples->cycles)
		return;
	samples->second = now;
	memset(samples->left, GREMC_SAMPLES_PER_SECOND, sizeof(samples->left));
}

void gremc_samples_add(struct gremc_samples *samples, const struct gremc_sample *sample)
{
	const uint64_t number = gremc_u64_load(&samples->count);
	const unsigned slot = number % GREMC_SAMPLES;
	uint64_t word[GREMC_SAMPLE_WORDS];

	memcpy(word, sample, sizeof(word));
	gremc_assert(gremc_samples_accept(samples, sample->reason));
	samples->left[sample->reason]--;
	gremc_u64_store(&samples->slot[slot].version, 2 * number + 1);
	/* the odd version is visible before any word that changes afterwards */
	gremc_fence_release();
	for (unsigned i = 0; i < GREMC_SAMPLE_WORDS; i++)
		gremc_counter_set(&samples->slot[slot].word[i], word[i]);
	/* all words are visible before the even version, and the sample before the count */
	gremc_u64_store_release(&samples->slot[slot].version, 2 * number + 2);
	gremc_u64_store_release(&samples->count, number + 1);
}

bool gremc_samples_read(const struct gremc_samples *samples, uint64_t number, struct gremc_sample *sample)
{
	const unsigned slot = number % GREMC_SAMPLES;
	uint64_t word[GREMC_SAMPLE_WORDS];

	if (gremc_u64_load_acquire(&samples->slot[slot].version) != 2 * number + 2)
		return false;
	for (unsigned i = 0; i < GREMC_SAMPLE_WORDS; i++)
		word[i] = gremc_counter_read(&samples->slot[slot].word[i]);
	/* the copy is complete before the version is read again */
	gremc_fence_acquire();
	memcpy(sample, word, sizeof(word));
	return gremc_u64_load(&samples->slot[slot].version) == 2 * number + 2;
}
