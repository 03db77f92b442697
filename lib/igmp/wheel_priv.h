/* SPDX-License-Identifier: BSD-3-Clause */
/* Timers of the engine. */
#ifndef GREMC_IGMP_WHEEL_PRIV_H
#define GREMC_IGMP_WHEEL_PRIV_H

#include <assert.h>
#include <stdint.h>

struct gremc_igmp;

#define GREMC_WHEEL_TICK   10u /* milliseconds */
#define GREMC_WHEEL_LEVELS 4u
#define GREMC_WHEEL_SLOTS  256u

/* Intrusive: the owner embeds it. */
struct gremc_timer {
	struct gremc_timer *next, **previous; /* list of the slot; previous NULL: in no slot */
	uint64_t due;                         /* milliseconds; 0: stopped */
	void (*expire)(struct gremc_igmp *igmp, struct gremc_timer *timer);
};

/* A hierarchical timer wheel: start and stop take constant time. */
struct gremc_wheel {
	uint64_t tick; /* last tick whose timers have expired */
	uint32_t count;
	struct gremc_timer *slots[GREMC_WHEEL_LEVELS][GREMC_WHEEL_SLOTS];
};

/* Start or restart a timer. It expires in the first tick that begins at `due` or later.
 * Units:   milliseconds. */
void gremc_timer_set(struct gremc_wheel *wheel, struct gremc_timer *timer, uint64_t due);

/* Stop a timer; no-op if it is stopped. */
void gremc_timer_stop(struct gremc_wheel *wheel, struct gremc_timer *timer);

/* Advance to `now` and call expire() of each due timer, which is stopped. expire() may start and stop any
 * timer. */
void gremc_wheel_run(struct gremc_wheel *wheel, struct gremc_igmp *igmp, uint64_t now);

/* Returns: a time, in milliseconds, until which no timer expires, on which one may expire; GREMC_IGMP_NEVER
 * if no timer runs. */
uint64_t gremc_wheel_next(const struct gremc_wheel *wheel);

static_assert((GREMC_WHEEL_SLOTS & (GREMC_WHEEL_SLOTS - 1)) == 0, "a slot is selected by a mask");

#endif
