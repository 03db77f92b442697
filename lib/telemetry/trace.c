/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/trace: the last dropped packets of all workers. */
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "stats/sample.h"
#include "telemetry/telemetry_priv.h"

#define TRACE_PAGE     16
#define BYTES_PER_TEXT 48u /* of a packet: DPDK's strings are shorter than 128 characters */

/* One sample of a worker. */
struct trace_entry {
	uint64_t time; /* TSC */
	uint64_t number;
	uint32_t worker;
};

static int entry_compare_newest_first(const void *left, const void *right)
{
	const struct trace_entry *a = left, *b = right;

	return (a->time < b->time) - (a->time > b->time);
}

/* Collect the samples of all workers that name the vif.
 * Input:   vif: GREMC_VIF_NONE: all samples. entry: has space for all samples of all workers.
 * Returns: their number. */
static uint32_t entries_collect(const struct gremc_query *query, uint32_t vif, struct trace_entry *entry)
{
	const struct gremc_vifs *vifs = query->telemetry->vifs;
	struct gremc_sample sample;
	uint32_t n = 0;

	for (uint32_t w = 0; w < query->telemetry->stats_count; w++) {
		const struct gremc_samples *samples = query->telemetry->stats[w]->samples;
		const uint64_t count = gremc_samples_count(samples);

		for (uint64_t i = count - RTE_MIN(count, GREMC_SAMPLES); i < count; i++) {
			if (!gremc_samples_read(samples, i, &sample))
				continue;
			if (vif != GREMC_VIF_NONE &&
			    (sample.vif != vif || !gremc_vif_is(vifs, vif, sample.serial)))
				continue;
			entry[n++] = (struct trace_entry){.time = sample.time, .number = i, .worker = w};
		}
	}
	qsort(entry, n, sizeof(*entry), entry_compare_newest_first);
	return n;
}

static void sample_bytes_reply(struct rte_tel_data *dict, const struct gremc_sample *sample)
{
	for (uint32_t from = 0; from < sample->count; from += BYTES_PER_TEXT) {
		const uint32_t to = RTE_MIN(from + BYTES_PER_TEXT, sample->count);
		char key[16], text[2 * BYTES_PER_TEXT + 1];

		for (uint32_t i = from; i < to; i++)
			snprintf(&text[2 * (i - from)], 3, "%02x", sample->bytes[i]);
		snprintf(key, sizeof(key), "bytes_%u", from);
		gremc_reply_text(dict, key, text);
	}
}

static void sample_reply(struct gremc_query *query, struct rte_tel_data *dict,
			 const struct trace_entry *entry, const struct gremc_sample *sample)
{
	const struct gremc_vifs *vifs = query->telemetry->vifs;
	const bool is_loss = sample->reason >= GREMC_DROP_COUNT;
	const bool named =
		sample->vif != GREMC_SAMPLE_VIF_NONE && gremc_vif_is(vifs, sample->vif, sample->serial);
	const uint64_t age = rte_rdtsc() - sample->time;
	char name[GREMC_VIF_NAME_SIZE];

	gremc_reply_text(dict, "kind", is_loss ? "loss" : "drop");
	gremc_reply_text(dict, "reason",
			 is_loss ? gremc_tx_drop_name(sample->reason - GREMC_DROP_COUNT)
				 : gremc_drop_name(sample->reason));
	gremc_reply_text(dict, "name", named ? gremc_query_vif_name(query, sample->vif, name) : "");
	gremc_reply_u64(dict, "worker", entry->worker);
	gremc_reply_u64(dict, "number", entry->number);
	gremc_reply_u64(dict, "age_us", (uint64_t)((double)age / rte_get_tsc_hz() * US_PER_S));
	gremc_reply_u64(dict, "length", sample->length);
	gremc_reply_text(dict, "begins_with", sample->is_ip ? "ip" : "ethernet");
	sample_bytes_reply(dict, sample);
}

/* Parse the NAME argument: a vif; an absent one is GREMC_VIF_NONE. Returns: false: it is wrong, and the reply
 * has the error. */
static bool trace_vif_parse(struct gremc_query *query, uint32_t *vif)
{
	const char *name = query->argument_count > 1 ? query->argument[1] : NULL;

	*vif = GREMC_VIF_NONE;
	if (name == NULL)
		return true;
	*vif = gremc_vif_find(query->telemetry->vifs, name);
	if (*vif == GREMC_VIF_NONE)
		gremc_query_error(query, "no tunnel or port '%.32s'; /gremc/tunnels lists tunnels", name);
	return *vif != GREMC_VIF_NONE;
}

void gremc_command_trace(struct gremc_query *query)
{
	const uint32_t space = query->telemetry->stats_count * GREMC_SAMPLES;
	struct gremc_page page = {0};
	struct trace_entry *entry;
	struct gremc_sample sample;
	uint32_t vif;

	if (!gremc_query_offset_parse(query, 0, &page.offset) || !trace_vif_parse(query, &vif))
		return;
	entry = malloc(space * sizeof(*entry));
	if (entry == NULL) {
		query->no_memory = true;
		return;
	}
	page.total = entries_collect(query, vif, entry);
	for (uint32_t i = page.offset; i < page.total && page.count < TRACE_PAGE; i++)
		page.number[page.count++] = i;
	if (page.offset < page.total && page.offset + page.count < page.total)
		page.next = page.offset + page.count;
	gremc_page_begin(&page, query);
	for (uint32_t i = 0; i < page.count; i++) {
		const struct trace_entry *at = &entry[page.number[i]];

		/* a sample that a newer one has displaced meanwhile is left out */
		if (gremc_samples_read(query->telemetry->stats[at->worker]->samples, at->number, &sample))
			sample_reply(query, gremc_page_entry(&page, query, i), at, &sample);
	}
	free(entry);
}
