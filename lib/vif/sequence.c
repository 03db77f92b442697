/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vif/vif_priv.h"

int gremc_vif_sequence_set(struct gremc_vifs *vifs, uint32_t vif, enum gremc_sequence mode)
{
	struct gremc_sequence_state *sequence = gremc_pointer_load(&vifs->sequence[vif]);

	if (sequence == NULL && mode != GREMC_SEQUENCE_OFF) {
		sequence = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*sequence));
		if (sequence == NULL)
			return -ENOMEM;
		memset(sequence, 0, sizeof(*sequence));
		gremc_u8_store(&sequence->mode, mode);
		gremc_pointer_store_release(&vifs->sequence[vif], sequence);
	} else if (sequence) {
		gremc_u8_store(&sequence->mode, mode);
	}
	return 0;
}

void gremc_vif_checked_set(struct gremc_vifs *vifs, uint32_t vif, const struct gremc_tunnel_options *options)
{
	const bool has_checks = options->sequence != GREMC_SEQUENCE_OFF ||
				gremc_policy_checks_input(gremc_policy_load(vifs, vif));
	const uint8_t checked = has_checks ? GREMC_VIF_CHECKED : 0;
	const uint32_t before = gremc_tunnel_entry(vifs, vif);
	uint8_t *state = &vifs->priv->state[vif];

	*state = (uint8_t)((*state & ~GREMC_VIF_CHECKED) | checked);
	if (gremc_tunnel_entry(vifs, vif) != before)
		gremc_tunnel_renumber(vifs, vif, before, gremc_tunnel_entry(vifs, vif));
}

/* ---- workers ---- */

/* Distinguishes the numbers of one slot. Never 0, so that an empty slot has no number. */
static uint16_t number_tag(uint32_t number)
{
	return (uint16_t)(number / GREMC_SEQUENCE_WINDOW % UINT16_MAX + 1);
}

/* Record that a number has arrived.
 * Returns: whether it had arrived before. */
static bool number_mark(struct gremc_sequence_state *sequence, uint32_t number)
{
	const uint16_t tag = number_tag(number);

	return gremc_u16_exchange(&sequence->seen[number % GREMC_SEQUENCE_WINDOW], tag) == tag;
}

/* Begin with this number: the first one, or the one of a peer that has restarted.
 * Returns: false if another worker has changed `last` meanwhile. */
static bool numbers_begin(struct gremc_sequence_state *sequence, uint64_t last, uint32_t number)
{
	if (!gremc_u64_replace(&sequence->last, last, GREMC_SEQUENCE_STARTED | number))
		return false;
	gremc_u32_store(&sequence->first, number);
	gremc_u32_store(&sequence->late_runs, 0);
	if (last & GREMC_SEQUENCE_STARTED)
		gremc_u64_add(&sequence->restarts, 1);
	number_mark(sequence, number);
	return true;
}

/* Raise the highest number by `distance`.
 * Returns: false if another worker has changed `last` meanwhile. */
static bool numbers_advance(struct gremc_sequence_state *sequence, uint64_t last, uint32_t number)
{
	const uint32_t distance = number - (uint32_t)last;

	if (!gremc_u64_replace(&sequence->last, last, GREMC_SEQUENCE_STARTED | number))
		return false;
	if (distance > 1)
		gremc_u64_add(&sequence->missing, distance - 1);
	if (gremc_u32_load(&sequence->late_runs))
		gremc_u32_store(&sequence->late_runs, 0);
	/* a duplicate on another worker was faster than this packet and counted as reordered */
	if (number_mark(sequence, number)) {
		gremc_u64_add(&sequence->duplicates, 1);
		gremc_u64_add(&sequence->reordered, -1ull);
		if (gremc_u8_load(&sequence->mode) == GREMC_SEQUENCE_COUNT)
			gremc_u64_add(&sequence->missing, 1);
	}
	return true;
}

/* Count a packet inside the window. Strict mode drops it, so its number stays missing. */
static void old_number_count(struct gremc_sequence_state *sequence, uint32_t number, bool strict)
{
	if (gremc_u32_load(&sequence->late_runs))
		gremc_u32_store(&sequence->late_runs, 0);
	if (number_mark(sequence, number)) {
		gremc_u64_add(&sequence->duplicates, 1);
		return;
	}
	gremc_u64_add(&sequence->reordered, 1);
	/* numbers before the first one have not been counted as missing */
	if (!strict && (int32_t)(number - gremc_u32_load(&sequence->first)) > 0)
		gremc_u64_add(&sequence->missing, -1ull);
}

bool gremc_sequence_accept(struct gremc_sequence_state *sequence, uint32_t number)
{
	const bool strict = gremc_u8_load(&sequence->mode) == GREMC_SEQUENCE_STRICT;

	gremc_u64_add(&sequence->received, 1);
	for (;;) {
		const uint64_t last = gremc_u64_load(&sequence->last);
		const uint32_t ahead = number - (uint32_t)last, behind = (uint32_t)last - number;

		if (!(last & GREMC_SEQUENCE_STARTED) ||
		    ((int32_t)ahead > 0 && ahead >= GREMC_SEQUENCE_JUMP)) {
			if (numbers_begin(sequence, last, number))
				return true;
		} else if ((int32_t)ahead > 0) {
			if (numbers_advance(sequence, last, number))
				return true;
		} else if (behind < GREMC_SEQUENCE_WINDOW) {
			old_number_count(sequence, number, strict);
			return !strict;
		} else if (gremc_u32_add(&sequence->late_runs, 1) + 1 < GREMC_SEQUENCE_RESTART) {
			gremc_u64_add(&sequence->late, 1);
			return !strict;
		} else if (numbers_begin(sequence, last, number)) {
			return true;
		}
	}
}
