/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "trial/progress.h"

#define UPDATES_A_SECOND 5

static bool stderr_is_terminal(void)
{
	return isatty(STDERR_FILENO);
}

void gremc_progress_update(const struct gremc_tester *tester, const struct gremc_progress *progress)
{
	static uint64_t last;
	uint64_t now = rte_rdtsc();

	if (tester->options->quiet || !stderr_is_terminal() ||
	    now - last < tester->engine->hz / UPDATES_A_SECOND)
		return;
	last = now;
	fprintf(stderr,
		"\r\033[K%s: trial %u, %.1f of %.1f s, %" PRIu64 " packets sent, %" PRIu64
		" replicas received",
		progress->label ? progress->label : tester->options->test, tester->trials, progress->elapsed,
		progress->seconds, progress->sent, progress->received);
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
