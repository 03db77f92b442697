/* SPDX-License-Identifier: BSD-3-Clause */
/* A configuration is loaded by a thread of its own: reading and checking a large file takes seconds, and a
 * file system that does not answer takes for ever. */
#ifndef GREMC_APP_LOADING_H
#define GREMC_APP_LOADING_H

#include <pthread.h>
#include <stdbool.h>

#include "base/base.h"
#include "config/config.h"
#include "options.h"

struct gremc_loading {
	const struct gremc_options *options;
	int event; /* eventfd: readable when the thread has ended; -1: none yet */
	bool active;
	pthread_t thread;
	struct gremc_config *config; /* the thread's until it has ended */
	struct gremc_errors errors;
};

/* Begin to load what the options name. Signals are blocked in the caller, so they are in the thread.
 * Returns: 0 or a negative errno. */
int gremc_loading_start(struct gremc_loading *loading, const struct gremc_options *options);
/* The event is readable: take what has been loaded. NULL: the reasons are in *errors, which is the caller's.
 */
struct gremc_config *gremc_loading_finish(struct gremc_loading *loading, struct gremc_errors *errors);
/* Free a configuration in a thread of its own: a million mroutes take a while. NULL is allowed. */
void gremc_loading_free(struct gremc_config *config);

#endif
