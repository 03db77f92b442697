/* SPDX-License-Identifier: BSD-3-Clause */
/* The timer wheel. */
#include "igmp/igmp_priv.h"

#define SLOT_BITS 8u
#define SLOT_MASK (GREMC_WHEEL_SLOTS - 1)

static void timer_unlink(struct gremc_timer *timer)
{
	*timer->previous = timer->next;
	if (timer->next)
		timer->next->previous = timer->previous;
	timer->previous = NULL;
}

static void timer_push(struct gremc_timer **head, struct gremc_timer *timer)
{
	timer->next = *head;
	timer->previous = head;
	if (timer->next)
		timer->next->previous = &timer->next;
	*head = timer;
}

/* Insert a timer into the slot of its tick, or into the last slot if it is beyond the range of the wheel. */
static void timer_place(struct gremc_wheel *wheel, struct gremc_timer *timer)
{
	uint64_t tick = (timer->due + GREMC_WHEEL_TICK - 1) / GREMC_WHEEL_TICK, ahead;
	unsigned level = 0;

	if (tick <= wheel->tick)
		tick = wheel->tick + 1;
	ahead = RTE_MIN(tick - wheel->tick, (UINT64_C(1) << SLOT_BITS * GREMC_WHEEL_LEVELS) - 1);
	tick = wheel->tick + ahead;
	while (level + 1 < GREMC_WHEEL_LEVELS && ahead >> SLOT_BITS * (level + 1))
		level++;
	timer_push(&wheel->slots[level][tick >> SLOT_BITS * level & SLOT_MASK], timer);
}

void gremc_timer_set(struct gremc_wheel *wheel, struct gremc_timer *timer, uint64_t due)
{
	gremc_timer_stop(wheel, timer);
	timer->due = due ? due : 1;
	timer_place(wheel, timer);
	wheel->count++;
}

void gremc_timer_stop(struct gremc_wheel *wheel, struct gremc_timer *timer)
{
	if (timer->due == 0)
		return;
	timer_unlink(timer);
	timer->due = 0;
	wheel->count--;
}

/* Move the timers of a slot to a separate list. They can be stopped in it. */
static void slot_detach(struct gremc_timer **slot, struct gremc_timer **head)
{
	*head = *slot;
	*slot = NULL;
	if (*head)
		(*head)->previous = head;
}

/* Move the timers of the current slot of a higher level to lower levels. */
static void slot_cascade(struct gremc_wheel *wheel, unsigned level)
{
	struct gremc_timer *head;

	slot_detach(&wheel->slots[level][wheel->tick >> SLOT_BITS * level & SLOT_MASK], &head);
	while (head) {
		struct gremc_timer *timer = head;

		timer_unlink(timer);
		/* due now: into the slot that expires next */
		if (timer->due <= wheel->tick * GREMC_WHEEL_TICK)
			timer_push(&wheel->slots[0][wheel->tick & SLOT_MASK], timer);
		else
			timer_place(wheel, timer);
	}
}

static void slot_expire(struct gremc_wheel *wheel, struct gremc_igmp *igmp)
{
	struct gremc_timer *head;

	slot_detach(&wheel->slots[0][wheel->tick & SLOT_MASK], &head);
	while (head) {
		struct gremc_timer *timer = head;

		gremc_timer_stop(wheel, timer);
		timer->expire(igmp, timer);
	}
}

void gremc_wheel_run(struct gremc_wheel *wheel, struct gremc_igmp *igmp, uint64_t now)
{
	uint64_t last = now / GREMC_WHEEL_TICK;

	while (wheel->tick < last) {
		if (wheel->count == 0) {
			wheel->tick = last;
			return;
		}
		wheel->tick++;
		for (unsigned level = 1; level < GREMC_WHEEL_LEVELS; level++) {
			if (wheel->tick & ((UINT64_C(1) << SLOT_BITS * level) - 1))
				break;
			slot_cascade(wheel, level);
		}
		if (wheel->slots[0][wheel->tick & SLOT_MASK])
			slot_expire(wheel, igmp);
	}
}

uint64_t gremc_wheel_next(const struct gremc_wheel *wheel)
{
	uint64_t boundary =
		(wheel->tick | SLOT_MASK) + 1; /* tick of the next cascade, which may add timers */

	if (wheel->count == 0)
		return GREMC_IGMP_NEVER;
	for (uint64_t tick = wheel->tick + 1; tick < boundary; tick++)
		if (wheel->slots[0][tick & SLOT_MASK])
			return tick * GREMC_WHEEL_TICK;
	return boundary * GREMC_WHEEL_TICK;
}
