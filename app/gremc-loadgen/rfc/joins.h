/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups that no mroute covers: the site of the first tunnel sends to them, and other sites join and leave
 * them. Everything here: control thread. */
#ifndef GREMC_LOADGEN_RFC_JOINS_H
#define GREMC_LOADGEN_RFC_JOINS_H

#include "trial/tester.h"

enum gremc_join_action { GREMC_JOIN, GREMC_LEAVE };

/* Check that `groups` groups from --join-group on can be joined.
 * Returns: NULL, or the reason why not. */
const char *gremc_joins_check(const struct gremc_tester *tester, uint32_t groups);
/* Add the flows of the groups, each to at most `sites` sites. They are the last flows and start at *first;
 * gremc_joins_remove() removes them, also after a failure.
 * Thread:  control thread, while the lcores rest.
 * Errors:  those of gremc_flows_add(). */
int gremc_joins_add(struct gremc_tester *tester, uint32_t groups, uint32_t sites, uint32_t *first);
/* Thread:  control thread, while the lcores rest. */
void gremc_joins_remove(struct gremc_tester *tester, uint32_t first);
/* Send a report from each site of flow `number`, and wait until the reports have left.
 * Thread:  control thread, in any phase. */
void gremc_joins_report_send(struct gremc_tester *tester, uint32_t number, enum gremc_join_action action);

#endif
