/* SPDX-License-Identifier: BSD-3-Clause */
/* Progress on stderr, unless --quiet: messages, and on a terminal one line that is overwritten. Everything
 * here: control thread. */
#ifndef GREMC_LOADGEN_TRIAL_PROGRESS_H
#define GREMC_LOADGEN_TRIAL_PROGRESS_H

#include "trial/tester.h"

struct gremc_progress {
	const char *label; /* NULL: the name of the test */
	double elapsed, seconds;
	uint64_t sent, received;
};

/* Update the progress line, at most five times a second. */
void gremc_progress_update(const struct gremc_tester *tester, const struct gremc_progress *progress);
/* Remove the progress line. */
void gremc_progress_clear(const struct gremc_tester *tester);
/* Print a message. */
void gremc_progress_print(const struct gremc_tester *tester, const char *format, ...)
	__rte_format_printf(2, 3);

#endif
