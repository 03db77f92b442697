/* SPDX-License-Identifier: BSD-3-Clause */
/* The origins of mroutes. */
#ifndef GREMC_FANOUT_ORIGIN_H
#define GREMC_FANOUT_ORIGIN_H

#include "base/keyword.h"

/* In the order of precedence. Name; meaning. The names are those of telemetry and of docs/telemetry.md. */
#define GREMC_ORIGINS(X)                                                                                     \
	X(STATIC, "static", "the configuration")                                                             \
	X(IGMP, "igmp", "memberships")                                                                       \
	X(KERNEL, "kernel", "multicast routes of the kernel")

enum gremc_origin {
#define X(id, name, meaning) GREMC_ORIGIN_##id,
	GREMC_ORIGINS(X)
#undef X
		GREMC_ORIGIN_COUNT
};

/* The bit of an origin in a set of origins. */
#define GREMC_ORIGIN_BIT(origin) (1u << (origin))

extern const struct gremc_keywords gremc_origin_keywords;

#endif
