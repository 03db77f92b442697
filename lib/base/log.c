/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/base.h"

RTE_LOG_REGISTER(gremc_logtype, gremc, INFO)

/* Protects all limits: messages come from several threads. */
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
/* The limits that have left out lines. Writer: the holder of log_mutex. Readers: all threads; without the
 * mutex a thread only compares it with NULL. */
static gremc_atomic_log_limit log_limits_listed;
/* Since the start. Writer: the holder of log_mutex. Readers: all threads. */
static gremc_atomic_u64 log_lines_left_out;

static uint64_t log_clock_read(void)
{
	struct timespec now = {0};

	/* cannot fail: the clock exists */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Print how many lines were left out. */
static void log_limit_report(struct gremc_log_limit *limit)
{
	gremc_assert_locked(&log_mutex);
	if (limit->left_out)
		rte_log(limit->level, gremc_logtype, "gremc: left out %" PRIu64 " more lines like: %s\n",
			limit->left_out, limit->text);
	limit->left_out = 0;
}

static void log_limit_list(struct gremc_log_limit *limit)
{
	gremc_assert_locked(&log_mutex);
	if (limit->is_listed)
		return;
	limit->is_listed = true;
	gremc_pointer_store(&limit->next, gremc_pointer_load(&log_limits_listed));
	gremc_pointer_store(&log_limits_listed, limit);
}

void gremc_log_limited(struct gremc_log_limit *limit, uint32_t level, const char *format, ...)
{
	uint64_t now = log_clock_read();
	char text[sizeof(limit->text)];
	va_list arguments;

	pthread_mutex_lock(&log_mutex);
	if (limit->begin == 0 || now - limit->begin >= GREMC_LOG_WINDOW) {
		log_limit_report(limit);
		limit->begin = now;
		limit->printed = 0;
	}
	limit->level = level;
	if (limit->printed < GREMC_LOG_BURST || limit->left_out == 0) {
		va_start(arguments, format);
		vsnprintf(text, sizeof(text), format, arguments);
		va_end(arguments);
	}
	if (limit->printed < GREMC_LOG_BURST) {
		limit->printed++;
		rte_log(level, gremc_logtype, "gremc: %s\n", text);
	} else {
		if (limit->left_out++ == 0)
			gremc_text_copy(limit->text, sizeof(limit->text), text);
		gremc_u64_add(&log_lines_left_out, 1);
		log_limit_list(limit);
	}
	pthread_mutex_unlock(&log_mutex);
}

int gremc_log_report(bool all)
{
	gremc_atomic_log_limit *at = &log_limits_listed;
	struct gremc_log_limit *limit;
	uint64_t now, next = UINT64_MAX;

	if (gremc_pointer_load(&log_limits_listed) == NULL)
		return -1;
	pthread_mutex_lock(&log_mutex);
	now = log_clock_read();
	while ((limit = gremc_pointer_load(at)) != NULL) {
		uint64_t end = limit->begin + GREMC_LOG_WINDOW;

		if (!all && now < end) {
			next = RTE_MIN(next, end - now);
			at = &limit->next;
			continue;
		}
		log_limit_report(limit);
		limit->is_listed = false;
		gremc_pointer_store(at, gremc_pointer_load(&limit->next));
	}
	pthread_mutex_unlock(&log_mutex);
	return next == UINT64_MAX ? -1 : (int)next;
}

uint64_t gremc_log_left_out(void)
{
	return gremc_u64_load(&log_lines_left_out);
}
