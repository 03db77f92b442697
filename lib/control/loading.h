/* SPDX-License-Identifier: BSD-3-Clause */
/* A thread that loads a configuration: to read and check a large file takes seconds, and a file system may
 * never answer. */
#ifndef GREMC_CONTROL_LOADING_H
#define GREMC_CONTROL_LOADING_H

#include <stdbool.h>

#include "base/base.h"
#include "config/config.h"

/* The files of a configuration.
 * Lifetime: of the strings: as long as the program runs. */
struct gremc_config_source {
	const char *config; /* NULL: none */
	const char *ifcfg;  /* a directory; NULL: none */
	bool no_idle;       /* workers never sleep; overrides the file */
};

struct gremc_loading; /* heap */

/* Start to load the files of *source, which is copied. The thread inherits the caller's signal mask.
 * Thread:  any; it owns the result.
 * Returns: 0 or a negative errno. */
__rte_warn_unused_result int gremc_loading_start(const struct gremc_config_source *source,
						 struct gremc_loading **loading);
/* Returns: a descriptor that is readable when the thread has ended. gremc_loading_finish() closes it.
 * Thread:  the owner. */
int gremc_loading_fd_get(const struct gremc_loading *loading);
/* Get the result and free *loading. Blocks until the thread has ended.
 * Thread:  the owner.
 * Owner:   configuration and *errors become the caller's.
 * Returns: NULL: *errors has the reasons. */
struct gremc_config *gremc_loading_finish(struct gremc_loading *loading, struct gremc_errors *errors);
/* Free *loading and its result as soon as the thread has ended, which may be never. NULL is allowed.
 * Thread:  the owner. */
void gremc_loading_abandon(struct gremc_loading *loading);

/* Free a configuration in a thread of its own: a million mroutes take a while. NULL is allowed.
 * Thread:  any.
 * Owner:   takes the configuration. */
void gremc_config_free_later(struct gremc_config *config);

#endif
