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

struct html_table {
	const struct gremc_results *const *results;
	unsigned count;
	const char *test;
	bool shown[COLUMNS_MOST];
	const char *note[NOTES_MOST];
	unsigned notes;
};

static enum part row_part(const struct gremc_result *row)
{
	if (row->verdict && strcmp(row->verdict, "skipped") == 0)
		return SKIPPED;
	return row->sent == GREMC_RESULT_NONE && row->delay_min_us >= 0 ? SITE : WHOLE;
}

/* The next row of a part at or behind (*run, *row); NULL: there is none. */
static const struct gremc_result *table_row_next(const struct html_table *html_table, enum part part,
						 unsigned *run, unsigned *row)
{
	for (; *run < html_table->count; ++*run, *row = 0)
		for (; *row < html_table->results[*run]->count; ++*row)
			if (gremc_results_row_is_of(html_table->results[*run], *row, html_table->test) &&
			    row_part(&html_table->results[*run]->row[*row]) == part)
				return &html_table->results[*run]->row[*row];
	return NULL;
}

#define FOREACH_ROW(html_table, part, run, number, row)                                                      \
	for (unsigned run = 0, number = 0; (row = table_row_next(html_table, part, &run, &number)) != NULL;  \
	     number++)

/* ---- which columns ---- */

static bool name_is_in(const char *name, const char *const *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* The test's heading says it, or it stands below the table. */
static bool column_is_outside_table(const struct gremc_column *column)
{
	static const char *const names[] = {"test", "section", "histogram", "note"};

	return name_is_in(column->name, names, RTE_DIM(names));
}

/* Of the short table: what the terminal shows, and a little more. */
static bool column_is_brief(const struct gremc_column *column)
{
	static const char *const more[] = {"trials", "lossy_pps", "line_percent", "received_bps"};

	return *column->heading || name_is_in(column->name, more, RTE_DIM(more));
}

static void table_columns_choose(struct html_table *html_table, enum part part, bool brief)
{
	const struct gremc_result *row;
	char cell[CELL];

	for (unsigned c = 0; c < gremc_column_count; c++) {
		const struct gremc_column *column = &gremc_columns[c];

		html_table->shown[c] = false;
		if (column_is_outside_table(column) || (brief && !column_is_brief(column)))
			continue;
		FOREACH_ROW(html_table, part, run, number, row)
		{
			gremc_column_text_format(column, row, true, cell, sizeof(cell));
			html_table->shown[c] |=
				brief ? !gremc_column_is_trivial(column, cell) : *cell != '\0';
		}
	}
}

/* ---- cells ---- */

static bool report_column_is_number(const struct gremc_column *column)
{
	return column->kind != GREMC_COLUMN_text;
}

static bool column_is_verdict(const struct gremc_column *column)
{
	return strcmp(column->name, "verdict") == 0;
}

/* The heading of the terminal's table, or the name where that has none. */
static void heading_write(FILE *out, const struct gremc_column *column)
{
	fputs("<th title='", out);
	gremc_html_text_write(out, column->meaning);
	fputs(report_column_is_number(column) ? "' class='n'>"
	      : column_is_verdict(column)     ? "' class='v'>"
					      : "'>",
	      out);
	for (const char *c = *column->heading ? column->heading : column->name; *c; c++)
		fputc(*c == '_' ? ' ' : *c, out);
	fputs("</th>", out);
}

/* Digits in groups of three. */
static void grouped_number_write(FILE *out, const char *text)
{
	size_t whole = strspn(text, "0123456789");

	for (size_t i = 0; text[i]; i++) {
		if (i && i < whole && whole >= GROUPED && (whole - i) % 3 == 0)
			fputs("&#8239;", out);
		fputc(text[i], out);
	}
}

/* Number of a note, from 1; 0: there is none, or no room for it. */
static unsigned table_note_number(struct html_table *html_table, const char *note)
{
	if (note == NULL)
		return 0;
	for (unsigned i = 0; i < html_table->notes; i++)
		if (strcmp(html_table->note[i], note) == 0)
			return i + 1;
	if (html_table->notes == NOTES_MOST)
		return 0;
	html_table->note[html_table->notes++] = note;
	return html_table->notes;
}

static void cell_write(FILE *out, struct html_table *html_table, const struct gremc_column *column,
		       const struct gremc_result *row)
{
	unsigned note = 0;
	char cell[CELL];

	gremc_column_text_format(column, row, true, cell, sizeof(cell));
	if (report_column_is_number(column)) {
		fputs("<td class='n'>", out);
		grouped_number_write(out, cell);
	} else if (column_is_verdict(column)) {
		fputs("<td class='v'>", out);
		gremc_html_text_write(out, cell);
		note = table_note_number(html_table, row->note);
	} else {
		fputs("<td>", out);
		gremc_html_text_write(out, cell);
	}
	if (note)
		fprintf(out, " <sup>%u</sup>", note);
	fputs("</td>", out);
}

/* ---- tables ---- */

/* The verdict is the first column, and stays in sight when a wide table is moved: no reader has to look for
 * it. */
static void headings_write(FILE *out, const struct html_table *html_table, bool verdict)
{
	for (unsigned c = 0; c < gremc_column_count; c++)
		if (html_table->shown[c] && column_is_verdict(&gremc_columns[c]) == verdict)
			heading_write(out, &gremc_columns[c]);
}

static void cells_write(FILE *out, struct html_table *html_table, const struct gremc_result *row,
			bool verdict)
{
	for (unsigned c = 0; c < gremc_column_count; c++)
		if (html_table->shown[c] && column_is_verdict(&gremc_columns[c]) == verdict)
			cell_write(out, html_table, &gremc_columns[c], row);
}

static void table_rows_write(FILE *out, struct html_table *html_table, enum part part)
{
	const struct gremc_result *row;

	fputs("<div class='scroll'><table><tr>", out);
	headings_write(out, html_table, true);
	if (html_table->count > 1)
		fputs("<th class='r'>forwarder</th>", out);
	headings_write(out, html_table, false);
	fputs("</tr>\n", out);
	FOREACH_ROW(html_table, part, run, number, row)
	{
		fprintf(out, "<tr class='%s'>", row->verdict ? row->verdict : "");
		cells_write(out, html_table, row, true);
		if (html_table->count > 1) {
			fputs("<td class='r'>", out);
			gremc_html_text_write(out, gremc_results_label(html_table->results[run]));
			fputs("</td>", out);
		}
		cells_write(out, html_table, row, false);
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

static void table_notes_write(FILE *out, const struct html_table *html_table)
{
	if (html_table->notes == 0)
		return;
	fputs("<ol class='notes'>\n", out);
	for (unsigned i = 0; i < html_table->notes; i++) {
		fputs("<li>", out);
		gremc_html_text_write(out, html_table->note[i]);
		fputs("</li>\n", out);
	}
	fputs("</ol>\n", out);
}

static void skipped_rows_write(FILE *out, const struct html_table *html_table)
{
	const struct gremc_result *row;

	FOREACH_ROW(html_table, SKIPPED, run, number, row)
	{
		fputs("<p class='notes'>skipped", out);
		if (html_table->count > 1) {
			fputs(" (", out);
			gremc_html_text_write(out, gremc_results_label(html_table->results[run]));
			fputc(')', out);
		}
		fputs(": ", out);
		gremc_html_text_write(out, row->note ? row->note : "");
		fputs("</p>\n", out);
	}
}

static bool table_has_part(const struct html_table *html_table, enum part part)
{
	unsigned run = 0, row = 0;

	return table_row_next(html_table, part, &run, &row) != NULL;
}

static void folded_table_write(FILE *out, struct html_table *html_table, enum part part, bool brief,
			       const char *title)
{
	fprintf(out, "<details><summary>%s</summary>\n", title);
	table_columns_choose(html_table, part, brief);
	table_rows_write(out, html_table, part);
	fputs("</details>\n", out);
}

void gremc_report_table_write(FILE *out, const struct gremc_results *const *results, unsigned count,
			      const char *test)
{
	struct html_table html_table = {.results = results, .count = count, .test = test};

	if (table_has_part(&html_table, WHOLE)) {
		table_columns_choose(&html_table, WHOLE, true);
		table_rows_write(out, &html_table, WHOLE);
		table_notes_write(out, &html_table);
	}
	skipped_rows_write(out, &html_table);
	if (table_has_part(&html_table, SITE))
		folded_table_write(out, &html_table, SITE, true, "each tunnel and LAN");
	if (table_has_part(&html_table, WHOLE))
		folded_table_write(out, &html_table, WHOLE, false, "all columns");
}
