/* SPDX-License-Identifier: BSD-3-Clause */
/* The wiring: which device and which MAC address belong to which port of the forwarder. */
#ifndef GREMC_LOADGEN_ACTIONS_DEVICES_H
#define GREMC_LOADGEN_ACTIONS_DEVICES_H

#include "engine/engine.h"
#include "options/options.h"

/* Fill in engine->map from --port and --tx-port, otherwise from the order of the devices.
 * Returns: 0, or non-zero with the reason in *errors. */
int gremc_devices_map(const struct gremc_config *config, const struct gremc_loadgen_options *options,
		      struct gremc_engine_options *engine, struct gremc_errors *errors);
/* Fill in the MAC addresses of --dut-mac.
 * Returns: 0, or non-zero with the reason in *errors. */
int gremc_macs_map(const struct gremc_config *config, const struct gremc_loadgen_options *options,
		   struct gremc_engine_options *engine, struct gremc_errors *errors);

#endif
