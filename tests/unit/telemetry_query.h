/* SPDX-License-Identifier: BSD-3-Clause */
/* The fixture of the telemetry tests: a small forwarder, and queries by DPDK's socket, as a user makes them.
 */
#ifndef GREMC_TESTS_UNIT_TELEMETRY_QUERY_H
#define GREMC_TESTS_UNIT_TELEMETRY_QUERY_H

#include <inttypes.h>

#include "telemetry/telemetry_priv.h"
#include "telemetry_client.h"
#include "telemetry_world.h"
#include "test.h"

extern struct world *world;
extern struct reply reply; /* to the last query */
extern int client;
extern char socket_path[108];

/* Start the EAL, create the world, start telemetry on it, and connect. */
int telemetry_set_up(void **state);
/* Undo telemetry_set_up(). */
int telemetry_tear_down(void **state);

/* Send a query. The reply, also an error, is well-formed. */
void query_send(const char *query);
/* Send a query; the reply is no error. */
void query_expect_reply(const char *format, ...) __rte_format_printf(1, 2);
/* Send a query; the reply is an error that contains these words, and nothing else. */
void query_expect_error(const char *query, const char *words);
/* The value at a path of the reply; the test fails if there is none. */
uint64_t reply_number(const char *format, ...) __rte_format_printf(1, 2);
/* The same for a text. */
const char *reply_text(const char *format, ...) __rte_format_printf(1, 2);
/* Read all pages of a list; each entry occurs once. Returns the number of entries. */
unsigned pages_walk(const char *command, const char *key);

#endif
