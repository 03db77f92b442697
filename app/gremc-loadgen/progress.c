/* SPDX-License-Identifier: BSD-3-Clause */
/* What is going on, on stderr: one line that is written over on a terminal, a line per step elsewhere. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "tester.h"

#define EACH_SECONDS 5 /* updates a second on a terminal: 1 / 5 */

static bool stderr_is_terminal(void)
{
	return isatty(STDERR_FILENO);
}

void gremc_progress_update(const struct gremc_tester *tester, const char *label, double done, double seconds,
			   uint64_t sent, uint64_t received)
{
	static uint64_t last;
	uint64_t now = rte_rdtsc();

	if (tester->options->quiet || !stderr_is_terminal() || now - last < tester->engine->hz / EACH_SECONDS)
		return;
	last = now;
	fprintf(stderr, "\r\033[K%s: trial %u, %.1f of %.1f s, %" PRIu64 " sent, %" PRIu64 " replicas back",
		label ? label : tester->options->test, tester->trials, done, seconds, sent, received);
	fflush(stderr);
}

void gremc_progress_clear(const struct gremc_tester *tester)
{
	if (tester->options->quiet || !stderr_is_terminal())
		return;
	fprintf(stderr, "\r\033[K");
	fflush(stderr);
}

void gremc_progress_print(const struct gremc_tester *tester, const char *format, ...)
{
	va_list arguments;

	if (tester->options->quiet)
		return;
	gremc_progress_clear(tester);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}
