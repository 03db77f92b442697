/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of results from the outcomes of trials. Everything here: control thread. */
#ifndef GREMC_LOADGEN_TRIAL_ROWS_H
#define GREMC_LOADGEN_TRIAL_ROWS_H

#include "trial/outcome.h"
#include "trial/plan.h"
#include "trial/tester.h"

/* Add the row of a trial, complete except the verdict.
 * Input:   `fanout`: 0 if mixed.
 * Returns: NULL if memory is short. */
struct gremc_result *gremc_trial_row_add(struct gremc_tester *tester, const char *test, const char *section,
					 const struct gremc_trial *trial, const struct gremc_outcome *outcome,
					 uint32_t fanout);
/* Set all delay columns from the outcome of a trial with `measure`. */
void gremc_trial_row_delays_set(const struct gremc_tester *tester, struct gremc_result *row,
				const struct gremc_outcome *outcome);
/* Set the verdict of a trial at a given rate, which neither passes nor fails: `limited` if the generator may
 * have been the cause of a loss or a shortfall, otherwise `measured`. */
void gremc_trial_row_verdict_set(struct gremc_result *row, const struct gremc_outcome *outcome);
/* Add a row that gives the reason why there is no result.
 * Errors:  -ENOMEM. */
int gremc_skipped_row_add(struct gremc_tester *tester, const char *test, const char *section,
			  const char *format, ...) __rte_format_printf(4, 5);

#endif
