/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "engine/macs.h"
#include "receive/poll.h"
#include "transmit/pattern_pool.h"
#include "trial/prepare.h"

static int trial_templates_build(struct gremc_tester *tester, const struct gremc_mix *mix)
{
	struct gremc_flows *flows = tester->flows;
	size_t count = (size_t)mix->size_count * flows->count;

	if (tester->templates && tester->template_flows == flows->count &&
	    memcmp(&tester->template_mix, mix, sizeof(*mix)) == 0)
		return 0;
	free(tester->templates);
	tester->templates = aligned_alloc(128, count * sizeof(*tester->templates));
	if (tester->templates == NULL)
		return -ENOMEM;
	for (uint32_t f = 0; f < flows->count; f++) {
		const struct gremc_site *site = &flows->site[flows->flow[f].from];
		struct rte_ether_addr mac = gremc_engine_site_mac(tester->engine, flows->flow[f].from);

		for (unsigned s = 0; s < mix->size_count; s++)
			gremc_template_build(&tester->templates[(size_t)s * flows->count + f], flows, f,
					     gremc_size_inner_length(site, mix->size[s]),
					     &tester->engine->options.map[site->port].forwarder, &mac);
	}
	tester->template_mix = *mix;
	tester->template_flows = flows->count;
	return 0;
}

/* Append the flows of transmitter `number` to `order`: those whose index modulo the transmitters is its
 * number.
 * Returns: how many. */
static uint32_t transmitter_flows_select(const struct gremc_engine *engine,
					 const struct gremc_selection *selection, uint32_t number,
					 uint32_t *order)
{
	uint32_t count = 0;

	for (uint32_t k = 0; k < selection->count; k++)
		if (selection->order[k] % engine->tx_count == number)
			order[count++] = selection->order[k];
	return count;
}

static void transmitter_prepare(struct gremc_tester *tester, const struct gremc_trial *trial,
				struct gremc_transmitter *tx, double share)
{
	const struct gremc_engine *engine = tester->engine;

	gremc_transmitter_reset(tx);
	tx->templates = tester->templates;
	tx->template_stride = tester->flows->count;
	tx->sizes = trial->mix->pattern;
	tx->size_count = trial->mix->pattern_count;
	tx->sequence = engine->sequence;
	tx->trial_id = tester->trial_id;
	gremc_pace_start(&tx->pace, trial->rate * share, engine->hz, 0);
	if (trial->closed) /* the replicas that return pace a closed loop: no packet is late */
		tx->pace.period = 0;
	gremc_pattern_pool_refill(tx->pool);
}

/* Divide flows, rate and packets among the transmitters. */
static void transmitters_prepare(struct gremc_tester *tester, const struct gremc_trial *trial,
				 uint64_t packets, uint32_t *orders)
{
	struct gremc_engine *engine = tester->engine;
	uint64_t left = packets;

	for (uint32_t i = 0; i < engine->tx_count; i++) {
		struct gremc_transmitter *tx = engine->lcore[i].tx;
		double share;

		tx->order = orders;
		tx->order_count = transmitter_flows_select(engine, trial->selection, i, orders);
		orders += tx->order_count;
		share = (double)tx->order_count / trial->selection->count;
		tx->packets = i + 1 == engine->tx_count ? left : (uint64_t)(share * (double)packets);
		if (tx->order_count == 0)
			tx->packets = 0;
		left -= tx->packets;
		transmitter_prepare(tester, trial, tx, share);
	}
	/* Rounding may leave packets to a transmitter without flows. */
	for (uint32_t i = 0; left && i < engine->tx_count; i++)
		if (engine->lcore[i].tx->order_count) {
			engine->lcore[i].tx->packets += left;
			left = 0;
		}
}

static void receivers_prepare(struct gremc_tester *tester, const struct gremc_trial *trial)
{
	struct gremc_engine *engine = tester->engine;
	uint32_t receiver = 0;

	for (uint32_t i = 0; i < engine->lcore_count; i++) {
		struct gremc_receiver *rx = engine->lcore[i].rx;
		struct gremc_histogram *own;

		if (rx == NULL)
			continue;
		rx->from_sent = &tester->from_sent[receiver];
		if (trial->measure)
			*rx->from_sent = (struct gremc_histogram){0};
		own = &tester->histogram[(size_t)receiver++ * tester->flows->site_count];
		gremc_receiver_reset(rx, tester->trial_id);
		rx->histogram = trial->measure ? own : NULL;
		rx->first_time = trial->record_times ? tester->first_time : NULL;
		rx->last_time = trial->record_times ? tester->last_time : NULL;
		for (uint32_t s = 0; trial->measure && s < tester->flows->site_count; s++)
			if (own[s].count)
				own[s] = (struct gremc_histogram){0};
	}
}

int gremc_trial_prepare(struct gremc_tester *tester, const struct gremc_trial *trial, uint64_t packets,
			uint32_t *orders)
{
	struct gremc_engine *engine = tester->engine;

	gremc_assert_control_thread();
	gremc_assert(trial->selection->count > 0);
	if (trial_templates_build(tester, trial->mix))
		return -ENOMEM;
	tester->trial_id++;
	tester->trials++;
	engine->closed_fanout = trial->closed ? trial->selection->fanout : 0;
	memset(engine->sequence, 0, tester->flows->count * sizeof(*engine->sequence));
	gremc_flows_reset(tester->flows);
	receivers_prepare(tester, trial);
	transmitters_prepare(tester, trial, packets, orders);
	return 0;
}
