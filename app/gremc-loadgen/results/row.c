/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/row.h"

#define BUCKET_TEXT 32 /* "microseconds:count;" */

const struct gremc_column gremc_columns[] = {
#define GREMC_X(kind, name, heading, meaning)                                                                \
	{GREMC_COLUMN_##kind, #name, heading, meaning, offsetof(struct gremc_result, name)},
	GREMC_RESULT_COLUMNS(GREMC_X)
#undef GREMC_X
};
const unsigned gremc_column_count = RTE_DIM(gremc_columns);

void gremc_result_init(struct gremc_result *row)
{
#define GREMC_EMPTY_text                      NULL
#define GREMC_EMPTY_count                     GREMC_RESULT_NONE
#define GREMC_EMPTY_number                    NAN
#define GREMC_X(kind, name, heading, meaning) row->name = GREMC_EMPTY_##kind;
	GREMC_RESULT_COLUMNS(GREMC_X)
#undef GREMC_X
}

void gremc_result_fini(struct gremc_result *row)
{
#define GREMC_FREE_text(name) free(row->name);
#define GREMC_FREE_count(name)
#define GREMC_FREE_number(name)
#define GREMC_X(kind, name, heading, meaning) GREMC_FREE_##kind(name)
	GREMC_RESULT_COLUMNS(GREMC_X)
#undef GREMC_X
}

/* ---- texts ---- */

void gremc_result_text_set(char **text, const char *format, ...)
{
	char *made = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&made, format, arguments) < 0)
		made = NULL;
	va_end(arguments);
	free(*text);
	*text = made;
}

void gremc_result_text_append(char **text, const char *format, ...)
{
	char *more = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&more, format, arguments) < 0)
		more = NULL;
	va_end(arguments);
	if (more)
		gremc_result_text_set(text, "%s%s%s", *text ? *text : "", *text ? "; " : "", more);
	free(more);
}

/* ---- delays ---- */

void gremc_result_buckets_set(struct gremc_result *row, const struct gremc_histogram *histogram, uint64_t hz)
{
	double us = 1e6 / (double)hz;
	size_t used = 0, filled = 0;
	char *text;

	if (histogram->count == 0)
		return;
	for (unsigned i = 0; i < GREMC_HISTOGRAM_BUCKETS; i++)
		filled += histogram->bucket[i] != 0;
	text = malloc(filled * BUCKET_TEXT + 1);
	if (text == NULL)
		return;
	text[0] = '\0';
	for (unsigned i = 0; i < GREMC_HISTOGRAM_BUCKETS; i++)
		if (histogram->bucket[i])
			used += (size_t)snprintf(text + used, BUCKET_TEXT, "%s%.3f:%u", used ? ";" : "",
						 (double)gremc_histogram_upper(i) * us, histogram->bucket[i]);
	free(row->histogram);
	row->histogram = text;
}

void gremc_result_delay_set(struct gremc_result *row, const struct gremc_histogram *histogram, uint64_t hz)
{
	double us = 1e6 / (double)hz;

	if (histogram->count == 0)
		return;
	row->delay_min_us = (double)histogram->min * us;
	row->delay_max_us = (double)histogram->max * us;
	row->delay_mean_us = (double)histogram->sum / (double)histogram->count * us;
	row->delay_p50_us = (double)gremc_histogram_percentile(histogram, 0.5) * us;
	row->delay_p90_us = (double)gremc_histogram_percentile(histogram, 0.9) * us;
	row->delay_p99_us = (double)gremc_histogram_percentile(histogram, 0.99) * us;
	row->delay_p999_us = (double)gremc_histogram_percentile(histogram, 0.999) * us;
	row->jitter_us = (double)histogram->jitter_sum / (double)histogram->count * us;
}

void gremc_result_sent_delay_set(struct gremc_result *row, const struct gremc_histogram *histogram,
				 uint64_t hz)
{
	double us = 1e6 / (double)hz;

	if (histogram->count == 0)
		return;
	row->sent_delay_mean_us = (double)histogram->sum / (double)histogram->count * us;
	row->sent_delay_p50_us = (double)gremc_histogram_percentile(histogram, 0.5) * us;
	row->sent_delay_p99_us = (double)gremc_histogram_percentile(histogram, 0.99) * us;
	row->sent_delay_p999_us = (double)gremc_histogram_percentile(histogram, 0.999) * us;
	row->sent_delay_max_us = (double)histogram->max * us;
}

/* ---- columns ---- */

static void number_format(double value, enum gremc_number_form form, char *text, size_t size)
{
	if (isnan(value))
		text[0] = '\0';
	else if (form == GREMC_NUMBER_EXACT)
		snprintf(text, size, "%.9g", value);
	else if (fabs(value) >= 1000)
		snprintf(text, size, "%.0f", value);
	else
		snprintf(text, size, "%.4g", value);
}

char *gremc_column_text_format(const struct gremc_column *column, const struct gremc_result *row,
			       enum gremc_number_form form, char *text, size_t size)
{
	const char *at = (const char *)row + column->offset, *const * string;
	uint64_t count;
	double number;

	text[0] = '\0';
	switch (column->kind) {
	case GREMC_COLUMN_text:
		string = (const void *)at;
		if (*string)
			gremc_text_copy(text, size, *string);
		break;
	case GREMC_COLUMN_count:
		memcpy(&count, at, sizeof(count));
		if (count != GREMC_RESULT_NONE)
			snprintf(text, size, "%" PRIu64, count);
		break;
	case GREMC_COLUMN_number:
		memcpy(&number, at, sizeof(number));
		number_format(number, form, text, size);
		break;
	}
	return text;
}

bool gremc_column_is_trivial(const struct gremc_column *column, const char *text)
{
	return *text == '\0' || (strcmp(column->name, "faults") == 0 && strcmp(text, "none") == 0) ||
	       (strcmp(column->name, "loss_percent") == 0 && strcmp(text, "0") == 0) ||
	       (strcmp(column->name, "trials") == 0 && strcmp(text, "1") == 0);
}
