/* SPDX-License-Identifier: BSD-3-Clause */
/* The results on a terminal: a table for each test with the columns whose values differ from the normal ones,
 * and notes below it. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "results/output.h"

#define CELL        512
#define NOTES_MAX   16
#define COLUMNS_MAX 64

struct table_notes {
	const char *text[NOTES_MAX];
	unsigned count;
};

static bool rows_are_of_same_test(const struct gremc_results *results, unsigned a, unsigned b)
{
	return strcmp(results->row[a].test, results->row[b].test) == 0;
}

/* Returns: the number of the note, from 1; 0 if there is none or the list is full. */
static unsigned note_number_get(struct table_notes *notes, const char *text)
{
	unsigned i = 0;

	while (text && i < notes->count && strcmp(notes->text[i], text) != 0)
		i++;
	if (text == NULL || i == NOTES_MAX)
		return 0;
	notes->text[i] = text;
	notes->count = RTE_MAX(notes->count, i + 1);
	return i + 1;
}

/* Format a cell. A verdict is followed by the number of its note. */
static void table_cell_format(const struct gremc_column *column, const struct gremc_result *row,
			      struct table_notes *notes, char *cell)
{
	unsigned note;

	gremc_column_text_format(column, row, GREMC_NUMBER_BRIEF, cell, CELL);
	if (strcmp(column->name, "verdict") != 0)
		return;
	note = note_number_get(notes, row->note);
	if (note)
		snprintf(cell + strlen(cell), CELL - strlen(cell), " (%u)", note);
}

/* Test and section are above the table, notes are below it. */
static bool column_is_outside_text_table(const struct gremc_column *column)
{
	return strcmp(column->name, "test") == 0 || strcmp(column->name, "section") == 0 ||
	       strcmp(column->name, "note") == 0;
}

static int column_width(const struct gremc_results *results, const struct gremc_column *column,
			unsigned first, unsigned last, struct table_notes *notes)
{
	char cell[CELL];
	size_t width = 0;
	bool shown = false;

	if (*column->heading == '\0' || column_is_outside_text_table(column))
		return 0;
	for (unsigned i = first; i < last; i++) {
		table_cell_format(column, &results->row[i], notes, cell);
		width = RTE_MAX(width, strlen(cell));
		shown |= !gremc_column_is_trivial(column, cell);
	}
	return shown ? (int)RTE_MAX(width, strlen(column->heading)) : 0;
}

static void padded_cell_print(FILE *out, const struct gremc_column *column, int width, const char *text)
{
	if (width)
		fprintf(out, column->kind == GREMC_COLUMN_text ? "%-*s  " : "%*s  ", width, text);
}

static void test_table_print(const struct gremc_results *results, unsigned first, unsigned last, FILE *out)
{
	const struct gremc_result *head = &results->row[first];
	struct table_notes notes = {.count = 0};
	char cell[CELL];
	int width[COLUMNS_MAX];

	gremc_assert(gremc_column_count <= COLUMNS_MAX);
	fprintf(out, "%s%s%s%s\n", head->test, head->section ? " (" : "", head->section ? head->section : "",
		head->section ? ")" : "");
	for (unsigned c = 0; c < gremc_column_count; c++) {
		width[c] = column_width(results, &gremc_columns[c], first, last, &notes);
		padded_cell_print(out, &gremc_columns[c], width[c], gremc_columns[c].heading);
	}
	fputc('\n', out);
	for (unsigned i = first; i < last; i++) {
		for (unsigned c = 0; c < gremc_column_count; c++) {
			if (width[c] == 0)
				continue;
			table_cell_format(&gremc_columns[c], &results->row[i], &notes, cell);
			padded_cell_print(out, &gremc_columns[c], width[c], cell);
		}
		fputc('\n', out);
	}
	for (unsigned i = 0; i < notes.count; i++)
		fprintf(out, "(%u) %s\n", i + 1, notes.text[i]);
	fputc('\n', out);
}

void gremc_results_print(const struct gremc_results *results, FILE *out)
{
	unsigned first = 0;

	for (unsigned i = 1; i <= results->count; i++) {
		if (i < results->count && rows_are_of_same_test(results, first, i))
			continue;
		test_table_print(results, first, i, out);
		first = i;
	}
}
