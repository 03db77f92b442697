/* SPDX-License-Identifier: BSD-3-Clause */
/* docs/telemetry.md and /help against the program: commands, keys, reasons. */
#ifndef GREMC_TESTS_TELEMETRY_DOCS_H
#define GREMC_TESTS_TELEMETRY_DOCS_H

#include <errno.h>

#include "telemetry_ask.h"

static char *read_docs(void)
{
	const char *source = getenv("GREMC_SOURCE_DIR");
	char path[4096];
	char *docs;
	FILE *file;
	long size;

	if (source == NULL)
		fail_msg("GREMC_SOURCE_DIR is not set; it is the root of the sources");
	snprintf(path, sizeof(path), "%s/docs/telemetry.md", source);
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
static char *section(const char *docs, const char *heading)
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

/* How many rows of a table: lines that begin with "| `". */
static unsigned count_rows(const char *part)
{
	unsigned rows = 0;

	for (const char *at = part; (at = strstr(at, "\n| `")); at++)
		rows++;
	return rows;
}

/* The keys of a reply as the docs name them: N for a number, REASON for a reason, [] for the items of an
 * array. */
static void generalise(const char *path, char *key, size_t size)
{
	char copy[96], *rest = copy, *part;
	size_t used = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	key[0] = '\0';
	while ((part = strsep(&rest, "."))) {
		bool reason = used && (strcmp(key, "drops") == 0 || strcmp(key, "losses") == 0 ||
				       strcmp(key, "punts") == 0 || strcmp(key, "list.N.losses") == 0 ||
				       strcmp(key, "list.N.counters") == 0);
		char *bracket = strchr(part, '[');

		if (bracket)
			strcpy(bracket, "[]");
		if (isdigit((unsigned char)*part))
			part = (char *)(uintptr_t) "N";
		used += snprintf(key + used, size - used, "%s%s", used ? "." : "", reason ? "REASON" : part);
	}
}

static void check_command(const char *docs, const char *path, const char *question)
{
	const struct gremc_command *command = gremc_commands;
	char heading[160], row[160], help[160], key[96];
	unsigned distinct = 0;
	char *part;

	while (strcmp(command->path, path))
		command++;
	snprintf(heading, sizeof(heading), "## %s%s", command->path, command->parameters);
	part = section(docs, heading);
	snprintf(help, sizeof(help), "\n%.*s\n", (int)(strstr(command->help, " Parameters:") - command->help),
		 command->help);
	if (strncmp(part, help, strlen(help)))
		fail_msg("docs/telemetry.md, %s: the first sentence is not '%s'", heading, help);
	ask("%s", question);
	for (unsigned i = 0; i < reply.count; i++) {
		bool again = false;

		generalise(reply.field[i].path, key, sizeof(key));
		for (unsigned k = 0; k < i && !again; k++) {
			char other[96];

			generalise(reply.field[k].path, other, sizeof(other));
			again = strcmp(key, other) == 0;
		}
		distinct += !again;
		snprintf(row, sizeof(row), "\n| `%s` | %s | ", key,
			 reply.field[i].is_text ? "text" : "number");
		if (strstr(part, row) == NULL)
			fail_msg("docs/telemetry.md, %s: no row '%s'", heading, row + 1);
	}
	if (count_rows(part) != distinct)
		fail_msg("docs/telemetry.md, %s: %u rows, the reply has %u keys", heading, count_rows(part),
			 distinct);
	free(part);
}

static void test_docs_commands(void **unused __rte_unused)
{
	static const char *const questions[] = {"/gremc/info",        "/gremc/lcores",
						"/gremc/ports",       "/gremc/pools",
						"/gremc/drops",       "/gremc/reasons",
						"/gremc/neighbors",   "/gremc/tunnels,1",
						"/gremc/tunnel,gre1", "/gremc/hosts",
						"/gremc/mroutes",     "/gremc/mroute,10.1.1.1,239.1.1.1",
						"/gremc/igmp",        "/gremc/groups",
						"/gremc/kernel",      "/gremc/why,gre0,10.1.1.1,239.1.1.1"};
	char *docs = read_docs(), path[64];

	assert_int_equal(RTE_DIM(questions), gremc_command_count);
	for (unsigned i = 0; i < RTE_DIM(questions); i++) {
		snprintf(path, sizeof(path), "%.*s", (int)strcspn(questions[i], ","), questions[i]);
		check_command(docs, path, questions[i]);
	}
	free(docs);
}

static void check_reasons(const char *docs, const char *heading, const char *(*name)(unsigned),
			  const char *(*meaning)(unsigned), unsigned count)
{
	char *part = section(docs, heading), row[256];

	for (unsigned i = 0; i < count; i++) {
		snprintf(row, sizeof(row), "\n| `%s` | %s |", name(i), meaning(i));
		if (strstr(part, row) == NULL)
			fail_msg("docs/telemetry.md, %s: no row '%s'", heading, row + 1);
	}
	assert_int_equal(count_rows(part), count);
	free(part);
}

static const char *drop_name(unsigned i)
{
	return gremc_drop_name(i);
}

static const char *drop_text(unsigned i)
{
	return gremc_drop_text(i);
}

static const char *loss_name(unsigned i)
{
	return gremc_tx_drop_name(i);
}

static const char *loss_text(unsigned i)
{
	return gremc_tx_drop_text(i);
}

static const char *punt_name(unsigned i)
{
	return gremc_punt_name(i);
}

static const char *host_loss_name(unsigned i)
{
	return gremc_host_drop_name(i);
}

static const char *host_loss_text(unsigned i)
{
	return gremc_host_drop_text(i);
}

static const char *punt_text(unsigned i)
{
	return gremc_punt_text(i);
}

static const char *igmp_name(unsigned i)
{
	return gremc_igmp_counter_name(i);
}

static const char *igmp_text(unsigned i)
{
	return gremc_igmp_counter_text(i);
}

static void test_docs_reasons(void **unused __rte_unused)
{
	char *docs = read_docs();

	check_reasons(docs, "## Drop reasons", drop_name, drop_text, GREMC_DROP_COUNT);
	check_reasons(docs, "## Loss reasons", loss_name, loss_text, GREMC_TX_DROP_COUNT);
	check_reasons(docs, "## Host losses", host_loss_name, host_loss_text, GREMC_HOST_DROP_COUNT);
	check_reasons(docs, "## IGMP counters", igmp_name, igmp_text, GREMC_IGMP_COUNTER_COUNT);
	check_reasons(docs, "## Punts", punt_name, punt_text, GREMC_PUNT_COUNT);
	free(docs);
}

static void test_help(void **unused __rte_unused)
{
	for (unsigned i = 0; i < gremc_command_count; i++) {
		char question[128], *escaped;

		snprintf(question, sizeof(question), "/help,%s", gremc_commands[i].path);
		assert_true(client_ask(client, question, &reply));
		escaped = strstr(reply.json, gremc_commands[i].help);
		if (escaped == NULL)
			fail_msg("%s: %s", question, reply.json);
	}
}

#endif
