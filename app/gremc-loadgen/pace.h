/* SPDX-License-Identifier: BSD-3-Clause */
/* Pacing by the TSC: how many packets may leave now. One lcore's, no other thread sees it.
 *
 * The schedule is absolute (packet n is due at start + n / rate), so errors do not add up. A lcore that was
 * held up (the kernel took its CPU away, the device took no packets) catches up, but never faster than a
 * quarter above the rate, for a burst at line rate is not what was asked for; how far it fell behind is kept.
 *
 * A packet that leaves late has a lag: the cycles since the burst that it belongs to was due. The schedule's
 * bursts are of `least` packets and due when the last of them is, so a lcore that keeps up has lags of next
 * to nothing. A delay that counts from then holds the time for which a packet had to wait outside of the
 * device, because the forwarder, or the generator itself, stood still: without it a forwarder that stops is
 * asked less often just then, and its worst moments are left out (coordinated omission). */
#ifndef GREMC_LOADGEN_PACE_H
#define GREMC_LOADGEN_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define GREMC_PACE_BURST 32u

__extension__ typedef unsigned __int128 gremc_u128;

struct gremc_pace {
	uint64_t start;    /* TSC of packet 0 */
	uint64_t rate;     /* packets a cycle, times 2^64; 0: as fast as possible */
	uint64_t sent;     /* packets that left */
	uint64_t not_yet;  /* TSC before which no burst leaves */
	uint64_t interval; /* cycles a packet at a quarter above the rate, times 2^16 */
	uint64_t period;   /* cycles a packet, times 2^PERIOD_BITS; 0: there is no schedule, and no lag */
	uint64_t planned;  /* packets of the bursts that have been begun */
	uint64_t due;      /* TSC when the burst that was begun last was due */
	uint64_t latest;   /* cycles, the largest lag */
	uint64_t behind;   /* the most packets that were due and had not left */
	uint32_t left;     /* packets of that burst that are still to be made */
	uint32_t least;    /* packets worth a burst: what is due in 10 us, at most GREMC_PACE_BURST */
};

/* rate in packets/s, below hz; 0: as fast as possible. */
void gremc_pace_start(struct gremc_pace *pace, double rate, uint64_t hz, uint64_t now);

/* Packets that may leave now, at most `limit`. */
static inline uint32_t gremc_pace_due_count(struct gremc_pace *pace, uint64_t now, uint32_t limit)
{
	uint64_t due, ahead;

	if (pace->rate == 0)
		return limit;
	if ((int64_t)(now - pace->not_yet) < 0)
		return 0;
	due = (uint64_t)((gremc_u128)(now - pace->start) * pace->rate >> 64) + 1;
	ahead = due > pace->sent ? due - pace->sent : 0;
	if (ahead > pace->behind)
		pace->behind = ahead;
	if (ahead < pace->least && ahead < limit)
		return 0;
	return ahead < limit ? (uint32_t)ahead : limit;
}

#define GREMC_PACE_PERIOD_BITS 24u

/* The lag of the next packet of the schedule, which is made at `now`. Called once for each, in order. */
static inline uint64_t gremc_pace_lag(struct gremc_pace *pace, uint64_t now)
{
	int64_t lag;

	if (pace->period == 0)
		return 0;
	if (pace->left == 0) {
		pace->left = pace->least;
		pace->planned += pace->least;
		pace->due = pace->start + (uint64_t)((gremc_u128)(pace->planned - 1) * pace->period >>
						     GREMC_PACE_PERIOD_BITS);
	}
	pace->left--;
	lag = (int64_t)(now - pace->due);
	if (lag <= 0)
		return 0;
	if ((uint64_t)lag > pace->latest)
		pace->latest = (uint64_t)lag;
	return (uint64_t)lag;
}

/* Do the next `count` packets belong to a burst that has been begun, or is begun with them? Then all have the
 * lag of the first one, and one call of gremc_pace_lag() with gremc_pace_lag_skip() stands for all. */
static inline bool gremc_pace_is_one_burst(const struct gremc_pace *pace, uint32_t count)
{
	return pace->period == 0 || count <= (pace->left ? pace->left : pace->least);
}

/* After gremc_pace_lag(): `count` more packets of the same burst are made. */
static inline void gremc_pace_lag_skip(struct gremc_pace *pace, uint32_t count)
{
	if (pace->period)
		pace->left -= count;
}

/* `count` packets have left. */
static inline void gremc_pace_sent_add(struct gremc_pace *pace, uint64_t now, uint32_t count)
{
	pace->sent += count;
	pace->not_yet = now + (count * pace->interval >> 16);
}

#endif
