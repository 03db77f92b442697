/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of a test. */
#include <string.h>

#include <rte_common.h>

#include "base/assert.h"
#include "report/html.h"
#include "report/sections.h"

#define CELL        2048
#define NOTES_MAX   256
#define COLUMNS_MAX 64
#define GROUPED     5 /* digits; shorter numbers are not grouped */

/* The rows of a table. */
enum part {
	WHOLE,  /* of all sites together */
	SITE,   /* of one site */
	SKIPPED /* without a result */
};

enum column_choice { MAIN_COLUMNS, ALL_COLUMNS };
enum cell_choice { VERDICT, OTHERS };

struct html_table {
	const struct gremc_report *report;
	const char *test;
	bool shown[COLUMNS_MAX];
	const char *note[NOTES_MAX];
	unsigned notes;
};

static enum part row_part(const struct gremc_result *row)
{
	if (row->verdict && strcmp(row->verdict, "skipped") == 0)
		return SKIPPED;
	return row->sent == GREMC_RESULT_NONE && row->delay_min_us >= 0 ? SITE : WHOLE;
}

/* Returns: the next row of a part from (*run, *row) on; NULL if there is none. */
static const struct gremc_result *table_row_next(const struct html_table *table, enum part part,
						 unsigned *run, unsigned *row)
{
	for (; *run < table->report->count; ++*run, *row = 0)
		for (; *row < table->report->run[*run].results->count; ++*row)
			if (gremc_results_row_is_of(table->report->run[*run].results, *row, table->test) &&
			    row_part(&table->report->run[*run].results->row[*row]) == part)
				return &table->report->run[*run].results->row[*row];
	return NULL;
}

#define FOREACH_ROW(table, part, run, number, row)                                                           \
	for (unsigned run = 0, number = 0; (row = table_row_next(table, part, &run, &number)) != NULL;       \
	     number++)

/* ---- which columns ---- */

static bool name_is_in(const char *name, const char *const *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* Test and section are in the heading, histograms in the plots, notes below the table. */
static bool column_is_outside_table(const struct gremc_column *column)
{
	static const char *const names[] = {"test", "section", "histogram", "note"};

	return name_is_in(column->name, names, RTE_DIM(names));
}

/* Returns: whether the main table has the column: those of the terminal, and a few more. */
static bool column_is_brief(const struct gremc_column *column)
{
	static const char *const more[] = {"trials", "lossy_pps", "line_percent", "received_bps"};

	return *column->heading || name_is_in(column->name, more, RTE_DIM(more));
}

static void table_columns_choose(struct html_table *table, enum part part, enum column_choice choice)
{
	const struct gremc_result *row;
	char cell[CELL];

	for (unsigned c = 0; c < gremc_column_count; c++) {
		const struct gremc_column *column = &gremc_columns[c];

		table->shown[c] = false;
		if (column_is_outside_table(column) || (choice == MAIN_COLUMNS && !column_is_brief(column)))
			continue;
		FOREACH_ROW(table, part, run, number, row)
		{
			gremc_column_text_format(column, row, GREMC_NUMBER_BRIEF, cell, sizeof(cell));
			table->shown[c] |= choice == MAIN_COLUMNS ? !gremc_column_is_trivial(column, cell)
								  : *cell != '\0';
		}
	}
}

/* ---- cells ---- */

static bool column_is_numeric(const struct gremc_column *column)
{
	return column->kind != GREMC_COLUMN_text;
}

static bool column_is_verdict(const struct gremc_column *column)
{
	return strcmp(column->name, "verdict") == 0;
}

/* Write the heading of the terminal's table, or the name of a column that is not on the terminal. */
static void heading_write(FILE *out, const struct gremc_column *column)
{
	fputs("<th title='", out);
	gremc_html_text_write(out, column->meaning);
	fputs(column_is_numeric(column)   ? "' class='n'>"
	      : column_is_verdict(column) ? "' class='v'>"
					  : "'>",
	      out);
	for (const char *c = *column->heading ? column->heading : column->name; *c; c++)
		fputc(*c == '_' ? ' ' : *c, out);
	fputs("</th>", out);
}

/* Write a number with its digits in groups of three. */
static void grouped_number_write(FILE *out, const char *text)
{
	size_t whole = strspn(text, "0123456789");

	for (size_t i = 0; text[i]; i++) {
		if (i && i < whole && whole >= GROUPED && (whole - i) % 3 == 0)
			fputs("&#8239;", out);
		fputc(text[i], out);
	}
}

/* Returns: the number of the note, from 1; 0 if there is none or the list is full. */
static unsigned table_note_number(struct html_table *table, const char *note)
{
	if (note == NULL)
		return 0;
	for (unsigned i = 0; i < table->notes; i++)
		if (strcmp(table->note[i], note) == 0)
			return i + 1;
	if (table->notes == NOTES_MAX)
		return 0;
	table->note[table->notes++] = note;
	return table->notes;
}

static void cell_write(FILE *out, struct html_table *table, const struct gremc_column *column,
		       const struct gremc_result *row)
{
	unsigned note = 0;
	char cell[CELL];

	gremc_column_text_format(column, row, GREMC_NUMBER_BRIEF, cell, sizeof(cell));
	if (column_is_numeric(column)) {
		fputs("<td class='n'>", out);
		grouped_number_write(out, cell);
	} else if (column_is_verdict(column)) {
		fputs("<td class='v'>", out);
		gremc_html_text_write(out, cell);
		note = table_note_number(table, row->note);
	} else {
		fputs("<td>", out);
		gremc_html_text_write(out, cell);
	}
	if (note)
		fprintf(out, " <sup>%u</sup>", note);
	fputs("</td>", out);
}

/* ---- tables ---- */

/* The verdict is the first column and stays visible when a wide table is scrolled. */
static void headings_write(FILE *out, const struct html_table *table, enum cell_choice choice)
{
	for (unsigned c = 0; c < gremc_column_count; c++)
		if (table->shown[c] && column_is_verdict(&gremc_columns[c]) == (choice == VERDICT))
			heading_write(out, &gremc_columns[c]);
}

static void cells_write(FILE *out, struct html_table *table, const struct gremc_result *row,
			enum cell_choice choice)
{
	for (unsigned c = 0; c < gremc_column_count; c++)
		if (table->shown[c] && column_is_verdict(&gremc_columns[c]) == (choice == VERDICT))
			cell_write(out, table, &gremc_columns[c], row);
}

static void table_rows_write(FILE *out, struct html_table *table, enum part part)
{
	const struct gremc_result *row;

	fputs("<div class='scroll'><table><tr>", out);
	headings_write(out, table, VERDICT);
	if (table->report->count > 1)
		fputs("<th class='r'>forwarder</th>", out);
	headings_write(out, table, OTHERS);
	fputs("</tr>\n", out);
	FOREACH_ROW(table, part, run, number, row)
	{
		fprintf(out, "<tr class='%s'>", row->verdict ? row->verdict : "");
		cells_write(out, table, row, VERDICT);
		if (table->report->count > 1) {
			fputs("<td class='r'>", out);
			gremc_html_text_write(out, table->report->run[run].label);
			fputs("</td>", out);
		}
		cells_write(out, table, row, OTHERS);
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

static void table_notes_write(FILE *out, const struct html_table *table)
{
	if (table->notes == 0)
		return;
	fputs("<ol class='notes'>\n", out);
	for (unsigned i = 0; i < table->notes; i++) {
		fputs("<li>", out);
		gremc_html_text_write(out, table->note[i]);
		fputs("</li>\n", out);
	}
	fputs("</ol>\n", out);
}

static void skipped_rows_write(FILE *out, const struct html_table *table)
{
	const struct gremc_result *row;

	FOREACH_ROW(table, SKIPPED, run, number, row)
	{
		fputs("<p class='notes'>skipped", out);
		if (table->report->count > 1) {
			fputs(" (", out);
			gremc_html_text_write(out, table->report->run[run].label);
			fputc(')', out);
		}
		fputs(": ", out);
		gremc_html_text_write(out, row->note ? row->note : "");
		fputs("</p>\n", out);
	}
}

static bool table_has_part(const struct html_table *table, enum part part)
{
	unsigned run = 0, row = 0;

	return table_row_next(table, part, &run, &row) != NULL;
}

static void folded_table_write(FILE *out, struct html_table *table, enum part part, enum column_choice choice,
			       const char *title)
{
	fprintf(out, "<details><summary>%s</summary>\n", title);
	table_columns_choose(table, part, choice);
	table_rows_write(out, table, part);
	fputs("</details>\n", out);
}

void gremc_report_tables_write(FILE *out, const struct gremc_report *report, const char *test)
{
	struct html_table table = {.report = report, .test = test};

	gremc_assert(gremc_column_count <= COLUMNS_MAX);
	if (table_has_part(&table, WHOLE)) {
		table_columns_choose(&table, WHOLE, MAIN_COLUMNS);
		table_rows_write(out, &table, WHOLE);
		table_notes_write(out, &table);
	}
	skipped_rows_write(out, &table);
	if (table_has_part(&table, SITE))
		folded_table_write(out, &table, SITE, MAIN_COLUMNS, "each tunnel and LAN");
	if (table_has_part(&table, WHOLE))
		folded_table_write(out, &table, WHOLE, ALL_COLUMNS, "all columns");
}
