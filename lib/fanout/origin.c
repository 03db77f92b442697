/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_common.h>

#include "fanout/origin.h"

static const char *const origin_names[] = {
#define X(id, name, meaning) [GREMC_ORIGIN_##id] = (name),
	GREMC_ORIGINS(X)
#undef X
};

const struct gremc_keywords gremc_origin_keywords = {origin_names, RTE_DIM(origin_names)};
