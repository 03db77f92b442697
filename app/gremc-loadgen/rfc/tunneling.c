/* SPDX-License-Identifier: BSD-3-Clause */
/* The throughput of one tunneling (RFC 3918, 4.4.1 to 4.4.3) and of everything together (RFC 3918, 4.3). */
#include "rfc/tests.h"
#include "search/throughput.h"

static int encap_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	return gremc_search_row_add(tester, "encap", "RFC 3918 4.4.1", "LAN to tunnels", test_case);
}

int gremc_test_encap(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "encap", .section = "RFC 3918 4.4.1", .run_case = encap_case_run};

	return gremc_cases_run(tester, &runner, GREMC_TUNNELING_ENCAP);
}

static int decap_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	return gremc_search_row_add(tester, "decap", "RFC 3918 4.4.2", "tunnel to LANs", test_case);
}

int gremc_test_decap(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "decap", .section = "RFC 3918 4.4.2", .run_case = decap_case_run};

	return gremc_cases_run(tester, &runner, GREMC_TUNNELING_DECAP);
}

static int reencap_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	return gremc_search_row_add(tester, "reencap", "RFC 3918 4.4.3", "tunnel to tunnels", test_case);
}

int gremc_test_reencap(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "reencap", .section = "RFC 3918 4.4.3", .run_case = reencap_case_run};

	return gremc_cases_run(tester, &runner, GREMC_TUNNELING_REENCAP);
}

static int aggregated_case_run(struct gremc_tester *tester, const struct gremc_test_case *test_case)
{
	return gremc_search_row_add(tester, "aggregated", "RFC 3918 4.3", "all flows", test_case);
}

/* All fan-outs together, whatever --fanout selects. */
int gremc_test_aggregated(struct gremc_tester *tester)
{
	static const struct gremc_test_runner runner = {
		.test = "aggregated", .section = "RFC 3918 4.3", .run_case = aggregated_case_run};

	return gremc_sizes_run(tester, &runner, GREMC_TUNNELING_ANY);
}
