/* SPDX-License-Identifier: BSD-3-Clause */
/* The peers of tunnels: between the engine, the packets and the vifs. */
#include <errno.h>

#include <rte_ip.h>

#include "control/control_priv.h"

/* ---- the engine's outputs ---- */

static int keepalive_send(void *argument, uint32_t vif, const uint8_t *packet, uint16_t length)
{
	struct gremc_control *control = argument;

	return gremc_inject_packet(control->workers, control->ports->host_pool, packet, length, vif);
}

static int keepalive_answer(void *argument, uint32_t vif, const uint8_t *packet, uint16_t length)
{
	struct gremc_control *control = argument;

	return gremc_inject_underlay(control->workers, control->ports->host_pool, packet, length, vif);
}

static void peer_dead_set(void *argument, uint32_t vif, bool dead)
{
	struct gremc_control *control = argument;
	const char *name = control->vifs->info[vif]->name;

	gremc_vif_dead_set(control->vifs, vif, dead);
	if (dead)
		GREMC_LOG_LIMITED(WARNING, "%s: no sign of life of the peer: no replicas are sent to it",
				  name);
	else
		GREMC_LOG_LIMITED(NOTICE, "%s: the peer is alive again", name);
}

static uint64_t vif_packets_read(void *argument, uint32_t vif)
{
	const struct gremc_control *control = argument;
	uint64_t packets = 0;

	for (uint32_t i = 0; i < control->workers->stats_count; i++)
		packets += gremc_counter_read(&control->workers->stats[i]->vif_cold[vif].rx_packets);
	return packets;
}

/* ---- its inputs ---- */

/* A gremc_host_keepalive_listener. */
static void keepalive_input(void *argument, uint32_t vif, bool is_request, uint8_t *ip, uint32_t length,
			    uint32_t stamp)
{
	struct gremc_control *control = argument;
	const struct rte_ipv4_hdr *header = (const struct rte_ipv4_hdr *)ip;
	const uint16_t total = length < sizeof(*header) ? 0 : rte_be_to_cpu_16(header->total_length);

	if (total == 0 || total > length)
		return; /* in several segments: none of the known senders makes such a keepalive */
	if (is_request)
		gremc_peer_request_input(control->peers, vif, ip, total);
	else
		gremc_peer_answer_input(control->peers, vif, rte_be_to_cpu_16(header->packet_id),
					gremc_clock_ns() - gremc_timestamp_age(stamp));
}

/* ---- life ---- */

int gremc_control_peers_init(struct gremc_control *control)
{
	const struct gremc_peer_callbacks callbacks = {keepalive_send, keepalive_answer, peer_dead_set,
						       vif_packets_read, control};

	control->peers = gremc_peers_create(GREMC_VIFS_MAX, &callbacks);
	if (control->peers == NULL)
		return -ENOMEM;
	gremc_host_keepalive_listener_set(control->host, keepalive_input, control);
	return 0;
}

void gremc_control_peers_configure(struct gremc_control *control, const struct gremc_config *config,
				   const struct gremc_vif_map *map)
{
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_liveness *liveness = &config->tunnels[i].liveness;
		const struct gremc_peer_policy policy = {
			.options = config->tunnels[i].options,
			.interval = liveness->interval * UINT64_C(1000000000),
			.retries = liveness->retries,
			.sends = liveness->sends,
			.liveness = liveness->sign,
		};
		const bool is_active = liveness->sends || liveness->sign != GREMC_LIVENESS_OFF;

		gremc_vif_answers_punt_set(control->vifs, map->vif[i], liveness->sends);
		gremc_peer_policy_set(control->peers, map->vif[i], is_active ? &policy : NULL,
				      gremc_clock_ns());
		gremc_job_pause();
	}
}

int gremc_control_peers_run(struct gremc_control *control, int wait)
{
	const uint64_t now = gremc_clock_ns();
	uint64_t next, left;

	gremc_peers_run(control->peers, now);
	next = gremc_peers_next_due(control->peers);
	if (next == GREMC_PEER_NEVER)
		return wait;
	left = next > now ? (next - now + 999999) / 1000000 : 0;
	return wait < 0 || left < (uint64_t)wait ? (int)left : wait;
}
