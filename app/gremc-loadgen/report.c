/* SPDX-License-Identifier: BSD-3-Clause */
/* The report: one HTML file without anything outside of it. Of one run, or of several side by side. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "report.h"
#include "results.h"
#include "tests.h"

#define RUNS_MOST    6
#define FANOUTS_MOST 16
#define TITLE        96
#define NAME         128

static const char head[] =
	"<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>GRE multicast load test</title>\n<style>\n"
	"body{font:14px/1.45 sans-serif;max-width:1150px;margin:2em auto;padding:0 1em;color:#222}\n"
	"table{border-collapse:collapse;margin:.6em 0}td,th{border:1px solid #ccc;padding:.2em .55em;text-align:left;"
	"vertical-align:top}\nth{background:#f2f4f7}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\n"
	"td.n,td.v,td.r{white-space:nowrap}th.v,td.v{position:sticky;left:0;background:#fff}th.v{background:#f2f4f7}"
	".failed td{background:#fbe3e0}.limited td.v{background:#fdf3d6}\n"
	"pre{background:#f6f6f6;padding:.8em;overflow:auto;max-height:30em}h2{margin-top:1.8em}.scroll{overflow-x:auto}\n"
	".plots{display:flex;flex-wrap:wrap;gap:1em}.plots svg{width:560px;max-width:100%;height:auto}\n"
	".notes{color:#555;margin:.2em 0 .8em}summary{cursor:pointer;color:#1f5fa8}details{margin:.3em 0}\n"
	"</style></head><body>\n<h1>GRE multicast load test</h1>\n";

/* The names of runs whose labels are alike: what differs stands before what may be cut. */
static struct {
	const struct gremc_results *run;
	char text[NAME];
} named[RUNS_MOST];
static unsigned named_count;

static const char *run_label(const struct gremc_results *results)
{
	const char *label = gremc_results_fact_get(results, "label");

	return label ? label : "forwarder";
}

static void runs_name(const struct gremc_results *const *results, unsigned count)
{
	named_count = 0;
	for (unsigned r = 0; r < count && named_count < RUNS_MOST; r++) {
		unsigned alike = 0, before = 0;

		for (unsigned k = 0; k < count; k++)
			if (strcmp(run_label(results[k]), run_label(results[r])) == 0) {
				alike++;
				before += k < r;
			}
		if (alike == 1)
			continue;
		named[named_count].run = results[r];
		snprintf(named[named_count++].text, NAME, "run %u: %s", before + 1, run_label(results[r]));
	}
}

const char *gremc_results_label(const struct gremc_results *results)
{
	for (unsigned i = 0; i < named_count; i++)
		if (named[i].run == results)
			return named[i].text;
	return run_label(results);
}

bool gremc_results_row_is_of(const struct gremc_results *results, unsigned row, const char *test)
{
	return strcmp(results->row[row].test, test) == 0;
}

/* ---- set-up ---- */

static bool fact_is_long(const struct gremc_fact *fact)
{
	return fact->value && strchr(fact->value, '\n') != NULL;
}

static void setup_table_write(FILE *out, const struct gremc_results *results)
{
	fputs("<table>\n", out);
	for (unsigned i = 0; i < results->fact_count; i++) {
		const struct gremc_fact *fact = &results->fact[i];

		if (fact->value == NULL || fact_is_long(fact) || strncmp(fact->name, "claim", 5) == 0)
			continue;
		fputs("<tr><th>", out);
		gremc_html_text_write(out, fact->name);
		fputs("</th><td>", out);
		gremc_html_text_write(out, fact->value);
		fputs("</td></tr>\n", out);
	}
	fputs("</table>\n", out);
}

/* What the figures do not say. */
static void claims_list_write(FILE *out, const struct gremc_results *results)
{
	fputs("<ul>\n", out);
	for (unsigned i = 0; i < results->fact_count; i++) {
		const struct gremc_fact *fact = &results->fact[i];

		if (fact->value == NULL || strncmp(fact->name, "claim: ", 7))
			continue;
		fputs("<li><b>", out);
		gremc_html_text_write(out, fact->name + 7);
		fputs("</b>: ", out);
		gremc_html_text_write(out, fact->value);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

static void configurations_write(FILE *out, const struct gremc_results *results)
{
	for (unsigned i = 0; i < results->fact_count; i++) {
		if (results->fact[i].value == NULL || !fact_is_long(&results->fact[i]))
			continue;
		fputs("<details><summary>", out);
		gremc_html_text_write(out, gremc_results_label(results));
		fputs(": ", out);
		gremc_html_text_write(out, results->fact[i].name);
		fputs("</summary><pre>", out);
		gremc_html_text_write(out, results->fact[i].value);
		fputs("</pre></details>\n", out);
	}
}

/* ---- plots ---- */

/* Bytes of a size that is one number; NAN of a mix. */
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

/* One plot of one test: x and y of a row, and what makes rows one line. */
struct view {
	const char *test, *title, *x_title, *y_title;
	double (*x)(const struct gremc_result *);
	double (*y)(const struct gremc_result *);
	bool by_size, by_fanout, log_x, log_y;
	bool each_fanout; /* has a plot */
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

static void series_name_format(char *name, size_t size, const struct view *view,
			       const struct gremc_results *results, const struct gremc_result *row)
{
	size_t used = (size_t)snprintf(name, size, "%s", gremc_results_label(results));

	if (view->by_size && row->size && used < size)
		used += (size_t)snprintf(name + used, size - used, ", size %s", row->size);
	if (view->by_fanout && row->fanout != GREMC_RESULT_NONE && used < size)
		snprintf(name + used, size - used, ", fan-out %lu", (unsigned long)row->fanout);
}

/* The fan-outs of a test's rows: where lines are of sizes, too, each has a plot, so that there are few lines
 * in one. */
struct fanouts {
	uint64_t value[FANOUTS_MOST];
	unsigned count;
};

static struct fanouts fanouts_collect(const struct gremc_results *const *results, unsigned count,
				      const char *test)
{
	struct fanouts fanouts = {.count = 0};

	for (unsigned r = 0; r < count; r++)
		for (unsigned i = 0; i < results[r]->count; i++) {
			uint64_t fanout = results[r]->row[i].fanout;
			unsigned k = 0;

			if (!gremc_results_row_is_of(results[r], i, test))
				continue;
			while (k < fanouts.count && fanouts.value[k] != fanout)
				k++;
			if (k == fanouts.count && k < FANOUTS_MOST)
				fanouts.value[fanouts.count++] = fanout;
		}
	return fanouts;
}

static void plot_title_format(char *title, const char *what, uint64_t fanout)
{
	if (fanout == GREMC_RESULT_NONE)
		snprintf(title, TITLE, "%s", what);
	else
		snprintf(title, TITLE, "%s, fan-out %lu", what, (unsigned long)fanout);
}

/* With `one`, of the rows with that fan-out. */
static void view_write(FILE *out, const struct view *view, const struct gremc_results *const *results,
		       unsigned count, const uint64_t *one)
{
	char name[GREMC_PLOT_NAME], title[TITLE];
	struct gremc_plot *plot = plot_create(title, view->x_title, view->y_title);

	if (plot == NULL)
		return;
	plot_title_format(title, view->title, one ? *one : GREMC_RESULT_NONE);
	plot->log_x = view->log_x;
	plot->log_y = view->log_y;
	for (unsigned r = 0; r < count; r++)
		for (unsigned i = 0; i < results[r]->count; i++) {
			const struct gremc_result *row = &results[r]->row[i];

			if (!gremc_results_row_is_of(results[r], i, view->test) || isnan(view->x(row)) ||
			    isnan(view->y(row)) || (one && row->fanout != *one))
				continue;
			series_name_format(name, sizeof(name), view, results[r], row);
			gremc_series_point_add(gremc_plot_series_get(plot, r, name), view->x(row),
					       view->y(row),
					       row->verdict && strcmp(row->verdict, "limited") == 0);
		}
	gremc_plot_write(plot, out);
	free(plot);
}

static void views_write(FILE *out, const struct gremc_results *const *results, unsigned count,
			const char *test)
{
	struct fanouts fanouts = fanouts_collect(results, count, test);

	for (unsigned v = 0; v < RTE_DIM(views); v++) {
		if (strcmp(views[v].test, test) != 0)
			continue;
		if (!views[v].each_fanout)
			view_write(out, &views[v], results, count, NULL);
		for (unsigned k = 0; views[v].each_fanout && k < fanouts.count; k++)
			view_write(out, &views[v], results, count, &fanouts.value[k]);
	}
}

static bool texts_are_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Each bucket's share of the delays above it: a line that falls to the largest. */
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
		gremc_series_point_add(series, us, (total - seen) / total * 100, false);
		seen += (double)count;
	}
}

/* How many rows of the same kind the run has up to this one: repeated trials are lines of their own. */
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

static void delay_plot_write(FILE *out, const struct gremc_results *const *results, unsigned count,
			     const char *test, uint64_t fanout)
{
	char name[GREMC_PLOT_NAME], title[TITLE], trial[24];
	unsigned again;
	struct gremc_plot *plot =
		plot_create(title, "microseconds", "% of replicas that took at least so long");

	if (plot == NULL)
		return;
	plot_title_format(title, "Delays", fanout);
	plot->log_x = plot->log_y = true;
	for (unsigned r = 0; r < count; r++)
		for (unsigned i = 0; i < results[r]->count; i++) {
			const struct gremc_result *row = &results[r]->row[i];

			if (!gremc_results_row_is_of(results[r], i, test) || row->histogram == NULL ||
			    row->fanout != fanout)
				continue;
			again = row_repetition(results[r], i);
			if (again > 1)
				snprintf(trial, sizeof(trial), ", trial %u", again);
			snprintf(name, sizeof(name), "%s%ssize %s, %s%s%.0f packets/s%s",
				 count > 1 ? gremc_results_label(results[r]) : "", count > 1 ? ", " : "",
				 row->size ? row->size : "", row->variant ? row->variant : "",
				 row->variant ? ", " : "", row->achieved_pps, again > 1 ? trial : "");
			series_delays_add(gremc_plot_series_get(plot, r << 16 | i, name), row->histogram);
		}
	gremc_plot_write(plot, out);
	free(plot);
}

static void delay_plots_write(FILE *out, const struct gremc_results *const *results, unsigned count,
			      const char *test)
{
	struct fanouts fanouts = fanouts_collect(results, count, test);

	for (unsigned k = 0; k < fanouts.count; k++)
		delay_plot_write(out, results, count, test, fanouts.value[k]);
}

/* ---- the page ---- */

static bool test_has_rows(const struct gremc_results *const *results, unsigned count, const char *test)
{
	for (unsigned r = 0; r < count; r++)
		for (unsigned i = 0; i < results[r]->count; i++)
			if (gremc_results_row_is_of(results[r], i, test))
				return true;
	return false;
}

static void test_section_write(FILE *out, const struct gremc_results *const *results, unsigned count,
			       const char *name, const char *section, const char *meaning)
{
	if (!test_has_rows(results, count, name))
		return;
	fprintf(out, "<h2>%s%s%s%s</h2>\n<p>", name, *section ? " (" : "", section, *section ? ")" : "");
	gremc_html_text_write(out, meaning);
	fputs("</p>\n<div class='plots'>\n", out);
	views_write(out, results, count, name);
	delay_plots_write(out, results, count, name);
	fputs("</div>\n", out);
	gremc_report_table_write(out, results, count, name);
}

/* What was tested, and what a reader must know of the verdicts, before anything else. */
static void summary_write(FILE *out, const struct gremc_results *const *results, unsigned count)
{
	static const char *const facts[] = {"date", "processor", "port 0", "lcores"};

	fputs("<table><tr><th>forwarder</th>", out);
	for (unsigned f = 0; f < RTE_DIM(facts); f++)
		fprintf(out, "<th>%s</th>", facts[f]);
	fputs("</tr>\n", out);
	for (unsigned r = 0; r < count; r++) {
		fputs("<tr><td>", out);
		gremc_html_text_write(out, gremc_results_label(results[r]));
		for (unsigned f = 0; f < RTE_DIM(facts); f++) {
			const char *value = gremc_results_fact_get(results[r], facts[f]);

			fputs("</td><td>", out);
			gremc_html_text_write(out, value ? value : "");
		}
		fputs("</td></tr>\n", out);
	}
	fputs("</table>\n<p><b>measured</b>: the forwarder's own limit, or what was asked for. <b>limited</b>: something "
	      "else was the limit, a note says what; the forwarder can do at least so much. <b>failed</b>: replicas "
	      "were lost or wrong. Sizes are inner IP packets in bytes, unless they begin with outer:. What the figures do not "
	      "say stands at the end.</p>\n",
	      out);
}

static void page_write(FILE *out, const struct gremc_results *const *results, unsigned count)
{
	runs_name(results, count);
	fputs(head, out);
	summary_write(out, results, count);
#define GREMC_X(function, name, section, meaning)                                                            \
	test_section_write(out, results, count, name, section, meaning);
	GREMC_TESTS(GREMC_X)
#undef GREMC_X
	for (unsigned r = 0; r < count; r++) {
		fputs("<h2>Set-up: ", out);
		gremc_html_text_write(out, gremc_results_label(results[r]));
		fputs("</h2>\n", out);
		setup_table_write(out, results[r]);
		fputs("<h3>What these figures do not say</h3>\n", out);
		claims_list_write(out, results[r]);
		configurations_write(out, results[r]);
	}
	fputs("</body></html>\n", out);
}

int gremc_results_html_write(const struct gremc_results *const *results, unsigned count, const char *path)
{
	FILE *out = fopen(path, "we");

	if (out == NULL)
		return -1;
	page_write(out, results, count);
	return fclose(out) ? -1 : 0;
}

int gremc_report_write(const struct gremc_loadgen_options *options)
{
	static struct gremc_results loaded[RUNS_MOST];
	const struct gremc_results *list[RUNS_MOST] = {NULL};
	struct gremc_errors errors = {0};
	unsigned count = 0;
	int status = GREMC_EXIT_DONE;

	if (options->operand_count > RUNS_MOST) {
		fprintf(stderr, "gremc-loadgen: at most %d results fit side by side\n", RUNS_MOST);
		return GREMC_EXIT_USAGE;
	}
	for (int i = 0; i < options->operand_count; i++) {
		gremc_results_json_read(&loaded[count], options->operand[i], &errors);
		list[count] = &loaded[count];
		count++;
	}
	if (errors.count) {
		fputs(errors.text ? errors.text : "out of memory\n", stderr);
		status = GREMC_EXIT_FAILURE;
	} else if (gremc_results_html_write(list, count, options->report)) {
		fprintf(stderr, "gremc-loadgen: %s cannot be written: %s\n", options->report,
			strerror(errno));
		status = GREMC_EXIT_FAILURE;
	}
	gremc_errors_fini(&errors);
	for (unsigned i = 0; i < count; i++)
		gremc_results_fini(&loaded[i]);
	return status;
}
