/* SPDX-License-Identifier: BSD-3-Clause */
/* The control thread's part of a test. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actions/actions.h"
#include "actions/facts.h"
#include "actions/proof.h"
#include "engine/arp.h"
#include "engine/lcore.h"
#include "engine/macs.h"
#include "report/page.h"
#include "results/output.h"
#include "rfc/suite.h"
#include "trial/cpu_place.h"

/* ---- start ---- */

static int histograms_create(struct gremc_tester *tester)
{
	size_t sites = (size_t)tester->flows->site_count * tester->engine->rx_count;

	tester->histogram = gremc_memory_reserve(sites * sizeof(*tester->histogram), SOCKET_ID_ANY);
	tester->from_sent =
		gremc_memory_reserve(tester->engine->rx_count * sizeof(*tester->from_sent), SOCKET_ID_ANY);
	return tester->histogram && tester->from_sent ? 0 : -ENOMEM;
}

static int cpu_distance_check(const struct gremc_tester *tester)
{
	if (!gremc_loadgen_option_is_given(tester->options, GREMC_OPTION_dut_cpu) ||
	    !isnan(gremc_tester_distance_measure(tester)))
		return 0;
	fprintf(stderr,
		"gremc-loadgen: --dut-cpu %u: the CPU is the generator's own, or this process may not use it\n",
		tester->options->dut_cpu);
	return -EINVAL;
}

static int forwarder_find(struct gremc_tester *tester)
{
	struct gremc_errors errors = {0};
	int rc = gremc_engine_phase_set(tester->engine, GREMC_PHASE_DRAIN);

	if (rc == 0)
		rc = gremc_engine_macs_resolve(tester->engine, &errors);
	if (rc == 0)
		rc = gremc_engine_phase_set(tester->engine, GREMC_PHASE_REST);
	if (rc == 0)
		gremc_engine_macs_expect(tester->engine);
	if (errors.text)
		fprintf(stderr, "gremc-loadgen: %s", errors.text);
	gremc_errors_fini(&errors);
	return rc;
}

/* ---- results ---- */

static bool results_have_passed(const struct gremc_results *results)
{
	for (unsigned i = 0; i < results->count; i++)
		if (results->row[i].verdict && strcmp(results->row[i].verdict, "failed") == 0)
			return false;
	return results->count > 0;
}

static int written_file_check(int rc, const char *path)
{
	if (rc == 0)
		return 0;
	fprintf(stderr, "gremc-loadgen: cannot write %s: %s\n", path, strerror(errno));
	return -1;
}

static int results_write(const struct gremc_tester *tester)
{
	const struct gremc_loadgen_options *options = tester->options;
	const struct gremc_results *one = &tester->results;
	int rc = 0;

	gremc_results_print(one, stdout);
	fflush(stdout);
	if (options->json)
		rc |= written_file_check(gremc_results_json_write(one, options->json), options->json);
	if (options->csv)
		rc |= written_file_check(gremc_results_csv_write(one, options->csv), options->csv);
	if (options->report)
		rc |= written_file_check(gremc_report_html_write(&one, 1, options->report), options->report);
	return rc;
}

/* ---- the session ---- */

static int session_test_run(struct gremc_tester *tester)
{
	int rc = histograms_create(tester);

	if (rc == 0)
		rc = cpu_distance_check(tester);
	if (rc == 0)
		rc = forwarder_find(tester);
	if (rc == 0)
		rc = gremc_forwarder_prove(tester);
	if (rc)
		return rc;
	gremc_setup_facts_add(tester);
	return gremc_test_run(tester, tester->options->test);
}

static void session_memory_free(struct gremc_tester *tester)
{
	size_t receivers = tester->engine->rx_count, sites = tester->flows->site_count;

	gremc_memory_release(tester->histogram, sites * receivers * sizeof(*tester->histogram));
	gremc_memory_release(tester->from_sent, receivers * sizeof(*tester->from_sent));
	free(tester->templates);
	gremc_results_fini(&tester->results);
}

int gremc_tester_execute(struct gremc_tester *tester)
{
	int rc = session_test_run(tester), status = GREMC_EXIT_FAILURE;

	if (tester->results.count && results_write(tester) == 0 && rc == 0 &&
	    results_have_passed(&tester->results))
		status = GREMC_EXIT_DONE;
	if (rc == -EINTR)
		fprintf(stderr, "gremc-loadgen: a signal ended the test; the results are incomplete\n");
	else if (rc == -ENOMEM)
		fprintf(stderr, "gremc-loadgen: out of memory\n");
	session_memory_free(tester);
	return status;
}
