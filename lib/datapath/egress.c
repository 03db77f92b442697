/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cycles.h>

#include "datapath/egress.h"

/* A bond needs a burst every 100 ms. With twenty in this time, one late iteration does no harm. */
#define KEEP_ALIVES_PER_SECOND 200

void gremc_egress_drop(struct gremc_egress *egress, struct gremc_tx *tx, struct rte_mbuf **packet, uint32_t n,
		       enum gremc_tx_drop reason)
{
	for (uint32_t i = 0; i < n; i++) {
		/* GREMC_VIF_NONE: a frame of the host, or the vif has been removed */
		const uint32_t vif = gremc_mbuf_vif(packet[i], egress->vifs);

		if (likely(vif != GREMC_VIF_NONE)) {
			struct gremc_vif_cold *cold = &egress->stats->vif_cold[vif];

			gremc_counter_add(&cold->lost[reason], 1);
			gremc_counter_add(&cold->lost_bytes, gremc_mbuf_fields(packet[i])->inner_length);
		}
		gremc_egress_count_reason(egress, vif, reason, packet[i],
					  tx->to_host ? GREMC_STARTS_WITH_IP : GREMC_STARTS_WITH_FRAME);
	}
	tx->dropped += n;
	rte_pktmbuf_free_bulk(packet, n);
}

void gremc_egress_keep_alive(struct gremc_egress *egress, uint64_t now)
{
	if (now - egress->last_keep_alive < rte_get_tsc_hz() / KEEP_ALIVES_PER_SECOND)
		return;
	egress->last_keep_alive = now;
	for (uint16_t i = 0; i < egress->port_count; i++) {
		const struct gremc_tx *tx = egress->tx[i];

		if (tx && tx->keep_alive && tx->ring == NULL &&
		    gremc_tx_closed(tx) != GREMC_TX_DROP_port_down)
			gremc_tx_burst(tx, NULL, 0);
	}
}

/* ---- accounting ---- */

static void egress_account_port(struct gremc_totals *totals, uint16_t port, struct gremc_tx *tx)
{
	gremc_counter_add(&totals->sent, tx->sent);
	gremc_counter_add(&totals->tx_bytes, tx->sent_bytes);
	/* negative where more replicas left the ring than entered it: only the sum over the threads counts */
	gremc_counter_add(&totals->queued, (uint64_t)(int64_t)(int32_t)tx->queued);
	gremc_counter_add(&totals->ports[port].tx_packets, tx->sent);
	gremc_counter_add(&totals->ports[port].tx_bytes, tx->sent_bytes);
	gremc_counter_add(&totals->ports[port].tx_lost, tx->dropped);
	tx->sent = tx->dropped = tx->queued = 0;
	tx->sent_bytes = 0;
}

static void egress_account_drops(struct gremc_egress *egress, struct gremc_totals *totals)
{
	for (enum gremc_tx_drop reason = 0; reason < GREMC_TX_DROP_COUNT; reason++)
		if (egress->drops[reason]) {
			gremc_counter_add(&totals->losses[reason], egress->drops[reason]);
			egress->drops[reason] = 0;
		}
	egress->dropped_any = false;
	gremc_samples_refill(egress->stats->samples, rte_rdtsc());
}

void gremc_egress_account(struct gremc_egress *egress)
{
	struct gremc_totals *totals = &egress->stats->totals;

	gremc_counter_add(&totals->wanted, egress->requested);
	egress->requested = 0;
	if (unlikely(egress->injected)) {
		gremc_counter_add(&totals->injected, egress->injected);
		egress->injected = 0;
	}
	for (uint16_t i = 0; i < egress->port_count; i++) {
		struct gremc_tx *tx = egress->tx[i];

		if (tx && (tx->sent | tx->dropped | tx->queued))
			egress_account_port(totals, i, tx);
	}
	if (egress->dropped_any)
		egress_account_drops(egress, totals);
}
