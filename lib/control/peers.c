/* SPDX-License-Identifier: BSD-3-Clause */
/* The peers of tunnels: between the engine, the packets and the vifs. */
#include <errno.h>

#include <rte_ip.h>

#include "control/control_priv.h"

#define SEARCHES_PER_SECOND 10u /* of all tunnels for the one that an ICMP report quotes */

/* ---- the engine's outputs ---- */

static int keepalive_inject(void *argument, uint32_t vif, const uint8_t *packet, uint16_t length)
{
	struct gremc_control *control = argument;

	return gremc_inject_packet(control->workers, control->ports->host_pool, packet, length, vif);
}

static int keepalive_answer(void *argument, uint32_t vif, const uint8_t *packet, uint16_t length)
{
	struct gremc_control *control = argument;

	return gremc_inject_underlay(control->workers, control->ports->host_pool, packet, length, vif);
}

static void tunnel_dead_set(void *argument, uint32_t vif, bool dead)
{
	struct gremc_control *control = argument;
	const char *name = gremc_vif_info_load(control->vifs, vif)->name;

	gremc_vif_dead_set(control->vifs, vif, dead);
	if (dead)
		GREMC_LOG_LIMITED(WARNING, "%s: no sign of life of the peer: no replicas are sent to it",
				  name);
	else
		GREMC_LOG_LIMITED(NOTICE, "%s: the peer is alive again", name);
}

static void path_mtu_set(void *argument, uint32_t vif, uint16_t bytes)
{
	struct gremc_control *control = argument;
	const char *name = gremc_vif_info_load(control->vifs, vif)->name;

	gremc_tunnel_path_mtu_set(control->vifs, vif, bytes);
	if (bytes)
		GREMC_LOG_LIMITED(NOTICE,
				  "%s: a router on the path carries packets of %u bytes: the MTU is %u", name,
				  bytes, gremc_vif_mtu(control->vifs, vif));
	else
		GREMC_LOG_LIMITED(NOTICE, "%s: the path MTU has expired: the MTU is %u again", name,
				  gremc_vif_mtu(control->vifs, vif));
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
	const uint16_t total = rte_be_to_cpu_16(header->total_length);

	/* the worker has checked the lengths */
	gremc_assert(sizeof(*header) <= total && total <= length);
	if (is_request)
		gremc_peer_request_input(control->peers, vif, ip, total);
	else
		gremc_peer_answer_input(control->peers, vif, rte_be_to_cpu_16(header->packet_id),
					gremc_clock_ns() - gremc_timestamp_age(stamp));
}

static bool tunnel_is_quoted(const struct gremc_vif_info *info, const struct gremc_icmp_error *error)
{
	const struct gremc_tunnel_options *options = &info->options;

	return info->kind == GREMC_VIF_TUNNEL && options->local == error->source &&
	       options->remote == error->destination && options->udp_port == error->udp_port &&
	       options->has_output_key == error->has_key &&
	       (!error->has_key || options->output_key == error->key);
}

/* Find the tunnel that sent the quoted packet. Most tunnels have one key for both directions. If none
 * matches, all are searched, at most SEARCHES_PER_SECOND times. */
static uint32_t quoted_vif_find(struct gremc_control *control, const struct gremc_icmp_error *error)
{
	const struct gremc_tunnel_options same_key = {.local = error->source,
						      .remote = error->destination,
						      .udp_port = error->udp_port,
						      .has_input_key = error->has_key,
						      .input_key = error->key};
	const struct gremc_vifs *vifs = control->vifs;
	const uint64_t now = gremc_clock_ns();
	uint32_t vif = gremc_tunnel_find(vifs, &same_key);

	if (vif != GREMC_VIF_NONE && tunnel_is_quoted(gremc_vif_info_load(vifs, vif), error))
		return vif;
	if (now - control->icmp_searched < NS_PER_S / SEARCHES_PER_SECOND)
		return GREMC_VIF_NONE;
	control->icmp_searched = now;
	for (vif = 0; vif < gremc_vifs_limit(vifs); vif++)
		if (gremc_vif_info_load(vifs, vif) && tunnel_is_quoted(gremc_vif_info_load(vifs, vif), error))
			return vif;
	return GREMC_VIF_NONE;
}

/* The largest outer packet that a tunnel can have sent: its port carries no larger one. */
static uint16_t largest_outer_packet(const struct gremc_control *control, uint32_t vif)
{
	return control->ports->port[gremc_vif_info_load(control->vifs, vif)->port]->mtu;
}

/* A gremc_host_icmp_listener. */
static void icmp_input(void *argument, const uint8_t *ip, uint32_t length)
{
	struct gremc_control *control = argument;
	struct gremc_icmp_error error;
	uint32_t vif;

	if (!gremc_icmp_error_parse(ip, length, &error))
		return;
	vif = quoted_vif_find(control, &error);
	if (vif != GREMC_VIF_NONE)
		gremc_peer_icmp_input(control->peers, vif, &error, largest_outer_packet(control, vif),
				      gremc_clock_ns());
}

/* ---- life ---- */

int gremc_control_peers_init(struct gremc_control *control)
{
	const struct gremc_peer_callbacks callbacks = {keepalive_inject, keepalive_answer, tunnel_dead_set,
						       path_mtu_set,     vif_packets_read, control};

	gremc_assert_control_thread();
	control->peers = gremc_peers_create(GREMC_VIFS_MAX, &callbacks);
	if (control->peers == NULL)
		return -ENOMEM;
	gremc_host_keepalive_listener_set(control->host, keepalive_input, control);
	gremc_host_icmp_listener_set(control->host, icmp_input, control);
	return 0;
}

void gremc_control_peers_configure(struct gremc_control *control, const struct gremc_config *config,
				   const struct gremc_vif_map *map)
{
	gremc_assert_control_thread();
	gremc_peers_path_mtu_minimum_set(control->peers, config->settings.path_mtu_minimum);
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		const struct gremc_config_liveness *liveness = &config->tunnels[i].liveness;
		const struct gremc_peer_policy policy = {
			.options = config->tunnels[i].options,
			.interval = liveness->interval * (uint64_t)NS_PER_S,
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

int gremc_control_peers_poll(struct gremc_control *control, int wait)
{
	const uint64_t now = gremc_clock_ns();
	uint64_t next, left;

	gremc_assert_control_thread();
	gremc_peers_run(control->peers, now);
	next = gremc_peers_next_due(control->peers);
	if (next == GREMC_PEER_NEVER)
		return wait;
	left = next > now ? RTE_ALIGN_MUL_CEIL(next - now, NS_PER_S / MS_PER_S) / (NS_PER_S / MS_PER_S) : 0;
	return wait < 0 || left < (uint64_t)wait ? (int)left : wait;
}
