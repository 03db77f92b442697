/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_common.h>

#include "plot.h"
#include "report.h"

#define CELL         2048
#define NOTES_MOST   256
#define COLUMNS_MOST 64
#define GROUPED      5 /* digits; shorter numbers are not grouped */

/* What a row is about. */
enum part { WHOLE, SITE, SKIPPED };

struct table {
	const struct gremc_results *const *results;
	unsigned count;
	const char *test;
	bool shown[COLUMNS_MOST];
	const char *note[NOTES_MOST];
	unsigned notes;
};

static enum part part_of(const struct gremc_result *row)
{
	if (row->verdict && strcmp(row->verdict, "skipped") == 0)
		return SKIPPED;
	return row->sent == GREMC_RESULT_NONE && row->delay_min_us >= 0 ? SITE : WHOLE;
}

/* The next row of a part at or behind (*run, *row); NULL: there is none. */
static const struct gremc_result *next(const struct table *table, enum part part, unsigned *run,
				       unsigned *row)
{
	for (; *run < table->count; ++*run, *row = 0)
		for (; *row < table->results[*run]->count; ++*row)
			if (gremc_report_is_of(table->results[*run], *row, table->test) &&
			    part_of(&table->results[*run]->row[*row]) == part)
				return &table->results[*run]->row[*row];
	return NULL;
}

#define FOREACH_ROW(table, part, run, number, row)                                                           \
	for (unsigned run = 0, number = 0; (row = next(table, part, &run, &number)) != NULL; number++)

/* ---- which columns ---- */

static bool is_one_of(const char *name, const char *const *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* The test's heading says it, or it stands below the table. */
static bool is_elsewhere(const struct gremc_column *column)
{
	static const char *const names[] = {"test", "section", "histogram", "note"};

	return is_one_of(column->name, names, RTE_DIM(names));
}

/* Of the short table: what the terminal shows, and a little more. */
static bool is_brief(const struct gremc_column *column)
{
	static const char *const more[] = {"trials", "lossy_pps", "line_percent", "received_bps"};

	return *column->heading || is_one_of(column->name, more, RTE_DIM(more));
}

static void choose_columns(struct table *table, enum part part, bool brief)
{
	const struct gremc_result *row;
	char cell[CELL];

	for (unsigned c = 0; c < gremc_column_count; c++) {
		const struct gremc_column *column = &gremc_columns[c];

		table->shown[c] = false;
		if (is_elsewhere(column) || (brief && !is_brief(column)))
			continue;
		FOREACH_ROW(table, part, run, number, row)
		{
			gremc_column_text(column, row, true, cell, sizeof(cell));
			table->shown[c] |= brief ? !gremc_column_is_dull(column, cell) : *cell != '\0';
		}
	}
}

/* ---- cells ---- */

static bool is_number(const struct gremc_column *column)
{
	return column->kind != GREMC_COLUMN_text;
}

static bool is_verdict(const struct gremc_column *column)
{
	return strcmp(column->name, "verdict") == 0;
}

/* The heading of the terminal's table, or the name where that has none. */
static void put_heading(FILE *out, const struct gremc_column *column)
{
	fputs("<th title='", out);
	gremc_html_text(out, column->meaning);
	fputs(is_number(column) ? "' class='n'>" : is_verdict(column) ? "' class='v'>" : "'>", out);
	for (const char *c = *column->heading ? column->heading : column->name; *c; c++)
		fputc(*c == '_' ? ' ' : *c, out);
	fputs("</th>", out);
}

/* Digits in groups of three. */
static void put_number(FILE *out, const char *text)
{
	size_t whole = strspn(text, "0123456789");

	for (size_t i = 0; text[i]; i++) {
		if (i && i < whole && whole >= GROUPED && (whole - i) % 3 == 0)
			fputs("&#8239;", out);
		fputc(text[i], out);
	}
}

/* Number of a note, from 1; 0: there is none, or no room for it. */
static unsigned note_of(struct table *table, const char *note)
{
	if (note == NULL)
		return 0;
	for (unsigned i = 0; i < table->notes; i++)
		if (strcmp(table->note[i], note) == 0)
			return i + 1;
	if (table->notes == NOTES_MOST)
		return 0;
	table->note[table->notes++] = note;
	return table->notes;
}

static void put_cell(FILE *out, struct table *table, const struct gremc_column *column,
		     const struct gremc_result *row)
{
	unsigned note = 0;
	char cell[CELL];

	gremc_column_text(column, row, true, cell, sizeof(cell));
	if (is_number(column)) {
		fputs("<td class='n'>", out);
		put_number(out, cell);
	} else if (is_verdict(column)) {
		fputs("<td class='v'>", out);
		gremc_html_text(out, cell);
		note = note_of(table, row->note);
	} else {
		fputs("<td>", out);
		gremc_html_text(out, cell);
	}
	if (note)
		fprintf(out, " <sup>%u</sup>", note);
	fputs("</td>", out);
}

/* ---- tables ---- */

/* The verdict is the first column, and stays in sight when a wide table is moved: no reader has to look for
 * it. */
static void put_headings(FILE *out, const struct table *table, bool verdict)
{
	for (unsigned c = 0; c < gremc_column_count; c++)
		if (table->shown[c] && is_verdict(&gremc_columns[c]) == verdict)
			put_heading(out, &gremc_columns[c]);
}

static void put_cells(FILE *out, struct table *table, const struct gremc_result *row, bool verdict)
{
	for (unsigned c = 0; c < gremc_column_count; c++)
		if (table->shown[c] && is_verdict(&gremc_columns[c]) == verdict)
			put_cell(out, table, &gremc_columns[c], row);
}

static void put_rows(FILE *out, struct table *table, enum part part)
{
	const struct gremc_result *row;

	fputs("<div class='scroll'><table><tr>", out);
	put_headings(out, table, true);
	if (table->count > 1)
		fputs("<th class='r'>forwarder</th>", out);
	put_headings(out, table, false);
	fputs("</tr>\n", out);
	FOREACH_ROW(table, part, run, number, row)
	{
		fprintf(out, "<tr class='%s'>", row->verdict ? row->verdict : "");
		put_cells(out, table, row, true);
		if (table->count > 1) {
			fputs("<td class='r'>", out);
			gremc_html_text(out, gremc_report_label(table->results[run]));
			fputs("</td>", out);
		}
		put_cells(out, table, row, false);
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

static void put_notes(FILE *out, const struct table *table)
{
	if (table->notes == 0)
		return;
	fputs("<ol class='notes'>\n", out);
	for (unsigned i = 0; i < table->notes; i++) {
		fputs("<li>", out);
		gremc_html_text(out, table->note[i]);
		fputs("</li>\n", out);
	}
	fputs("</ol>\n", out);
}

static void put_skipped(FILE *out, const struct table *table)
{
	const struct gremc_result *row;

	FOREACH_ROW(table, SKIPPED, run, number, row)
	{
		fputs("<p class='notes'>skipped", out);
		if (table->count > 1) {
			fputs(" (", out);
			gremc_html_text(out, gremc_report_label(table->results[run]));
			fputc(')', out);
		}
		fputs(": ", out);
		gremc_html_text(out, row->note ? row->note : "");
		fputs("</p>\n", out);
	}
}

static bool has(const struct table *table, enum part part)
{
	unsigned run = 0, row = 0;

	return next(table, part, &run, &row) != NULL;
}

static void put_folded(FILE *out, struct table *table, enum part part, bool brief, const char *title)
{
	fprintf(out, "<details><summary>%s</summary>\n", title);
	choose_columns(table, part, brief);
	put_rows(out, table, part);
	fputs("</details>\n", out);
}

void gremc_report_table(FILE *out, const struct gremc_results *const *results, unsigned count,
			const char *test)
{
	struct table table = {.results = results, .count = count, .test = test};

	if (has(&table, WHOLE)) {
		choose_columns(&table, WHOLE, true);
		put_rows(out, &table, WHOLE);
		put_notes(out, &table);
	}
	put_skipped(out, &table);
	if (has(&table, SITE))
		put_folded(out, &table, SITE, true, "each tunnel and LAN");
	if (has(&table, WHOLE))
		put_folded(out, &table, WHOLE, false, "all columns");
}
