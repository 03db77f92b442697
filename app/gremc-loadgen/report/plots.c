/* SPDX-License-Identifier: BSD-3-Clause */
/* The plots of a test. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/plot.h"
#include "report/sections.h"

#define FANOUTS_MAX 16
#define TITLE       96

/* ---- rates and loss ---- */

/* Returns: the bytes of a size; NAN for a mix. */
static double row_size_x(const struct gremc_result *row)
{
	const char *text = row->size ? row->size : "";
	const char *digits = strchr(text, ':') ? strchr(text, ':') + 1 : text;

	return *digits >= '0' && *digits <= '9' ? strtod(digits, NULL) : NAN;
}

static double count_to_double(uint64_t count)
{
	return count == GREMC_RESULT_NONE ? NAN : (double)count;
}

static double row_share_x(const struct gremc_result *row)
{
	return row->variant ? strtod(row->variant, NULL) : NAN;
}

/* A plot of a test: x and y of a row, and the fields that separate the series. */
struct view {
	const char *test, *title, *x_title, *y_title;
	double (*x)(const struct gremc_result *);
	double (*y)(const struct gremc_result *);
	bool by_size, by_fanout, log_x, log_y;
	bool each_fanout; /* a plot for each fan-out */
};

static double row_fanout_x(const struct gremc_result *row)
{
	return count_to_double(row->fanout);
}

static double row_rate_x(const struct gremc_result *row)
{
	return row->achieved_pps;
}

static double row_groups_x(const struct gremc_result *row)
{
	return count_to_double(row->groups);
}

static double row_replicas_y(const struct gremc_result *row)
{
	return row->replicas_ps;
}

static double row_input_y(const struct gremc_result *row)
{
	return row->achieved_pps;
}

static double row_bits_y(const struct gremc_result *row)
{
	return row->received_bps;
}

static double row_loss_y(const struct gremc_result *row)
{
	return row->loss_percent;
}

static const struct view views[] = {
	{.test = "throughput",
	 .title = "Throughput against size",
	 .x_title = "bytes of inner packet",
	 .y_title = "replicas/s",
	 .x = row_size_x,
	 .y = row_replicas_y,
	 .by_fanout = true},
	{.test = "throughput",
	 .title = "Throughput in bits against size",
	 .x_title = "bytes of inner packet",
	 .y_title = "bits/s out",
	 .x = row_size_x,
	 .y = row_bits_y,
	 .by_fanout = true},
	{.test = "throughput",
	 .title = "Throughput against fan-out",
	 .x_title = "fan-out",
	 .y_title = "replicas/s",
	 .x = row_fanout_x,
	 .y = row_replicas_y,
	 .by_size = true,
	 .log_x = true},
	{.test = "loss",
	 .title = "Loss against rate",
	 .x_title = "packets/s into the forwarder",
	 .y_title = "% lost",
	 .x = row_rate_x,
	 .y = row_loss_y,
	 .by_size = true,
	 .each_fanout = true},
	{.test = "mixed",
	 .title = "Throughput with unicast",
	 .x_title = "% unicast",
	 .y_title = "packets/s in",
	 .x = row_share_x,
	 .y = row_input_y,
	 .by_size = true,
	 .each_fanout = true},
	{.test = "matrix",
	 .title = "Loss against groups, at one rate",
	 .x_title = "flows",
	 .y_title = "% lost",
	 .x = row_groups_x,
	 .y = row_loss_y,
	 .by_size = true,
	 .log_x = true,
	 .each_fanout = true},
};

static struct gremc_plot *plot_create(const char *title, const char *x_title, const char *y_title)
{
	struct gremc_plot *plot = calloc(1, sizeof(*plot));

	if (plot == NULL)
		return NULL;
	plot->title = title;
	plot->x_title = x_title;
	plot->y_title = y_title;
	return plot;
}

static void series_name_format(char *name, size_t size, const struct view *view, const char *label,
			       const struct gremc_result *row)
{
	size_t used;

	gremc_text_copy(name, size, label);
	used = strlen(name);
	if (view->by_size && row->size && used < size)
		used += (size_t)snprintf(name + used, size - used, ", size %s", row->size);
	if (view->by_fanout && row->fanout != GREMC_RESULT_NONE && used < size)
		snprintf(name + used, size - used, ", fan-out %lu", (unsigned long)row->fanout);
}

/* The fan-outs of a test. Where sizes are series, each fan-out has a plot of its own, to limit the series in
 * a plot. */
struct fanouts {
	uint64_t value[FANOUTS_MAX];
	unsigned count;
};

static struct fanouts fanouts_collect(const struct gremc_report *report, const char *test)
{
	struct fanouts fanouts = {.count = 0};

	for (unsigned r = 0; r < report->count; r++)
		for (unsigned i = 0; i < report->run[r].results->count; i++) {
			uint64_t fanout = report->run[r].results->row[i].fanout;
			unsigned k = 0;

			if (!gremc_results_row_is_of(report->run[r].results, i, test))
				continue;
			while (k < fanouts.count && fanouts.value[k] != fanout)
				k++;
			if (k == fanouts.count && k < FANOUTS_MAX)
				fanouts.value[fanouts.count++] = fanout;
		}
	return fanouts;
}

static void plot_title_format(char *title, const char *what, uint64_t fanout)
{
	if (fanout == GREMC_RESULT_NONE)
		gremc_text_copy(title, TITLE, what);
	else
		snprintf(title, TITLE, "%s, fan-out %lu", what, (unsigned long)fanout);
}

static enum gremc_point_style row_point_style(const struct gremc_result *row)
{
	return row->verdict && strcmp(row->verdict, "limited") == 0 ? GREMC_POINT_HOLLOW : GREMC_POINT_SOLID;
}

/* Write a plot; with `one`, only of the rows with that fan-out. */
static void view_write(FILE *out, const struct view *view, const struct gremc_report *report,
		       const uint64_t *one)
{
	char name[GREMC_PLOT_NAME], title[TITLE];
	struct gremc_plot *plot = plot_create(title, view->x_title, view->y_title);

	if (plot == NULL)
		return;
	plot_title_format(title, view->title, one ? *one : GREMC_RESULT_NONE);
	plot->log_x = view->log_x;
	plot->log_y = view->log_y;
	for (unsigned r = 0; r < report->count; r++)
		for (unsigned i = 0; i < report->run[r].results->count; i++) {
			const struct gremc_result *row = &report->run[r].results->row[i];

			if (!gremc_results_row_is_of(report->run[r].results, i, view->test) ||
			    isnan(view->x(row)) || isnan(view->y(row)) || (one && row->fanout != *one))
				continue;
			series_name_format(name, sizeof(name), view, report->run[r].label, row);
			gremc_series_point_add(gremc_plot_series_get(plot, r, name), view->x(row),
					       view->y(row), row_point_style(row));
		}
	gremc_plot_write(plot, out);
	free(plot);
}

static void views_write(FILE *out, const struct gremc_report *report, const char *test)
{
	struct fanouts fanouts = fanouts_collect(report, test);

	for (unsigned v = 0; v < RTE_DIM(views); v++) {
		if (strcmp(views[v].test, test) != 0)
			continue;
		if (!views[v].each_fanout)
			view_write(out, &views[v], report, NULL);
		for (unsigned k = 0; views[v].each_fanout && k < fanouts.count; k++)
			view_write(out, &views[v], report, &fanouts.value[k]);
	}
}

/* ---- delays ---- */

static bool texts_are_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Add a point for each bucket: the share of delays that are at least as long. */
static void series_delays_add(struct gremc_series *series, const char *histogram)
{
	double total = 0, seen = 0, us;
	unsigned long count;
	int length;

	for (const char *at = histogram; sscanf(at, "%lf:%lu%n", &us, &count, &length) == 2;
	     at += at[length] == ';' ? length + 1 : length)
		total += (double)count;
	for (const char *at = histogram; sscanf(at, "%lf:%lu%n", &us, &count, &length) == 2;
	     at += at[length] == ';' ? length + 1 : length) {
		gremc_series_point_add(series, us, (total - seen) / total * 100, GREMC_POINT_SOLID);
		seen += (double)count;
	}
}

/* Returns: the number of this row among rows of the same case, from 1. Repeated trials are series of their
 * own. */
static unsigned row_repetition(const struct gremc_results *results, unsigned number)
{
	const struct gremc_result *row = &results->row[number];
	unsigned count = 1;

	for (unsigned i = 0; i < number; i++) {
		const struct gremc_result *other = &results->row[i];

		count += strcmp(other->test, row->test) == 0 && other->histogram &&
			 other->fanout == row->fanout && texts_are_equal(other->size, row->size) &&
			 texts_are_equal(other->variant, row->variant);
	}
	return count;
}

static void delay_plot_write(FILE *out, const struct gremc_report *report, const char *test, uint64_t fanout)
{
	char name[GREMC_PLOT_NAME], title[TITLE], trial[24];
	unsigned again;
	struct gremc_plot *plot = plot_create(title, "microseconds", "% of replicas with this delay or more");

	if (plot == NULL)
		return;
	plot_title_format(title, "Delays", fanout);
	plot->log_x = plot->log_y = true;
	for (unsigned r = 0; r < report->count; r++)
		for (unsigned i = 0; i < report->run[r].results->count; i++) {
			const struct gremc_result *row = &report->run[r].results->row[i];

			if (!gremc_results_row_is_of(report->run[r].results, i, test) ||
			    row->histogram == NULL || row->fanout != fanout)
				continue;
			again = row_repetition(report->run[r].results, i);
			if (again > 1)
				snprintf(trial, sizeof(trial), ", trial %u", again);
			snprintf(name, sizeof(name), "%s%ssize %s, %s%s%.0f packets/s%s",
				 report->count > 1 ? report->run[r].label : "", report->count > 1 ? ", " : "",
				 row->size ? row->size : "", row->variant ? row->variant : "",
				 row->variant ? ", " : "", row->achieved_pps, again > 1 ? trial : "");
			series_delays_add(gremc_plot_series_get(plot, r << 16 | i, name), row->histogram);
		}
	gremc_plot_write(plot, out);
	free(plot);
}

static void delay_plots_write(FILE *out, const struct gremc_report *report, const char *test)
{
	struct fanouts fanouts = fanouts_collect(report, test);

	for (unsigned k = 0; k < fanouts.count; k++)
		delay_plot_write(out, report, test, fanouts.value[k]);
}

void gremc_report_plots_write(FILE *out, const struct gremc_report *report, const char *test)
{
	views_write(out, report, test);
	delay_plots_write(out, report, test);
}
