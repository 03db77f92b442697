/* SPDX-License-Identifier: BSD-3-Clause */
/* The fixture of the telemetry tests: the world that is reported on, and questions about it. */
#ifndef GREMC_TESTS_UNIT_TELEMETRY_ASK_H
#define GREMC_TESTS_UNIT_TELEMETRY_ASK_H

#include "test.h"

#include <inttypes.h>

#include "telemetry/telemetry_priv.h"
#include "telemetry_client.h"
#include "telemetry_world.h"

extern struct world *world;
extern struct reply reply; /* to the last question */
extern int client;
extern char socket_path[108];

void query_send(const char *question);
/* Send a question whose answer is no error. */
void query_expect_reply(const char *format, ...) __rte_format_printf(1, 2);
/* Send a question whose answer is an error that contains these words. */
void query_expect_error(const char *question, const char *words);
/* The value at a path of the reply; the test fails if there is none. */
uint64_t reply_number(const char *format, ...) __rte_format_printf(1, 2);
const char *reply_text(const char *format, ...) __rte_format_printf(1, 2);
/* Read all pages of a list; every entry comes once. Returns: the number of entries. */
unsigned pages_walk(const char *command, const char *key);

/* Tests in telemetry_docs.c and telemetry_largest.c. */
void help_shows_every_command(void **state);
void docs_show_every_key(void **state);
void docs_show_every_reason(void **state);
void docs_index_equals_the_table_of_commands(void **state);
void man_page_equals_the_table_of_commands(void **state);
void reference_lists_every_command(void **state);
void largest_vif_replies_fit(void **state);
void largest_vif_drops_fit(void **state);
void largest_mroute_and_neighbor_replies_fit(void **state);
void largest_igmp_replies_fit(void **state);
void largest_port_replies_fit(void **state);

#endif
