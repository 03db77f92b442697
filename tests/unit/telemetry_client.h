/* SPDX-License-Identifier: BSD-3-Clause */
/* A client of DPDK's telemetry socket, and a parser of its replies. Each value of a reply has a path, such as
 * "list.3.name", "drops.rpf" or "bursts[0]". */
#ifndef GREMC_TESTS_UNIT_TELEMETRY_CLIENT_H
#define GREMC_TESTS_UNIT_TELEMETRY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_LIMIT 16384 /* DPDK's max_output_len */
#define FIELDS_MAX  4096

struct reply {
	size_t length; /* of the JSON */
	unsigned count;
	struct {
		char path[96];
		char value[160];
		bool is_text;
	} field[FIELDS_MAX];
	char json[4 * REPLY_LIMIT];
};

/* Connect to DPDK's telemetry socket. Returns the connection, or -1. */
int client_connect(const char *path);
/* Send a query. Returns true if a reply arrived; it is in reply->json. */
bool client_query(int fd, const char *query, struct reply *reply);
/* Parse `reply->json`, {"/gremc/...": {...}}, into fields. */
bool reply_parse(struct reply *reply);
/* The text at a path, or NULL. */
const char *reply_find_text(const struct reply *reply, const char *path);
/* The digits of the number at a path, or NULL. */
const char *reply_find_number(const struct reply *reply, const char *path);

#endif
