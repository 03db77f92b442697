/* SPDX-License-Identifier: BSD-3-Clause */
/* The polling loop of an lcore, and the phases by which the control thread directs it. */
#ifndef GREMC_LOADGEN_ENGINE_LCORE_H
#define GREMC_LOADGEN_ENGINE_LCORE_H

#include "engine/engine.h"

enum gremc_phase {
	GREMC_PHASE_REST,  /* touch nothing, except the control thread's packets */
	GREMC_PHASE_SEND,  /* send and receive */
	GREMC_PHASE_DRAIN, /* receive, and send pending packets */
	GREMC_PHASE_QUIT   /* leave the loop */
};

/* Poll until gremc_engine_quit().
 * Thread:  the lcore. */
void gremc_lcore_loop(struct gremc_lcore *lcore);
/* Set the phase of all lcores and wait until each confirms it.
 * Thread:  control thread.
 * Errors:  -ETIMEDOUT if an lcore does not confirm within two seconds. */
int gremc_engine_phase_set(struct gremc_engine *engine, enum gremc_phase phase);
/* Make all lcores leave their loops.
 * Thread:  control thread. */
void gremc_engine_quit(struct gremc_engine *engine);

#endif
