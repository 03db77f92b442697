/* SPDX-License-Identifier: BSD-3-Clause */
/* Warnings about oils whose tunnels have different MTUs. Native ports have larger ones as a rule. */
#include <stdlib.h>

#include "config/config_priv.h"

#define ETHERNET_MTU 1500u /* of a port without `mtu`, whose device is not open yet */

/* The tunnel with the largest MTU, and that MTU. */
struct carrier {
	uint32_t tunnel, mtu;
};

static uint32_t port_mtu(const struct gremc_config *config, uint32_t port)
{
	return port != GREMC_CONFIG_NONE && config->ports[port].mtu ? config->ports[port].mtu : ETHERNET_MTU;
}

static uint32_t tunnel_mtu(const struct gremc_config *config, uint32_t tunnel)
{
	return gremc_tunnel_mtu(&config->tunnels[tunnel].options,
				(uint16_t)port_mtu(config, config->tunnels[tunnel].port));
}

static void carrier_update(const struct gremc_config *config, struct carrier *largest, uint32_t tunnel)
{
	const uint32_t mtu = tunnel_mtu(config, tunnel);

	if (mtu > largest->mtu)
		*largest = (struct carrier){tunnel, mtu};
}

/* Warn of a tunnel that loses packets with DF set which `largest` carries, once for each tunnel. */
static void tunnel_check_mtu(struct loader *l, struct place place, uint32_t tunnel, struct carrier largest,
			     bool *warned)
{
	const struct gremc_config *config = l->config;
	const uint32_t mtu = tunnel_mtu(config, tunnel);

	if (mtu >= largest.mtu || warned[tunnel] || config->tunnels[tunnel].ignore_df)
		return;
	warned[tunnel] = true;
	gremc_config_warning_add(
		l, place,
		"%s carries packets of up to %u bytes, and %s in the same `to` carries %u: between "
		"these, packets with DF set are lost to %s (too_big), and others are fragmented; "
		"set equal `mtu`, or `ignore-df: true` for %s",
		config->tunnels[tunnel].name, mtu, config->tunnels[largest.tunnel].name, largest.mtu,
		config->tunnels[tunnel].name, config->tunnels[tunnel].name);
}

static void mroute_check_mtus(struct loader *l, const struct gremc_config_mroute *mroute, struct place place,
			      bool *warned)
{
	const uint32_t tunnels = l->config->tunnel_count;
	struct carrier largest = {0};

	for (uint32_t i = 0; i < mroute->to_count; i++)
		if (mroute->to[i] < tunnels)
			carrier_update(l->config, &largest, mroute->to[i]);
	for (uint32_t i = 0; i < mroute->to_count; i++)
		if (mroute->to[i] < tunnels)
			tunnel_check_mtu(l, place, mroute->to[i], largest, warned);
}

/* `to: all` includes all tunnels. */
static void all_check_mtus(struct loader *l, struct place place, bool *warned)
{
	const uint32_t tunnels = l->config->tunnel_count;
	struct carrier largest = {0};

	for (uint32_t i = 0; i < tunnels; i++)
		carrier_update(l->config, &largest, i);
	for (uint32_t i = 0; i < tunnels; i++)
		tunnel_check_mtu(l, place, i, largest, warned);
}

void gremc_config_check_mtus(struct loader *l)
{
	const struct gremc_config *config = l->config;
	bool *warned = calloc(config->tunnel_count + 1, sizeof(*warned)), all_checked = false;

	if (warned == NULL)
		return; /* warnings only */
	for (uint32_t i = 0; i < config->mroute_count; i++) {
		if (!config->mroutes[i].to_all)
			mroute_check_mtus(l, &config->mroutes[i], l->mroute_places[i], warned);
		else if (!all_checked)
			all_check_mtus(l, l->mroute_places[i], warned);
		all_checked |= config->mroutes[i].to_all;
	}
	free(warned);
}
