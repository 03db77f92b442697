/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

#include "telemetry_query.h"

struct world *world;
struct reply reply;
int client = -1;
char socket_path[108];

/* The EAL leaves its folder behind, also if a test ends the program. */
static void runtime_directory_remove(void)
{
	unlink(socket_path);
	rmdir(rte_eal_get_runtime_dir());
}

int telemetry_set_up(void **state)
{
	static char prefix[64];
	char *arguments[] = {"test_telemetry",
			     "-l",
			     "0",
			     "--no-huge",
			     "-m",
			     "512",
			     "--no-pci",
			     "--vdev",
			     "net_null0",
			     "--vdev",
			     "net_null1",
			     "--vdev",
			     "net_null2",
			     "--log-level",
			     "error",
			     "--no-shconf",
			     "--file-prefix",
			     prefix};

	(void)state;
	snprintf(prefix, sizeof(prefix), "gremc_telemetry_%d", getpid());
	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return -1;
	snprintf(socket_path, sizeof(socket_path), "%s/dpdk_telemetry.v2", rte_eal_get_runtime_dir());
	atexit(runtime_directory_remove);
	world = world_create();
	assert_int_equal(gremc_telemetry_start(&world->telemetry), 0);
	client = client_connect(socket_path);
	if (client < 0)
		fail_msg("%s: %s", socket_path, strerror(errno));
	return 0;
}

int telemetry_tear_down(void **state)
{
	(void)state;
	close(client);
	gremc_telemetry_stop();
	world_destroy(world);
	return rte_eal_cleanup();
}

void query_send(const char *query)
{
	assert_true(client_query(client, query, &reply));
	if (reply.length > REPLY_LIMIT || !reply_parse(&reply))
		fail_msg("%s: bad reply of %zu bytes: %s", query, reply.length, reply.json);
}

void query_expect_reply(const char *format, ...)
{
	char query[512];
	va_list list;

	va_start(list, format);
	vsnprintf(query, sizeof(query), format, list);
	va_end(list);
	query_send(query);
	if (reply_find_text(&reply, "error"))
		fail_msg("%s: %s", query, reply_find_text(&reply, "error"));
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

void query_expect_error(const char *query, const char *words)
{
	query_send(query);
	if (strstr(reply_text("error"), words) == NULL)
		fail_msg("%s: '%s' does not contain '%s'", query, reply_text("error"), words);
	assert_int_equal(reply.count, 1);
}

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
