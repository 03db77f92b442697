/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include <rte_lcore.h>

#include "engine/cpu_distance.h"
#include "trial/cpu_place.h"

double gremc_tester_distance_measure(const struct gremc_tester *tester)
{
	const struct gremc_engine *engine = tester->engine;
	int ours = rte_lcore_to_cpu_id((int)engine->lcore[engine->lcore_count - 1].lcore);

	if (!gremc_loadgen_option_is_given(tester->options, GREMC_OPTION_dut_cpu) || ours < 0)
		return NAN;
	return gremc_cpu_distance_measure((unsigned)ours, tester->options->dut_cpu);
}
