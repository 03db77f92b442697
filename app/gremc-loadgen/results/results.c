/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/results.h"

struct gremc_result *gremc_results_row_add(struct gremc_results *results, const char *test,
					   const char *section)
{
	struct gremc_result *more = realloc(results->row, (results->count + 1) * sizeof(*more)), *row;

	if (more == NULL)
		return NULL;
	results->row = more;
	row = &more[results->count++];
	gremc_result_init(row);
	gremc_result_text_set(&row->test, "%s", test);
	if (section)
		gremc_result_text_set(&row->section, "%s", section);
	return row;
}

void gremc_results_fini(struct gremc_results *results)
{
	for (unsigned i = 0; i < results->count; i++)
		gremc_result_fini(&results->row[i]);
	for (unsigned i = 0; i < results->fact_count; i++) {
		free(results->fact[i].name);
		free(results->fact[i].value);
	}
	free(results->row);
	free(results->fact);
	*results = (struct gremc_results){0};
}

void gremc_results_fact_add(struct gremc_results *results, const char *name, const char *format, ...)
{
	struct gremc_fact *more = realloc(results->fact, (results->fact_count + 1) * sizeof(*more));
	char *value = NULL;
	va_list arguments;

	if (more == NULL)
		return;
	results->fact = more;
	va_start(arguments, format);
	if (vasprintf(&value, format, arguments) < 0)
		value = NULL;
	va_end(arguments);
	more[results->fact_count++] = (struct gremc_fact){strdup(name), value};
}

const char *gremc_results_fact_get(const struct gremc_results *results, const char *name)
{
	for (unsigned i = 0; i < results->fact_count; i++)
		if (results->fact[i].name && strcmp(results->fact[i].name, name) == 0)
			return results->fact[i].value;
	return NULL;
}

bool gremc_results_row_is_of(const struct gremc_results *results, unsigned row, const char *test)
{
	return strcmp(results->row[row].test, test) == 0;
}
