/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_common.h>

#include "proto/igmp_mode.h"
#include "proto/liveness.h"
#include "proto/order.h"
#include "proto/tunnel.h"

/* The configuration's words for the bit. */
static const char *const df_names[] = {
	[GREMC_DF_SET] = "true", [GREMC_DF_CLEAR] = "false", [GREMC_DF_INHERIT] = "inherit"};

const struct gremc_keywords gremc_df_keywords = {df_names, RTE_DIM(df_names)};

static const char *const sequence_names[] = {
	[GREMC_SEQUENCE_OFF] = "off", [GREMC_SEQUENCE_COUNT] = "count", [GREMC_SEQUENCE_STRICT] = "strict"};

const struct gremc_keywords gremc_sequence_keywords = {sequence_names, RTE_DIM(sequence_names)};

static const char *const ecn_mode_names[] = {
	[GREMC_ECN_NORMAL] = "normal", [GREMC_ECN_COMPATIBILITY] = "compatibility"};

const struct gremc_keywords gremc_ecn_mode_keywords = {ecn_mode_names, RTE_DIM(ecn_mode_names)};

static const char *const tunnel_mode_names[] = {
	[GREMC_TUNNEL_GRE] = "gre", [GREMC_TUNNEL_GRE_UDP] = "gre-udp"};

const struct gremc_keywords gremc_tunnel_mode_keywords = {tunnel_mode_names, RTE_DIM(tunnel_mode_names)};

static const char *const igmp_mode_names[] = {
	[GREMC_IGMP_OFF] = "off", [GREMC_IGMP_QUERIER] = "querier", [GREMC_IGMP_UPSTREAM] = "upstream"};

const struct gremc_keywords gremc_igmp_mode_keywords = {igmp_mode_names, RTE_DIM(igmp_mode_names)};

static const char *const liveness_names[] = {[GREMC_LIVENESS_OFF] = "off",
					     [GREMC_LIVENESS_KEEPALIVE] = "keepalive",
					     [GREMC_LIVENESS_TRAFFIC] = "traffic"};

const struct gremc_keywords gremc_liveness_keywords = {liveness_names, RTE_DIM(liveness_names)};

static const char *const order_names[] = {[GREMC_ORDER_FIXED] = "fixed", [GREMC_ORDER_ROTATE] = "rotate"};

const struct gremc_keywords gremc_order_keywords = {order_names, RTE_DIM(order_names)};
