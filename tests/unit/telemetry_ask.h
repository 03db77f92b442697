/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of telemetry share: the world that is reported on, and how they ask and look at the answer.
 */
#ifndef GREMC_TESTS_TELEMETRY_ASK_H
#define GREMC_TESTS_TELEMETRY_ASK_H

#include <inttypes.h>

#include "telemetry/telemetry_priv.h"

#include "test.h"

#include "telemetry_client.h"
#include "telemetry_world.h"

static struct world *world;
static struct reply reply;
static int client = -1;
static char prefix[64], socket_path[108];

/* ---- asking ---- */

static void ask_raw(const char *question)
{
	assert_true(client_ask(client, question, &reply));
	if (reply.length > REPLY_LIMIT || !reply_parse(&reply))
		fail_msg("%s: bad reply of %zu bytes: %s", question, reply.length, reply.json);
}

/* A question that is answered, not refused. */
static void ask(const char *format, ...)
{
	char question[512];
	va_list list;

	va_start(list, format);
	vsnprintf(question, sizeof(question), format, list);
	va_end(list);
	ask_raw(question);
	if (reply_find(&reply, "error", true))
		fail_msg("%s: %s", question, reply_find(&reply, "error", true));
}

static uint64_t number(const char *format, ...) __rte_format_printf(1, 2);
static uint64_t number(const char *format, ...)
{
	const char *value;
	char path[96];
	va_list list;

	va_start(list, format);
	vsnprintf(path, sizeof(path), format, list);
	va_end(list);
	value = reply_find(&reply, path, false);
	if (value == NULL)
		fail_msg("no number %s in %s", path, reply.json);
	return strtoull(value, NULL, 10);
}

static const char *text(const char *format, ...) __rte_format_printf(1, 2);
static const char *text(const char *format, ...)
{
	const char *value;
	char path[96];
	va_list list;

	va_start(list, format);
	vsnprintf(path, sizeof(path), format, list);
	va_end(list);
	value = reply_find(&reply, path, true);
	if (value == NULL)
		fail_msg("no text %s in %s", path, reply.json);
	return value;
}

/* The question is refused with a sentence that has these words in it, and nothing else. */
static void refused(const char *question, const char *words)
{
	ask_raw(question);
	if (strstr(text("error"), words) == NULL)
		fail_msg("%s: '%s' does not say '%s'", question, text("error"), words);
	assert_int_equal(reply.count, 1);
}

/* Ask page after page; every entry of the list comes once. Returns how many. */
static unsigned walk(const char *command, const char *key)
{
	uint64_t next = 0, last = 0;
	unsigned seen = 0, pages = 0;

	do {
		ask("%s,%" PRIu64, command, next);
		assert_int_equal(number("offset"), next);
		for (unsigned i = 0; i < reply.count; i++) {
			unsigned long entry;
			char name[64];

			if (sscanf(reply.field[i].path, "list.%lu.%63s", &entry, name) != 2 ||
			    strcmp(name, key))
				continue;
			assert_true(entry >= next && (seen == 0 || entry > last));
			last = entry;
			seen++;
		}
		next = number("next");
		assert_true(next == 0 || next > last);
		assert_true(++pages < 1000);
	} while (next);
	assert_int_equal(number("total"), seen);
	return seen;
}

#endif
