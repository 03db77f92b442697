/* SPDX-License-Identifier: BSD-3-Clause */
/* Warnings about oils whose interfaces have different MTUs. */
#include <stdlib.h>

#include "config/config_priv.h"

#define ETHERNET_MTU 1500u /* of a port without `mtu`, whose device is not open yet */

/* The vif with the largest or smallest MTU, and that MTU. */
struct carrier {
	uint32_t vif, mtu;
};

static uint32_t port_mtu(const struct gremc_config *config, uint32_t port)
{
	return port != GREMC_CONFIG_NONE && config->ports[port].mtu ? config->ports[port].mtu : ETHERNET_MTU;
}

/* The largest inner packet of a vif, by its number in the configuration; UINT16_MAX: the host. */
static uint32_t vif_mtu(const struct gremc_config *config, uint32_t vif)
{
	if (vif < config->tunnel_count)
		return gremc_tunnel_mtu(&config->tunnels[vif].options,
					(uint16_t)port_mtu(config, config->tunnels[vif].port));
	return vif < config->tunnel_count + config->port_count ? port_mtu(config, vif - config->tunnel_count)
							       : UINT16_MAX;
}

static const char *vif_name(const struct gremc_config *config, uint32_t vif)
{
	return vif < config->tunnel_count ? config->tunnels[vif].name
					  : config->ports[vif - config->tunnel_count].name;
}

/* Warn of a tunnel that loses packets with DF set which `largest` carries, once for each tunnel. */
static void tunnel_check_mtu(struct loader *l, struct place place, uint32_t vif, struct carrier largest,
			     bool *warned)
{
	const struct gremc_config *config = l->config;
	uint32_t mtu = vif_mtu(config, vif);

	if (vif >= config->tunnel_count || mtu >= largest.mtu || warned[vif] ||
	    config->tunnels[vif].ignore_df)
		return;
	warned[vif] = true;
	gremc_config_warning_add(
		l, place,
		"%s carries packets of up to %u bytes, and %s in the same `to` carries %u: between "
		"these, packets with DF set are lost to %s (too_big), and others are fragmented; "
		"set equal `mtu`, or `ignore-df: true` for %s",
		config->tunnels[vif].name, mtu, vif_name(config, largest.vif), largest.mtu,
		config->tunnels[vif].name, config->tunnels[vif].name);
}

static void mroute_check_mtus(struct loader *l, const struct gremc_config_mroute *mroute, struct place place,
			      bool *warned)
{
	struct carrier largest = {0};

	for (uint32_t i = 0; i < mroute->to_count; i++) {
		const uint32_t mtu = vif_mtu(l->config, mroute->to[i]);

		if (mtu != UINT16_MAX && mtu > largest.mtu)
			largest = (struct carrier){mroute->to[i], mtu};
	}
	for (uint32_t i = 0; i < mroute->to_count; i++)
		tunnel_check_mtu(l, place, mroute->to[i], largest, warned);
}

/* `to: all` means all tunnels, and all ports with `multicast`. */
static void all_check_mtus(struct loader *l, struct place place, bool *warned)
{
	const struct gremc_config *config = l->config;
	struct carrier largest = {0};

	for (uint32_t i = 0; i < config->tunnel_count + config->port_count; i++) {
		if (i >= config->tunnel_count && !config->ports[i - config->tunnel_count].multicast)
			continue;
		if (vif_mtu(config, i) > largest.mtu)
			largest = (struct carrier){i, vif_mtu(config, i)};
	}
	for (uint32_t i = 0; i < config->tunnel_count; i++)
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
