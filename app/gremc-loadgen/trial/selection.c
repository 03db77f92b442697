/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "trial/selection.h"

#define MIX_MIN 100u /* packets of a mixed order, so that a share of one percent is one packet */

void gremc_selection_describe(const struct gremc_tester *tester, struct gremc_selection *selection)
{
	uint64_t replicas = 0;

	for (uint32_t i = 0; i < selection->count; i++)
		replicas += tester->flows->flow[selection->order[i]].fanout;
	selection->fanout = selection->count ? (double)replicas / selection->count : 0;
	selection->flows = selection->count;
	selection->streams = (uint32_t)RTE_MIN(replicas, UINT32_MAX);
}

static bool flow_matches_filter(const struct gremc_flow *flow, const struct gremc_flow_filter *filter)
{
	return flow->kind == filter->kind && (filter->fanout == 0 || flow->fanout == filter->fanout) &&
	       (filter->tunneling < 0 || flow->tunneling == filter->tunneling);
}

int gremc_selection_create(const struct gremc_tester *tester, const struct gremc_flow_filter *filter,
			   struct gremc_selection *selection)
{
	*selection = (struct gremc_selection){.order = malloc((tester->flows->count + 1) * sizeof(uint32_t))};
	if (selection->order == NULL)
		return -ENOMEM;
	for (uint32_t f = 0; f < tester->flows->count; f++)
		if (flow_matches_filter(&tester->flows->flow[f], filter) &&
		    (filter->limit == 0 || selection->count < filter->limit))
			selection->order[selection->count++] = f;
	gremc_selection_describe(tester, selection);
	return 0;
}

int gremc_selection_mix(const struct gremc_tester *tester, const struct gremc_selection *a,
			const struct gremc_selection *b, double share, struct gremc_selection *selection)
{
	uint32_t count = RTE_MAX(RTE_MAX(a->count, b->count) * 2, MIX_MIN), from_a = 0, from_b = 0;

	gremc_assert(share >= 0 && share <= 1);
	*selection = (struct gremc_selection){.order = malloc(count * sizeof(uint32_t))};
	if (selection->order == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		/* a packet of `b` whenever its share reaches the next whole number */
		if ((uint32_t)((i + 1) * share) > (uint32_t)(i * share) && b->count)
			selection->order[selection->count++] = b->order[from_b++ % b->count];
		else
			selection->order[selection->count++] = a->order[from_a++ % a->count];
	gremc_selection_describe(tester, selection);
	/* the order has each flow several times */
	selection->flows = (from_a ? a->flows : 0) + (from_b ? b->flows : 0);
	selection->streams = (from_a ? a->streams : 0) + (from_b ? b->streams : 0);
	return 0;
}

void gremc_selection_fini(struct gremc_selection *selection)
{
	free(selection->order);
	*selection = (struct gremc_selection){0};
}
