/* SPDX-License-Identifier: BSD-3-Clause */
/* Creation and release of the engine. */
#ifndef GREMC_LOADGEN_ENGINE_CREATE_H
#define GREMC_LOADGEN_ENGINE_CREATE_H

#include "engine/engine.h"

/* Open the ports, wait for their links, and equip the lcores.
 * Thread:   before the lcores start.
 * Returns:  NULL on failure; *errors has the reasons.
 * Lifetime: borrows `config` and `flows`; gremc_engine_destroy() releases the engine. */
struct gremc_engine *gremc_engine_create(const struct gremc_config *config, struct gremc_flows *flows,
					 const struct gremc_engine_options *options,
					 struct gremc_errors *errors);
/* Thread:  after the lcores have returned.
 * Returns: number of mbufs that leaked. */
unsigned gremc_engine_destroy(struct gremc_engine *engine);

#endif
