/* SPDX-License-Identifier: BSD-3-Clause */
/* Throughput by what is done to a packet (RFC 3918, 4.4.1 to 4.4.3), and over everything together (4.3). */
#include "tester.h"
#include "tests.h"

#define GREMC_WAY(function, name, section, variant, tunneling)                                               \
	static int one_##function(struct gremc_tester *tester, const struct gremc_test_case *that)           \
	{                                                                                                    \
		return gremc_search_row_add(tester, name, section, variant, that);                           \
	}                                                                                                    \
	int gremc_test_##function(struct gremc_tester *tester)                                               \
	{                                                                                                    \
		return gremc_cases_run(tester, name, section, tunneling, one_##function);                    \
	}

GREMC_WAY(encap, "encap", "RFC 3918 4.4.1", "LAN to tunnels", GREMC_TUNNELING_ENCAP)
GREMC_WAY(decap, "decap", "RFC 3918 4.4.2", "tunnel to LANs", GREMC_TUNNELING_DECAP)
GREMC_WAY(reencap, "reencap", "RFC 3918 4.4.3", "tunnel to tunnels", GREMC_TUNNELING_REENCAP)

static int one_aggregated(struct gremc_tester *tester, const struct gremc_test_case *that)
{
	return gremc_search_row_add(tester, "aggregated", "RFC 3918 4.3", "all flows", that);
}

/* All of them together, whatever --fanout asks for. */
int gremc_test_aggregated(struct gremc_tester *tester)
{
	return gremc_sizes_run(tester, "aggregated", "RFC 3918 4.3", -1, one_aggregated);
}
