/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "base/text.h"
#include "report/html.h"
#include "report/plot.h"

#define WIDTH       720.0
#define HEIGHT      340.0
#define LEFT        78.0
#define RIGHT       20.0
#define TOP         34.0
#define BOTTOM      52.0
#define TICKS       6  /* of a linear axis, approximately */
#define CIRCLES_MAX 64 /* points of a series that are drawn as circles */
#define LEGEND_ROW  16.0

static const char *const colours[GREMC_PLOT_SERIES] = {"#1f5fa8", "#c4501b", "#2b8a3e", "#8a3ab9",
						       "#b8860b", "#0b7285", "#a61e4d", "#495057"};

struct axis {
	double low, high;
	bool log;
};

struct gremc_series *gremc_plot_series_get(struct gremc_plot *plot, unsigned key, const char *name)
{
	for (unsigned i = 0; i < plot->count; i++)
		if (plot->series[i].key == key &&
		    strncmp(plot->series[i].name, name, GREMC_PLOT_NAME - 1) == 0)
			return &plot->series[i];
	if (plot->count == GREMC_PLOT_SERIES) {
		plot->incomplete = true;
		return NULL;
	}
	gremc_text_copy(plot->series[plot->count].name, GREMC_PLOT_NAME, name);
	plot->series[plot->count].key = key;
	return &plot->series[plot->count++];
}

void gremc_series_point_add(struct gremc_series *series, double x, double y, enum gremc_point_style style)
{
	if (series == NULL || series->count == GREMC_PLOT_POINTS || isnan(x) || isnan(y))
		return;
	series->hollow[series->count] = style == GREMC_POINT_HOLLOW;
	series->x[series->count] = x;
	series->y[series->count++] = y;
}

/* ---- axes ---- */

static bool point_is_shown(const struct gremc_plot *plot, double x, double y)
{
	return (!plot->log_x || x > 0) && (!plot->log_y || y > 0);
}

static void axis_widen(struct axis *axis, double value)
{
	axis->low = isnan(axis->low) ? value : RTE_MIN(axis->low, value);
	axis->high = isnan(axis->high) ? value : RTE_MAX(axis->high, value);
}

/* Extend a logarithmic axis to powers of ten, and a linear axis to 0. */
static void axis_bounds_round(struct axis *axis)
{
	if (axis->log) {
		axis->low = pow(10, floor(log10(axis->low)));
		axis->high = pow(10, ceil(log10(axis->high)));
		if (axis->high <= axis->low)
			axis->high = axis->low * 10;
		return;
	}
	axis->low = RTE_MIN(0.0, axis->low);
	if (axis->high <= axis->low)
		axis->high = axis->low + 1;
}

static double axis_coordinate(const struct axis *axis, double value, double from, double to)
{
	double share = axis->log ? log(value / axis->low) / log(axis->high / axis->low)
				 : (value - axis->low) / (axis->high - axis->low);

	return from + share * (to - from);
}

/* Returns: the distance of ticks: 1, 2 or 5 times a power of ten. */
static double axis_step(const struct axis *axis)
{
	double raw = (axis->high - axis->low) / TICKS, power = pow(10, floor(log10(raw)));

	return raw / power < 1.5   ? power
	       : raw / power < 3.5 ? 2 * power
	       : raw / power < 7.5 ? 5 * power
				   : 10 * power;
}

static void axis_number_write(FILE *out, double value)
{
	double size = fabs(value);

	if (size >= 1e9)
		fprintf(out, "%.4gG", value / 1e9);
	else if (size >= 1e6)
		fprintf(out, "%.4gM", value / 1e6);
	else if (size >= 1e4)
		fprintf(out, "%.4gk", value / 1e3);
	else
		fprintf(out, "%.4g", value);
}

static void axis_tick_write(FILE *out, const struct axis *axis, double value, bool is_x)
{
	double at = is_x ? axis_coordinate(axis, value, LEFT, WIDTH - RIGHT)
			 : axis_coordinate(axis, value, HEIGHT - BOTTOM, TOP);

	if (is_x)
		fprintf(out,
			"<path d='M%.1f %.1fV%.1f' class='grid'/><text x='%.1f' y='%.1f' text-anchor='middle'>",
			at, TOP, HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 16);
	else
		fprintf(out,
			"<path d='M%.1f %.1fH%.1f' class='grid'/><text x='%.1f' y='%.1f' text-anchor='end'>",
			LEFT, at, WIDTH - RIGHT, LEFT - 6, at + 4);
	axis_number_write(out, value);
	fputs("</text>\n", out);
}

static void axis_write(FILE *out, const struct axis *axis, bool is_x)
{
	double step;

	if (axis->log) {
		for (double value = axis->low; value <= axis->high * 1.01; value *= 10)
			axis_tick_write(out, axis, value, is_x);
		return;
	}
	step = axis_step(axis);
	for (double i = ceil(axis->low / step - 1e-9); i * step <= axis->high * (1 + 1e-9); i++)
		axis_tick_write(out, axis, i == 0 ? 0 : i * step, is_x);
}

/* ---- lines ---- */

static void series_write(FILE *out, const struct gremc_plot *plot, unsigned number, const struct axis *x,
			 const struct axis *y)
{
	const struct gremc_series *series = &plot->series[number];
	const char *command = "M";

	fprintf(out, "<path fill='none' stroke='%s' stroke-width='2' d='", colours[number]);
	for (unsigned i = 0; i < series->count; i++) {
		if (!point_is_shown(plot, series->x[i], series->y[i]))
			continue;
		fprintf(out, "%s%.1f %.1f", command, axis_coordinate(x, series->x[i], LEFT, WIDTH - RIGHT),
			axis_coordinate(y, series->y[i], HEIGHT - BOTTOM, TOP));
		command = "L";
	}
	fputs("'/>\n", out);
	for (unsigned i = 0; i < series->count && series->count <= CIRCLES_MAX; i++)
		if (point_is_shown(plot, series->x[i], series->y[i]))
			fprintf(out, "<circle cx='%.1f' cy='%.1f' r='3' fill='%s' stroke='%s'/>\n",
				axis_coordinate(x, series->x[i], LEFT, WIDTH - RIGHT),
				axis_coordinate(y, series->y[i], HEIGHT - BOTTOM, TOP),
				series->hollow[i] ? "white" : colours[number], colours[number]);
}

/* Collect the notes below the names of the series.
 * Returns: number of notes. */
static unsigned plot_notes(const struct gremc_plot *plot, const char *note[2])
{
	bool hollow = false;
	unsigned count = 0;

	for (unsigned s = 0; s < plot->count; s++)
		for (unsigned i = 0; i < plot->series[s].count; i++)
			hollow |= plot->series[s].hollow[i];
	if (hollow)
		note[count++] = "hollow: not the forwarder's own limit; see the table";
	if (plot->incomplete)
		note[count++] = "not all series are drawn; see the table";
	return count;
}

static void plot_legend_write(FILE *out, const struct gremc_plot *plot)
{
	const char *note[2];
	unsigned notes = plot_notes(plot, note);

	for (unsigned i = 0; i < plot->count; i++) {
		double at = HEIGHT + i * LEGEND_ROW;

		fprintf(out,
			"<rect x='%.1f' y='%.1f' width='14' height='4' fill='%s'/><text x='%.1f' y='%.1f'>",
			LEFT, at - 4, colours[i], LEFT + 20, at + 2);
		gremc_html_text_write(out, plot->series[i].name);
		fputs("</text>\n", out);
	}
	for (unsigned i = 0; i < notes; i++)
		fprintf(out, "<text x='%.1f' y='%.1f'>%s</text>\n", LEFT + 20,
			HEIGHT + (plot->count + i) * LEGEND_ROW + 2, note[i]);
}

static void plot_titles_write(FILE *out, const struct gremc_plot *plot)
{
	fprintf(out, "<text x='%.1f' y='18' class='title'>", LEFT);
	gremc_html_text_write(out, plot->title);
	fprintf(out, "</text><text x='%.1f' y='%.1f' text-anchor='middle'>", (LEFT + WIDTH - RIGHT) / 2,
		HEIGHT - BOTTOM + 34);
	gremc_html_text_write(out, plot->x_title);
	fprintf(out, "</text><text transform='translate(14 %.1f) rotate(-90)' text-anchor='middle'>",
		(TOP + HEIGHT - BOTTOM) / 2);
	gremc_html_text_write(out, plot->y_title);
	fputs("</text>\n", out);
}

/* Sort the points by x. */
static void series_points_sort(struct gremc_series *series)
{
	for (unsigned i = 1; i < series->count; i++)
		for (unsigned k = i; k > 0 && series->x[k - 1] > series->x[k]; k--) {
			RTE_SWAP(series->x[k - 1], series->x[k]);
			RTE_SWAP(series->y[k - 1], series->y[k]);
			RTE_SWAP(series->hollow[k - 1], series->hollow[k]);
		}
}

bool gremc_plot_write(struct gremc_plot *plot, FILE *out)
{
	struct axis x = {NAN, NAN, plot->log_x}, y = {NAN, NAN, plot->log_y};
	const char *note[2];

	for (unsigned s = 0; s < plot->count; s++) {
		series_points_sort(&plot->series[s]);
		for (unsigned i = 0; i < plot->series[s].count; i++)
			if (point_is_shown(plot, plot->series[s].x[i], plot->series[s].y[i])) {
				axis_widen(&x, plot->series[s].x[i]);
				axis_widen(&y, plot->series[s].y[i]);
			}
	}
	if (isnan(x.low) || x.low >= x.high)
		return false;
	axis_bounds_round(&x);
	axis_bounds_round(&y);
	fprintf(out,
		"<svg viewBox='0 0 %.0f %.0f' width='%.0f' xmlns='http://www.w3.org/2000/svg' font-family='sans-serif' "
		"font-size='12'>\n<rect width='100%%' height='100%%' fill='white'/>\n",
		WIDTH, HEIGHT + (plot->count + plot_notes(plot, note)) * LEGEND_ROW, WIDTH);
	fputs("<style>.grid{stroke:#ddd;fill:none}.title{font-weight:bold;font-size:14px}</style>\n", out);
	axis_write(out, &x, true);
	axis_write(out, &y, false);
	for (unsigned s = 0; s < plot->count; s++)
		series_write(out, plot, s, &x, &y);
	plot_titles_write(out, plot);
	plot_legend_write(out, plot);
	fputs("</svg>\n", out);
	return true;
}
