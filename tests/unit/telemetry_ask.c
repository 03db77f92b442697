/* SPDX-License-Identifier: BSD-3-Clause */
#include "test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry_ask.h"

struct world *world;
struct reply reply;
int client = -1;
char socket_path[108];

void query_send(const char *question)
{
	assert_true(client_ask(client, question, &reply));
	if (reply.length > REPLY_LIMIT || !reply_parse(&reply))
		fail_msg("%s: bad reply of %zu bytes: %s", question, reply.length, reply.json);
}

/* A question that is answered, not refused. */
void query_expect_reply(const char *format, ...)
{
	char question[512];
	va_list list;

	va_start(list, format);
	vsnprintf(question, sizeof(question), format, list);
	va_end(list);
	query_send(question);
	if (reply_find_text(&reply, "error"))
		fail_msg("%s: %s", question, reply_find_text(&reply, "error"));
}

uint64_t reply_number(const char *format, ...)
{
	const char *value;
	char path[96];
	va_list list;

	va_start(list, format);
	vsnprintf(path, sizeof(path), format, list);
	va_end(list);
	value = reply_find_number(&reply, path);
	if (value == NULL)
		fail_msg("no number %s in %s", path, reply.json);
	return strtoull(value, NULL, 10);
}

const char *reply_text(const char *format, ...)
{
	const char *value;
	char path[96];
	va_list list;

	va_start(list, format);
	vsnprintf(path, sizeof(path), format, list);
	va_end(list);
	value = reply_find_text(&reply, path);
	if (value == NULL)
		fail_msg("no text %s in %s", path, reply.json);
	return value;
}

/* The question is refused with a sentence that has these words in it, and nothing else. */
void query_expect_error(const char *question, const char *words)
{
	query_send(question);
	if (strstr(reply_text("error"), words) == NULL)
		fail_msg("%s: '%s' does not say '%s'", question, reply_text("error"), words);
	assert_int_equal(reply.count, 1);
}

/* Ask page after page; every entry of the list comes once. Returns how many. */
unsigned pages_walk(const char *command, const char *key)
{
	uint64_t next = 0, last = 0;
	unsigned seen = 0, pages = 0;

	do {
		query_expect_reply("%s,%" PRIu64, command, next);
		assert_int_equal(reply_number("offset"), next);
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
		next = reply_number("next");
		assert_true(next == 0 || next > last);
		assert_true(++pages < 1000);
	} while (next);
	assert_int_equal(reply_number("total"), seen);
	return seen;
}
