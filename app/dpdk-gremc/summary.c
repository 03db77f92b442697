/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>

#include "forwarder.h"

static uint64_t counts_sum(const uint64_t *counts, unsigned n)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += counts[i];
	return total;
}

void gremc_forwarder_summary(const struct gremc_forwarder *forwarder)
{
	struct gremc_totals t = {0};

	for (uint32_t i = 0; i < forwarder->workers->stats_count; i++)
		gremc_stats_read(forwarder->workers->stats[i], &t);
	gremc_log_report(true);
	printf("gremc: stopped\n");
	printf("  in       %12" PRIu64 " packets: %" PRIu64 " forwarded, %" PRIu64 " punted, %" PRIu64
	       " dropped, %" PRIu64 " reassembled\n",
	       t.rx_packets, t.forwarded, counts_sum(t.punted, GREMC_PUNT_COUNT),
	       counts_sum(t.drops, GREMC_DROP_COUNT), t.reassembled);
	printf("  replicas %12" PRIu64 " wanted: %" PRIu64 " sent, %" PRIu64 " lost\n", t.wanted, t.sent,
	       counts_sum(t.losses, GREMC_TX_DROP_COUNT));
	for (unsigned i = 0; i < GREMC_PUNT_COUNT; i++)
		if (t.punted[i])
			printf("  punted   %12" PRIu64 " %s: %s\n", t.punted[i], gremc_punt_name(i),
			       gremc_punt_text(i));
	for (unsigned i = 0; i < GREMC_DROP_COUNT; i++)
		if (t.drops[i])
			printf("  dropped  %12" PRIu64 " %s: %s\n", t.drops[i], gremc_drop_name(i),
			       gremc_drop_text(i));
	for (unsigned i = 0; i < GREMC_TX_DROP_COUNT; i++)
		if (t.losses[i])
			printf("  lost     %12" PRIu64 " %s: %s\n", t.losses[i], gremc_tx_drop_name(i),
			       gremc_tx_drop_text(i));
}
