/* SPDX-License-Identifier: BSD-3-Clause */
/* takeover: a kernel interface is renamed and set down, and a TAP of the same name replaces it, with the
 * interface's addresses and routes. Until gremc_takeover_finish() everything can be undone, by a later
 * process too, because a journal on disk holds the saved state.
 *
 * Thread:  control thread. */
#ifndef GREMC_TAKEOVER_TAKEOVER_H
#define GREMC_TAKEOVER_TAKEOVER_H

#include <stdbool.h>

#include "config/config.h"
#include "netlink/netlink.h"
#include "port/port.h"

struct gremc_takeover; /* heap */

/* Lifetime: all of it outlives the takeover. */
struct gremc_takeover_context {
	struct gremc_netlink *netlink;
	const struct gremc_ports *ports;
	/* The directory of the journals, the same for all processes; NULL: keep no journal. */
	const char *state_directory;
};

/* Save the addresses and routes of the kernel interface `name`, set it down and rename it; its MAC address
 * becomes the port's. No-op if the TAP of an earlier start, or nothing, has the name.
 * Owner:   *takeover is the caller's, also after an error; NULL: there is nothing to finish or undo.
 * Returns: 0, or a negative errno with the reason in *errors. */
__rte_warn_unused_result int gremc_takeover_begin(const struct gremc_takeover_context *context,
						  const struct gremc_config *config, const char *name,
						  struct gremc_takeover **takeover,
						  struct gremc_errors *errors);
/* Add the saved addresses and routes to the TAP, remove the journal and free *takeover; no-op for NULL.
 * Failures are logged. */
void gremc_takeover_finish(const struct gremc_takeover_context *context, struct gremc_takeover **takeover);
/* Restore the kernel interface and free *takeover; no-op for NULL. If the interface cannot be renamed back,
 * the journal stays for the next start.
 * Order:   after the TAP was removed. */
void gremc_takeover_undo(const struct gremc_takeover_context *context, struct gremc_takeover **takeover);
/* Undo the takeovers of this network namespace whose processes were killed before they finished. */
void gremc_takeovers_recover(const struct gremc_takeover_context *context);

/* Whether `name` is a TAP that no process has open. */
bool gremc_tap_is_abandoned(const char *name);

#endif
