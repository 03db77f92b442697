/* SPDX-License-Identifier: BSD-3-Clause */
/* Line plots as SVG in an HTML page: axes, grid, legend, and one line for each series. */
#ifndef GREMC_LOADGEN_REPORT_PLOT_H
#define GREMC_LOADGEN_REPORT_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#define GREMC_PLOT_SERIES 8
#define GREMC_PLOT_POINTS 2048
#define GREMC_PLOT_NAME   96

struct gremc_series {
	char name[GREMC_PLOT_NAME];
	unsigned key;
	double x[GREMC_PLOT_POINTS], y[GREMC_PLOT_POINTS];
	bool hollow[GREMC_PLOT_POINTS]; /* the point is not the forwarder's own limit */
	unsigned count;
};

/* Too large for the stack. A zeroed plot is empty. */
struct gremc_plot {
	const char *title, *x_title, *y_title;
	bool log_x, log_y; /* values of 0 and below are omitted */
	struct gremc_series series[GREMC_PLOT_SERIES];
	unsigned count;
	bool incomplete; /* there were more series; a note in the legend mentions it */
};

/* Find or create a series. The key separates series whose names are equal, or equal after truncation.
 * Returns: NULL if there are too many. */
struct gremc_series *gremc_plot_series_get(struct gremc_plot *plot, unsigned key, const char *name);

enum gremc_point_style { GREMC_POINT_SOLID, GREMC_POINT_HOLLOW };

/* Add a point; no-op if `series` is NULL or full, or a value is NAN. */
void gremc_series_point_add(struct gremc_series *series, double x, double y, enum gremc_point_style style);
/* Write the plot.
 * Returns: false, with nothing written, if all points have the same x: the table shows them. */
bool gremc_plot_write(struct gremc_plot *plot, FILE *out);

#endif
