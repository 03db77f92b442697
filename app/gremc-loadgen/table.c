/* SPDX-License-Identifier: BSD-3-Clause */
/* The results on a terminal: a table for each test, of the columns that have anything in it. */
#include <stdlib.h>
#include <string.h>

#include "results.h"

#define CELL 512

static bool same_test(const struct gremc_results *results, unsigned a, unsigned b)
{
	return strcmp(results->row[a].test, results->row[b].test) == 0;
}

static int width_of(const struct gremc_results *results, const struct gremc_column *column, unsigned first,
		    unsigned last)
{
	char cell[CELL];
	size_t width = 0;

	for (unsigned i = first; i < last; i++) {
		gremc_column_text(column, &results->row[i], true, cell, sizeof(cell));
		width = RTE_MAX(width, strlen(cell));
	}
	return width && *column->heading ? (int)RTE_MAX(width, strlen(column->heading)) : 0;
}

static void print_one(const struct gremc_results *results, unsigned first, unsigned last, FILE *out)
{
	char cell[CELL];
	int width[64];

	for (unsigned c = 0; c < gremc_column_count; c++)
		width[c] = width_of(results, &gremc_columns[c], first, last);
	for (unsigned c = 0; c < gremc_column_count; c++)
		if (width[c])
			fprintf(out, gremc_columns[c].kind == GREMC_COLUMN_text ? "%-*s  " : "%*s  ",
				width[c], gremc_columns[c].heading);
	fputc('\n', out);
	for (unsigned i = first; i < last; i++) {
		for (unsigned c = 0; c < gremc_column_count; c++) {
			if (width[c] == 0)
				continue;
			gremc_column_text(&gremc_columns[c], &results->row[i], true, cell, sizeof(cell));
			fprintf(out, gremc_columns[c].kind == GREMC_COLUMN_text ? "%-*s  " : "%*s  ",
				width[c], cell);
		}
		fputc('\n', out);
	}
	fputc('\n', out);
}

void gremc_results_print(const struct gremc_results *results, FILE *out)
{
	unsigned first = 0;

	for (unsigned i = 1; i <= results->count; i++) {
		if (i < results->count && same_test(results, first, i))
			continue;
		print_one(results, first, i, out);
		first = i;
	}
}
