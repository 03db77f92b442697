/* SPDX-License-Identifier: BSD-3-Clause */
/* The throughput of a case, and its row of results. Everything here: control thread. */
#ifndef GREMC_LOADGEN_SEARCH_THROUGHPUT_H
#define GREMC_LOADGEN_SEARCH_THROUGHPUT_H

#include "search/cases.h"
#include "trial/tester.h"

/* Search the throughput of a case and add its row.
 * Input:   `variant`: NULL if there is one row for each case.
 * Errors:  those of gremc_search_run(); -ENOMEM. */
int gremc_search_row_add(struct gremc_tester *tester, const char *test, const char *section,
			 const char *variant, const struct gremc_test_case *test_case);
/* Find the throughput of a case for another test: the row of the throughput test if there is one,
 * otherwise by a search.
 * Returns: 0; *rate in packets/s, 0 if nothing passes.
 * Errors:  those of gremc_search_run(). */
int gremc_throughput_find(struct gremc_tester *tester, const struct gremc_test_case *test_case,
			  const char *test, double *rate);
/* Find a rate at which loss and delay are the forwarder's: 0.9 of its throughput, or 0.5 where the
 * throughput was limited by something else.
 * Returns, Errors: as gremc_throughput_find(). */
int gremc_safe_rate_find(struct gremc_tester *tester, const struct gremc_test_case *test_case,
			 const char *test, double *rate);

#endif
