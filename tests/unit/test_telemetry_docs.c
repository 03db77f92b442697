/* SPDX-License-Identifier: BSD-3-Clause */
/* docs/telemetry.md, the man page and the help, compared with the program: commands, keys, reasons. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats/sample.h"
#include "telemetry_query.h"

/* Read a file of the source tree. */
static char *document_read(const char *name)
{
	const char *source = getenv("GREMC_SOURCE_DIR");
	char path[4096];
	char *docs;
	FILE *file;
	long size;

	if (source == NULL)
		fail_msg("GREMC_SOURCE_DIR is not set; it is the root of the sources");
	snprintf(path, sizeof(path), "%s/%s", source, name);
	file = fopen(path, "r");
	if (file == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	docs = calloc(1, size + 1);
	assert_int_equal(fread(docs, 1, size, file), size);
	fclose(file);
	return docs;
}

/* A copy of the section below a heading line, up to the next heading. */
static char *document_section(const char *docs, const char *heading)
{
	char line[160];
	const char *start, *end;

	snprintf(line, sizeof(line), "\n%s\n", heading);
	start = strstr(docs, line);
	if (start == NULL)
		fail_msg("docs/telemetry.md has no heading '%s'", heading);
	start += strlen(line);
	end = strstr(start, "\n## ");
	return end ? strndup(start, end - start) : strdup(start);
}

/* The number of rows of a table: lines that begin with "| `". */
static unsigned table_rows_count(const char *part)
{
	unsigned rows = 0;

	for (const char *at = part; (at = strstr(at, "\n| `")); at++)
		rows++;
	return rows;
}

/* The keys of a reply as the docs name them: N for a number, REASON for a reason, [] for the items of an
 * array. */
static void reply_path_generalize(const char *path, char *key, size_t size)
{
	char copy[96], *rest = copy, *part;
	size_t used = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	key[0] = '\0';
	while ((part = strsep(&rest, "."))) {
		bool reason =
			used && (strcmp(key, "drops") == 0 || strcmp(key, "losses") == 0 ||
				 strcmp(key, "punts") == 0 || strcmp(key, "list.N.drops") == 0 ||
				 strcmp(key, "list.N.losses") == 0 || strcmp(key, "list.N.counters") == 0);
		char *bracket = strchr(part, '[');

		if (bracket)
			strcpy(bracket, "[]");
		if (isdigit((unsigned char)*part))
			part = (char *)(uintptr_t) "N";
		used += snprintf(key + used, size - used, "%s%s", used ? "." : "", reason ? "REASON" : part);
	}
}

static void command_check(const char *docs, const char *path, const char *query)
{
	const struct gremc_command *command = gremc_commands;
	char heading[160], row[160], help[160], key[96];
	unsigned distinct = 0;
	char *part;

	while (strcmp(command->path, path))
		command++;
	snprintf(heading, sizeof(heading), "## %s%s", command->path, command->parameters);
	part = document_section(docs, heading);
	snprintf(help, sizeof(help), "\n%.*s\n", (int)(strstr(command->help, " Parameters:") - command->help),
		 command->help);
	if (strncmp(part, help, strlen(help)))
		fail_msg("docs/telemetry.md, %s: the first sentence is not '%s'", heading, help);
	query_expect_reply("%s", query);
	for (unsigned i = 0; i < reply.count; i++) {
		bool again = false;

		reply_path_generalize(reply.field[i].path, key, sizeof(key));
		for (unsigned k = 0; k < i && !again; k++) {
			char other[96];

			reply_path_generalize(reply.field[k].path, other, sizeof(other));
			again = strcmp(key, other) == 0;
		}
		distinct += !again;
		snprintf(row, sizeof(row), "\n| `%s` | %s | ", key,
			 reply.field[i].is_text ? "text" : "number");
		if (strstr(part, row) == NULL)
			fail_msg("docs/telemetry.md, %s: no row '%s'", heading, row + 1);
	}
	if (table_rows_count(part) != distinct)
		fail_msg("docs/telemetry.md, %s: %u rows, the reply has %u keys", heading,
			 table_rows_count(part), distinct);
	free(part);
}

static void test_docs_show_every_key(void **unused __rte_unused)
{
	static const char *const queries[] = {"/gremc/info",        "/gremc/lcores",
					      "/gremc/ports",       "/gremc/pools",
					      "/gremc/drops",       "/gremc/reasons",
					      "/gremc/trace",       "/gremc/vif_drops",
					      "/gremc/neighbors",   "/gremc/tunnels,1",
					      "/gremc/tunnel,gre1", "/gremc/peers",
					      "/gremc/hosts",       "/gremc/policies",
					      "/gremc/mroutes",     "/gremc/mroute,10.1.1.1,239.1.1.1",
					      "/gremc/igmp",        "/gremc/groups",
					      "/gremc/kernel",      "/gremc/why,gre0,10.1.1.1,239.1.1.1"};
	const struct gremc_peer_policy policy = {.interval = 1, .retries = 1, .sends = true};
	const struct gremc_sample sample = {.reason = GREMC_DROP_rpf, .count = GREMC_SAMPLE_BYTES};
	char *docs = document_read("docs/telemetry.md"), path[64];

	assert_int_equal(RTE_DIM(queries), gremc_command_count);
	gremc_samples_add(world->stats[0]->samples, &sample);
	world->stats[0]->vif_drop[world->vif[GRE0]].packets[GREMC_DROP_rpf] = 1;
	world->stats[0]->vif_drop[world->vif[GRE0]].flow[GREMC_DROP_rpf] = UINT64_MAX;
	gremc_peer_policy_set(world->peers, world->vif[GRE1], &policy, 0);
	assert_int_equal(gremc_vif_policy_set(world->vifs, world->vif[GRE1],
					      &(const struct gremc_config_policy){.ttl_threshold = 1}),
			 0);
	for (unsigned i = 0; i < RTE_DIM(queries); i++) {
		snprintf(path, sizeof(path), "%.*s", (int)strcspn(queries[i], ","), queries[i]);
		command_check(docs, path, queries[i]);
	}
	free(docs);
}

struct reason {
	const char *name, *text;
};

static void reasons_check(const char *docs, const char *heading, const struct reason *reasons, unsigned count)
{
	char *part = document_section(docs, heading), row[256];

	for (unsigned i = 0; i < count; i++) {
		snprintf(row, sizeof(row), "\n| `%s` | %s |", reasons[i].name, reasons[i].text);
		if (strstr(part, row) == NULL)
			fail_msg("docs/telemetry.md, %s: no row '%s'", heading, row + 1);
	}
	assert_int_equal(table_rows_count(part), count);
	free(part);
}

static void test_docs_show_every_reason(void **unused __rte_unused)
{
#define REASON(name, text) {#name, text},
	static const struct reason drops[] = {GREMC_DROPS(REASON)}, losses[] = {GREMC_TX_DROPS(REASON)},
				   host_losses[] = {GREMC_HOST_DROPS(REASON)},
				   punts[] = {GREMC_PUNTS(REASON)},
				   igmp_counters[] = {GREMC_IGMP_COUNTERS(REASON)};
#undef REASON
	char *docs = document_read("docs/telemetry.md");

	reasons_check(docs, "## Drop reasons", drops, RTE_DIM(drops));
	reasons_check(docs, "## Loss reasons", losses, RTE_DIM(losses));
	reasons_check(docs, "## Host losses", host_losses, RTE_DIM(host_losses));
	reasons_check(docs, "## IGMP counters", igmp_counters, RTE_DIM(igmp_counters));
	reasons_check(docs, "## Punts", punts, RTE_DIM(punts));
	free(docs);
}

static void test_help_shows_every_command(void **unused __rte_unused)
{
	for (unsigned i = 0; i < gremc_command_count; i++) {
		char query[128], *escaped;

		snprintf(query, sizeof(query), "/help,%s", gremc_commands[i].path);
		assert_true(client_query(client, query, &reply));
		escaped = strstr(reply.json, gremc_commands[i].help);
		if (escaped == NULL)
			fail_msg("%s: %s", query, reply.json);
	}
}

/* The help of a command without its parameters. */
static int help_length(const struct gremc_command *command)
{
	return (int)(strstr(command->help, " Parameters:") - command->help);
}

static void test_docs_index_equals_the_table_of_commands(void **unused __rte_unused)
{
	char *docs = document_read("docs/telemetry.md"), *expected = NULL;
	size_t size;
	FILE *out = open_memstream(&expected, &size);

	for (unsigned i = 0; i < gremc_command_count; i++) {
		const struct gremc_command *command = &gremc_commands[i];

		fprintf(out, "| [`%s%s`](#", command->path, command->parameters);
		for (const char *at = command->path; *at; at++)
			if (isalnum((unsigned char)*at) || *at == '_')
				fputc(*at, out);
		for (const char *at = command->parameters; *at; at++)
			if (isalnum((unsigned char)*at))
				fputc(tolower((unsigned char)*at), out);
		fprintf(out, ") | %.*s |\n", help_length(command), command->help);
	}
	fclose(out);
	if (strstr(docs, expected) == NULL)
		fail_msg("the index of docs/telemetry.md is not:\n%s", expected);
	free(expected);
	free(docs);
}

static void test_man_page_equals_the_table_of_commands(void **unused __rte_unused)
{
	char *page = document_read("docs/man/dpdk-gremc.8"), *expected = NULL;
	size_t size;
	FILE *out = open_memstream(&expected, &size);

	for (unsigned i = 0; i < gremc_command_count; i++)
		fprintf(out, ".TP\n.B %s%s\n%.*s\n", gremc_commands[i].path, gremc_commands[i].parameters,
			help_length(&gremc_commands[i]), gremc_commands[i].help);
	fputs(".PP\n", out);
	fclose(out);
	if (strstr(page, expected) == NULL)
		fail_msg("the commands in docs/man/dpdk-gremc.8 are not:\n%s", expected);
	free(expected);
	free(page);
}

/* The names of the origins with their meanings, as in the page. */
static void origins_list_format(char *text, size_t size)
{
	static const char *const meanings[] = {
#define X(id, name, meaning) meaning,
		GREMC_ORIGINS(X)
#undef X
	};
	size_t length = 0;

	for (unsigned i = 0; i < GREMC_ORIGIN_COUNT; i++)
		length += snprintf(text + length, size - length, "%s`%s` (%s)",
				   i == 0                        ? ""
				   : i + 1 == GREMC_ORIGIN_COUNT ? " or "
								 : ", ",
				   gremc_keyword_name(&gremc_origin_keywords, i), meanings[i]);
	assert_true(length < size);
}

static void test_docs_list_the_origins_by_precedence(void **unused __rte_unused)
{
	const char beginning[] = "the first origin of the mroute: ";
	char names[GREMC_KEYWORD_TEXT], meanings[256];
	char *docs = document_read("docs/telemetry.md");
	unsigned lists = 0, with_meanings = 0;

	gremc_keywords_format(names, sizeof(names), &gremc_origin_keywords, 0);
	origins_list_format(meanings, sizeof(meanings));
	for (const char *at = docs; (at = strstr(at, beginning)); lists++) {
		at += strlen(beginning);
		if (strncmp(at, meanings, strlen(meanings)) == 0)
			with_meanings++;
		else if (strncmp(at, names, strlen(names)))
			fail_msg("docs/telemetry.md: '%.40s...' is not '%s'", at, names);
	}
	assert_int_equal(lists, 3); /* /gremc/mroutes, /gremc/mroute and /gremc/why */
	assert_int_equal(with_meanings, 1);
	free(docs);
}

/* The other pages name the origins in prose. */
static void test_pages_name_the_origins_by_precedence(void **unused __rte_unused)
{
	static const struct {
		const char *page, *before, *separator;
	} lists[] = {
		{"docs/glossary.md", "- **origin**: the source of an mroute or of an OIF: ", " or "},
		{"docs/membership.md", "4. Its `origin` is the first of ", ", "},
	};

	for (unsigned i = 0; i < RTE_DIM(lists); i++) {
		char *page = document_read(lists[i].page), text[256];
		size_t length = snprintf(text, sizeof(text), "%s", lists[i].before);

		for (unsigned k = 0; k < GREMC_ORIGIN_COUNT; k++)
			length += snprintf(text + length, sizeof(text) - length, "%s%s",
					   k == 0                        ? ""
					   : k + 1 == GREMC_ORIGIN_COUNT ? lists[i].separator
									 : ", ",
					   gremc_keyword_name(&gremc_origin_keywords, k));
		if (strstr(page, text) == NULL)
			fail_msg("%s has no '%s'", lists[i].page, text);
		free(page);
	}
}

static void test_reference_lists_every_command(void **unused __rte_unused)
{
	char *text = NULL, line[160];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const char *at;

	gremc_telemetry_reference(out);
	fclose(out);
	at = text;
	for (unsigned i = 0; i < gremc_command_count; i++) {
		const struct gremc_command *command = &gremc_commands[i];

		snprintf(line, sizeof(line), "%s%s\n    %.*s\n", command->path, command->parameters,
			 help_length(command), command->help);
		assert_memory_equal(at, line, strlen(line));
		at += strlen(line);
	}
	assert_string_equal(at, "");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_docs_show_every_key),
		cmocka_unit_test(test_docs_show_every_reason),
		cmocka_unit_test(test_help_shows_every_command),
		cmocka_unit_test(test_docs_index_equals_the_table_of_commands),
		cmocka_unit_test(test_man_page_equals_the_table_of_commands),
		cmocka_unit_test(test_docs_list_the_origins_by_precedence),
		cmocka_unit_test(test_pages_name_the_origins_by_precedence),
		cmocka_unit_test(test_reference_lists_every_command),
	};

	return cmocka_run_group_tests_name("telemetry_docs", tests, telemetry_set_up, telemetry_tear_down);
}
