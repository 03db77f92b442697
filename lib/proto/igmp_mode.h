/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GREMC_PROTO_IGMP_MODE_H
#define GREMC_PROTO_IGMP_MODE_H

#include "base/keyword.h"

/* The role of IGMP on a vif. */
enum gremc_igmp_mode {
	GREMC_IGMP_OFF,
	GREMC_IGMP_QUERIER,  /* queries members (RFC 3376) */
	GREMC_IGMP_UPSTREAM, /* reports the members of the other vifs, as a host does (RFC 4605) */
};

extern const struct gremc_keywords gremc_igmp_mode_keywords;

#endif
