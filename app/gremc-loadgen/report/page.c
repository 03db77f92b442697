/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "options/actions.h"
#include "report/html.h"
#include "report/page.h"
#include "report/sections.h"

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

/* Write the limits of the figures. */
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

static void configurations_write(FILE *out, const struct gremc_report_run *run)
{
	const struct gremc_results *results = run->results;

	for (unsigned i = 0; i < results->fact_count; i++) {
		if (results->fact[i].value == NULL || !fact_is_long(&results->fact[i]))
			continue;
		fputs("<details><summary>", out);
		gremc_html_text_write(out, run->label);
		fputs(": ", out);
		gremc_html_text_write(out, results->fact[i].name);
		fputs("</summary><pre>", out);
		gremc_html_text_write(out, results->fact[i].value);
		fputs("</pre></details>\n", out);
	}
}

/* ---- page ---- */

static bool test_has_rows(const struct gremc_report *report, const char *test)
{
	for (unsigned r = 0; r < report->count; r++)
		for (unsigned i = 0; i < report->run[r].results->count; i++)
			if (gremc_results_row_is_of(report->run[r].results, i, test))
				return true;
	return false;
}

static void test_section_write(FILE *out, const struct gremc_report *report, const char *name,
			       const char *section, const char *meaning)
{
	if (!test_has_rows(report, name))
		return;
	fprintf(out, "<h2>%s%s%s%s</h2>\n<p>", name, *section ? " (" : "", section, *section ? ")" : "");
	gremc_html_text_write(out, meaning);
	fputs("</p>\n<div class='plots'>\n", out);
	gremc_report_plots_write(out, report, name);
	fputs("</div>\n", out);
	gremc_report_tables_write(out, report, name);
}

/* Write the tested forwarders and the meaning of the verdicts. */
static void summary_write(FILE *out, const struct gremc_report *report)
{
	static const char *const facts[] = {"date", "processor", "port 0", "lcores"};

	fputs("<table><tr><th>forwarder</th>", out);
	for (unsigned f = 0; f < RTE_DIM(facts); f++)
		fprintf(out, "<th>%s</th>", facts[f]);
	fputs("</tr>\n", out);
	for (unsigned r = 0; r < report->count; r++) {
		fputs("<tr><td>", out);
		gremc_html_text_write(out, report->run[r].label);
		for (unsigned f = 0; f < RTE_DIM(facts); f++) {
			const char *value = gremc_results_fact_get(report->run[r].results, facts[f]);

			fputs("</td><td>", out);
			gremc_html_text_write(out, value ? value : "");
		}
		fputs("</td></tr>\n", out);
	}
	fputs("</table>\n<p><b>measured</b>: the limit of the forwarder, or its behaviour at the requested rate. "
	      "<b>limited</b>: something else was the limit, as a note explains; the forwarder reaches at least this "
	      "value. <b>failed</b>: replicas were lost or wrong. Sizes are inner IP packets in bytes; outer:N is a whole "
	      "frame. The limits of these figures are listed at the end.</p>\n",
	      out);
}

static void page_write(FILE *out, const struct gremc_report *report)
{
	fputs(head, out);
	summary_write(out, report);
#define GREMC_X(function, name, section, meaning) test_section_write(out, report, name, section, meaning);
	GREMC_TESTS(GREMC_X)
#undef GREMC_X
	for (unsigned r = 0; r < report->count; r++) {
		fputs("<h2>Set-up: ", out);
		gremc_html_text_write(out, report->run[r].label);
		fputs("</h2>\n", out);
		setup_table_write(out, report->run[r].results);
		fputs("<h3>Limits of these figures</h3>\n", out);
		claims_list_write(out, report->run[r].results);
		configurations_write(out, &report->run[r]);
	}
	fputs("</body></html>\n", out);
}

int gremc_report_html_write(const struct gremc_results *const *results, unsigned count, const char *path)
{
	FILE *out = fopen(path, "we");
	struct gremc_report report;

	if (out == NULL)
		return -1;
	gremc_report_init(&report, results, count);
	page_write(out, &report);
	return fclose(out) ? -1 : 0;
}
