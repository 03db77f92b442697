/* SPDX-License-Identifier: BSD-3-Clause */
/* Line plots as SVG, written into an HTML page: axes, grid, a legend, one line for each series. */
#ifndef GREMC_LOADGEN_PLOT_H
#define GREMC_LOADGEN_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#define GREMC_PLOT_SERIES 8
#define GREMC_PLOT_POINTS 2048
#define GREMC_PLOT_NAME   96

struct gremc_series {
	char name[GREMC_PLOT_NAME];
	unsigned key;
	double x[GREMC_PLOT_POINTS], y[GREMC_PLOT_POINTS];
	bool hollow[GREMC_PLOT_POINTS]; /* a point that is not the forwarder's own limit */
	unsigned count;
};

/* Large: static or heap. Zero-initialised it is empty. */
struct gremc_plot {
	const char *title, *x_title, *y_title;
	bool log_x, log_y; /* values of 0 and below are left out */
	struct gremc_series series[GREMC_PLOT_SERIES];
	unsigned count;
	bool left_off; /* there were more, and the plot says so */
};

/* The series with that key and name, made when it is not there; NULL: there are too many. Keys keep series
 * apart whose names are alike, or are so long that they are cut to the same. */
struct gremc_series *gremc_plot_series_get(struct gremc_plot *plot, unsigned key, const char *name);
/* Does nothing with NULL or when the series is full. */
void gremc_series_point_add(struct gremc_series *series, double x, double y, bool hollow);
/* Returns false, and writes nothing, when all points have the same x: that is no line, and the table says it,
 * too. */
bool gremc_plot_write(struct gremc_plot *plot, FILE *out);
/* Text with what HTML and SVG reserve escaped. */
void gremc_html_text_write(FILE *out, const char *text);

#endif
