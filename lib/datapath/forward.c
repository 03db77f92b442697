/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cycles.h>

#include "datapath/backlog.h"
#include "datapath/forward.h"
#include "datapath/handoff.h"
#include "datapath/pending.h"
#include "datapath/reassembly.h"
#include "datapath/stages.h"
#include "datapath/tx.h"

/* ---- a received packet ---- */

uint32_t gremc_worker_poll(struct gremc_worker *worker, const struct gremc_rxq *rxq)
{
	uint32_t n = gremc_stage_rx(worker, rxq);

	if (n > 0)
		gremc_worker_forward(worker, rxq);
	return n;
}

void gremc_worker_forward(struct gremc_worker *worker, const struct gremc_rxq *rxq)
{
	gremc_stage_classify(worker, rxq);
	gremc_stage_decap(worker, rxq);
	if (unlikely(gremc_bool_load(&worker->software_rss)))
		gremc_stage_software_rss(worker);
	gremc_stage_lookup(worker);
	gremc_stage_replicate(worker);
	gremc_stage_tx(&worker->egress);
	gremc_worker_account(worker, rxq);
}

/* ---- a packet from another worker: received, decapsulated and handed off there ---- */

static uint32_t handoff_forward(struct gremc_worker *worker, uint32_t most)
{
	uint32_t n = gremc_stage_handoff(worker, most);

	gremc_stage_lookup(worker);
	gremc_stage_replicate(worker);
	gremc_stage_tx(&worker->egress);
	gremc_worker_account(worker, NULL);
	return n;
}

uint32_t gremc_worker_poll_handoff(struct gremc_worker *worker)
{
	uint32_t left = gremc_handoff_count(worker), total = 0, n;
	uint64_t until;

	if (likely(left == 0))
		return 0;
	until = gremc_poll_deadline();
	do {
		n = handoff_forward(worker, left);
		total += n;
		left -= n;
	} while (n > 0 && left > 0 && rte_rdtsc() < until);
	return total;
}

/* ---- a packet from the control thread ---- */

uint32_t gremc_worker_poll_inject(struct gremc_worker *worker)
{
	uint32_t n = gremc_stage_inject(worker);

	if (likely(n == 0))
		return 0;
	gremc_stage_decap(worker, &worker->host_rxq);
	gremc_stage_lookup(worker);
	gremc_stage_replicate(worker);
	gremc_stage_tx(&worker->egress);
	gremc_worker_account(worker, &worker->host_rxq);
	return n;
}

/* ---- replicas that were not transmitted at once ---- */

uint32_t gremc_worker_poll_pending(struct gremc_worker *worker)
{
	uint32_t n = gremc_pending_poll(worker);

	n += gremc_reassembly_poll(worker);
	worker->has_pending |= !gremc_reassembly_is_empty(worker);
	if (n > 0) {
		gremc_stage_tx(&worker->egress);
		gremc_worker_account(worker, NULL);
	}
	return n;
}

uint32_t gremc_worker_poll_shared(struct gremc_worker *worker)
{
	uint32_t n = gremc_tx_shared_poll(&worker->egress);

	if (n > 0)
		gremc_worker_account(worker, NULL);
	return n;
}

uint32_t gremc_worker_poll_backlogs(struct gremc_worker *worker)
{
	uint32_t n = gremc_backlogs_send(&worker->egress);

	if (n > 0)
		gremc_worker_account(worker, NULL);
	return n;
}
