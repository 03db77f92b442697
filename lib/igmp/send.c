/* SPDX-License-Identifier: BSD-3-Clause */
/* Sending of messages. If an interface cannot send (the next hop is not resolved, or a queue is full), it is
 * blocked: its messages stay due, and a timer polls until the interface can send. */
#include "igmp/igmp_priv.h"

#define POLL_INTERVAL 100u /* milliseconds */
/* Interfaces that resume in a tick. A resolved gateway unblocks all its tunnels, and queues are shorter. */
#define RESUMES_A_TICK 64u

static void interface_block(struct gremc_igmp *igmp, struct interface *interface)
{
	if (interface->is_blocked)
		return;
	interface->is_blocked = true;
	interface->blocked_since = igmp->now;
	interface->next_blocked = igmp->blocked;
	interface->previous_blocked = &igmp->blocked;
	if (interface->next_blocked)
		interface->next_blocked->previous_blocked = &interface->next_blocked;
	igmp->blocked = interface;
	if (igmp->unblock.due == 0)
		gremc_timer_set(&igmp->wheel, &igmp->unblock, igmp->now + POLL_INTERVAL);
}

void gremc_interface_unblock(struct interface *interface)
{
	if (!interface->is_blocked)
		return;
	interface->is_blocked = false;
	*interface->previous_blocked = interface->next_blocked;
	if (interface->next_blocked)
		interface->next_blocked->previous_blocked = interface->previous_blocked;
}

static size_t interface_mtu_get(const struct gremc_igmp *igmp, const struct interface *interface)
{
	const struct gremc_igmp_callbacks *callbacks = &igmp->callbacks;
	size_t mtu = callbacks->mtu ? callbacks->mtu(callbacks->argument, interface->number) : RTE_ETHER_MTU;

	if (mtu == 0)
		return 0;
	return RTE_MIN(RTE_MAX(mtu, (size_t)GREMC_IGMP_PACKET_MIN), (size_t)GREMC_IGMP_PACKET_MAX);
}

size_t gremc_interface_packet_max(struct gremc_igmp *igmp, struct interface *interface)
{
	size_t size = interface_mtu_get(igmp, interface);

	if (size == 0) {
		gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_deferred);
		interface_block(igmp, interface);
	}
	return size;
}

bool gremc_interface_send(struct gremc_igmp *igmp, struct interface *interface, const uint8_t *packet,
			  size_t length)
{
	const struct gremc_igmp_callbacks *callbacks = &igmp->callbacks;

	gremc_assert_locked(&igmp->lock);
	gremc_assert(!interface->is_blocked && length <= GREMC_IGMP_PACKET_MAX);
	if (callbacks->send(callbacks->argument, interface->number, packet, length) == 0)
		return true;
	gremc_igmp_counter_increment(interface, GREMC_IGMP_COUNT_deferred);
	interface_block(igmp, interface);
	return false;
}

void gremc_igmp_unblock_expire(struct gremc_igmp *igmp, struct gremc_timer *timer)
{
	struct interface *next = igmp->blocked;
	unsigned resumed = 0;

	while (next && resumed < RESUMES_A_TICK) {
		struct interface *interface = next;

		next = interface->next_blocked;
		if (interface_mtu_get(igmp, interface) == 0)
			continue;
		gremc_interface_unblock(interface);
		/* the next flush sends the proxy's messages */
		if (interface->policy.mode == GREMC_IGMP_QUERIER)
			gremc_querier_resume(igmp, interface);
		resumed++;
	}
	if (igmp->blocked)
		gremc_timer_set(&igmp->wheel, timer,
				igmp->now + (resumed == RESUMES_A_TICK ? GREMC_WHEEL_TICK : POLL_INTERVAL));
}
