/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine's devices and their links. */
#ifndef GREMC_LOADGEN_ENGINE_LINKS_H
#define GREMC_LOADGEN_ENGINE_LINKS_H

#include "engine/engine.h"

/* Open the devices for `count` lcores and wait for their links.
 * Thread:  before the lcores start.
 * Returns: 0, or non-zero on failure with the reasons in *errors. */
int gremc_engine_ports_open(struct gremc_engine *engine, const unsigned *lcores, unsigned count,
			    struct gremc_errors *errors);
/* Thread:  control thread.
 * Returns: the name of a device whose link is down; NULL if all links are up. */
const char *gremc_engine_link_down(const struct gremc_engine *engine);
/* Returns: whether a device has no wire (memif, veth); its reported speed is then meaningless. */
bool gremc_engine_is_virtual(const struct gremc_engine *engine);
/* Returns: frames that the RX queues dropped since the start, as far as the devices count them. */
uint64_t gremc_engine_rx_missed(const struct gremc_engine *engine);

#endif
