/* SPDX-License-Identifier: BSD-3-Clause */
/* Pacing by the TSC: the number of packets that may leave at a time. One lcore owns the state.
 *
 * The schedule is absolute: packet n is due at start + n / rate, so errors do not accumulate. An lcore that
 * was delayed (the kernel took its CPU, or the device accepted no packets) catches up at no more than 1.25
 * times the rate, because a burst at line rate would not be the requested load. The largest delay is
 * recorded.
 *
 * The lag of a packet is the time between the due time of its burst and the time at which it is built. A
 * burst of the schedule has `burst_min` packets and is due when its last packet is, so an lcore on schedule
 * has lags close to 0. A delay measured from the due time includes the time during which the forwarder or the
 * generator stood still. Measured from the transmission, it would omit the worst moments, because a stalled
 * forwarder receives fewer packets (coordinated omission). */
#ifndef GREMC_LOADGEN_TRANSMIT_PACE_H
#define GREMC_LOADGEN_TRANSMIT_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define GREMC_PACE_BURST 32u

__extension__ typedef unsigned __int128 gremc_u128;

struct gremc_pace {
	uint64_t start;      /* TSC of packet 0 */
	uint64_t rate;       /* packets a cycle, times 2^64; 0: as fast as possible */
	uint64_t sent;       /* packets that left */
	uint64_t next_burst; /* TSC before which no burst leaves */
	uint64_t interval;   /* cycles a packet at 1.25 times the rate, times 2^16 */
	uint64_t period;     /* cycles a packet, times 2^GREMC_PACE_PERIOD_BITS; 0: no schedule and no lag */
	uint64_t planned;    /* packets of the schedule's bursts so far, with the current one */
	uint64_t due;        /* TSC when the current burst was due */
	uint64_t lag_max;    /* cycles */
	uint64_t behind;     /* maximum of packets that were due and had not left */
	uint32_t left;       /* packets of the current burst that are not built yet */
	uint32_t burst_min;  /* packets due in 10 us, from 1 to GREMC_PACE_BURST */
};

/* Start a schedule.
 * Input:   `rate` in packets/s is below hz; 0: as fast as possible. `now` is the TSC of packet 0. */
void gremc_pace_start(struct gremc_pace *pace, double rate, uint64_t hz, uint64_t now);
/* Move packet 0 to `now`.
 * Thread:  the lcore that owns the schedule, before it sends. */
static inline void gremc_pace_restart(struct gremc_pace *pace, uint64_t now)
{
	pace->start = pace->next_burst = now;
}

/* Returns: the number of packets that may leave now, at most `limit`. */
static inline uint32_t gremc_pace_due_count(struct gremc_pace *pace, uint64_t now, uint32_t limit)
{
	uint64_t due, ahead;

	if (pace->rate == 0)
		return limit;
	if ((int64_t)(now - pace->next_burst) < 0)
		return 0;
	due = (uint64_t)((gremc_u128)(now - pace->start) * pace->rate >> 64) + 1;
	ahead = due > pace->sent ? due - pace->sent : 0;
	if (ahead > pace->behind)
		pace->behind = ahead;
	if (ahead < pace->burst_min && ahead < limit)
		return 0;
	return ahead < limit ? (uint32_t)ahead : limit;
}

#define GREMC_PACE_PERIOD_BITS 24u

/* Advance the schedule by one packet, which is built at `now`.
 * Returns: the packet's lag in cycles. */
static inline uint64_t gremc_pace_lag(struct gremc_pace *pace, uint64_t now)
{
	int64_t lag;

	if (pace->period == 0)
		return 0;
	if (pace->left == 0) {
		pace->left = pace->burst_min;
		pace->planned += pace->burst_min;
		pace->due = pace->start + (uint64_t)((gremc_u128)(pace->planned - 1) * pace->period >>
						     GREMC_PACE_PERIOD_BITS);
	}
	pace->left--;
	lag = (int64_t)(now - pace->due);
	if (lag <= 0)
		return 0;
	if ((uint64_t)lag > pace->lag_max)
		pace->lag_max = (uint64_t)lag;
	return (uint64_t)lag;
}

/* Returns: whether the next `count` packets belong to one burst of the schedule. They then have the lag of
 * the first one, and gremc_pace_lag() and gremc_pace_lag_skip(count - 1) advance the schedule. */
static inline bool gremc_pace_is_one_burst(const struct gremc_pace *pace, uint32_t count)
{
	return pace->period == 0 || count <= (pace->left ? pace->left : pace->burst_min);
}

/* Advance the schedule by `count` packets of the burst of the last gremc_pace_lag(). */
static inline void gremc_pace_lag_skip(struct gremc_pace *pace, uint32_t count)
{
	if (pace->period)
		pace->left -= count;
}

/* Record that `count` packets left. */
static inline void gremc_pace_sent_add(struct gremc_pace *pace, uint64_t now, uint32_t count)
{
	pace->sent += count;
	pace->next_burst = now + (count * pace->interval >> 16);
}

#endif
