/* SPDX-License-Identifier: BSD-3-Clause */
/* Results as CSV (RFC 4180). */
#include <string.h>

#include "results/output.h"

#define CELL 256

static void csv_cell_write(FILE *out, const char *text)
{
	if (strpbrk(text, ",\"\n") == NULL) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (const char *c = text; *c; c++)
		fprintf(out, *c == '"' ? "\"\"" : "%c", *c);
	fputc('"', out);
}

int gremc_results_csv_write(const struct gremc_results *results, const char *path)
{
	FILE *out = fopen(path, "we");
	char cell[CELL];

	if (out == NULL)
		return -1;
	for (unsigned c = 0; c < gremc_column_count; c++)
		fprintf(out, "%s%s", c ? "," : "", gremc_columns[c].name);
	fputs("\r\n", out);
	for (unsigned i = 0; i < results->count; i++) {
		for (unsigned c = 0; c < gremc_column_count; c++) {
			const struct gremc_column *column = &gremc_columns[c];
			const char *const *text =
				(const void *)((const char *)&results->row[i] + column->offset);

			gremc_column_text_format(column, &results->row[i], GREMC_NUMBER_EXACT, cell,
						 sizeof(cell));
			if (c)
				fputc(',', out);
			csv_cell_write(out, column->kind == GREMC_COLUMN_text && *text ? *text : cell);
		}
		fputs("\r\n", out);
	}
	return fclose(out) ? -1 : 0;
}
