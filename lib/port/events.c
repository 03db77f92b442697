/* SPDX-License-Identifier: BSD-3-Clause */
/* Events of devices. DPDK calls back on its interrupt thread, where no operation on a device is allowed. A
 * callback sets a bit and writes to an eventfd; the control thread does the rest. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_pause.h>

#include "port/port_priv.h"

/* Some devices raise no link events: the control thread reads links at this interval, milliseconds. */
#define POLL_INTERVAL      1000
#define POLL_INTERVAL_DOWN 100 /* while a link is down: until it is seen up, replicas are dropped */

static const struct {
	enum rte_eth_event_type type;
	uint32_t event;
} event_sources[] = {
	{RTE_ETH_EVENT_INTR_LSC, GREMC_PORT_EVENT_LINK},
	{RTE_ETH_EVENT_INTR_RESET, GREMC_PORT_EVENT_RESET},
	{RTE_ETH_EVENT_INTR_RMV, GREMC_PORT_EVENT_REMOVED},
};

/* ---- DPDK's interrupt thread ---- */

/* An eventfd write fails only at a full counter, and then the control thread wakes as well. */
static void control_thread_wake(const struct gremc_port_set *set)
{
	(void)eventfd_write(set->events.fd, 1);
}

static void device_events_add(struct gremc_port_set *set, uint16_t id, uint32_t events)
{
	if (id < RTE_DIM(set->events.pending))
		gremc_u32_or_release(&set->events.pending[id], events);
	control_thread_wake(set);
}

static int ethdev_event_record(uint16_t id, enum rte_eth_event_type type, void *argument, void *unused)
{
	struct gremc_port_set *set = argument;
	uint32_t events = 0;

	RTE_SET_USED(unused);
	for (unsigned i = 0; i < RTE_DIM(event_sources); i++)
		if (event_sources[i].type == type)
			events |= event_sources[i].event;
	device_events_add(set, id, events);
	return 0;
}

/* Record an event of a bus: a removal that the kernel reports or requests (vfio), or a new device. */
static void bus_event_record(const char *name, enum rte_dev_event_type type, void *argument)
{
	struct gremc_port_set *set = argument;

	if (type == RTE_DEV_EVENT_ADD) {
		gremc_u32_store_release(&set->events.added, 1);
		control_thread_wake(set);
	}
	for (uint16_t i = 0; type == RTE_DEV_EVENT_REMOVE && i < set->ports.count; i++)
		for (uint16_t l = 0; l < set->state[i].lower_count; l++)
			if (strcmp(set->state[i].lower[l].device, name) == 0)
				device_events_add(set, set->state[i].lower_id[l], GREMC_PORT_EVENT_REMOVED);
}

/* ---- control thread ---- */

int gremc_ports_events_open(struct gremc_port_set *set)
{
	int ret = 0;

	gremc_assert(set->events.fd < 0);
	set->events.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (set->events.fd < 0)
		ret = -errno;
	/* RTE_ETH_ALL covers a device that returns with another id */
	for (unsigned i = 0; i < RTE_DIM(event_sources) && ret == 0; i++)
		ret = rte_eth_dev_callback_register(RTE_ETH_ALL, event_sources[i].type, ethdev_event_record,
						    set);
	if (ret)
		gremc_errors_add(set->errors, NULL, 0, 0, "cannot follow the events of devices: %s",
				 rte_strerror(-ret));
	return ret;
}

/* Follow the kernel's events of PCI devices. Without them a removed device is only looked for at intervals.
 */
static void bus_monitor_start(struct gremc_port_set *set)
{
	bool pci = false;

	for (uint16_t i = 0; i < set->ports.count; i++)
		for (uint16_t l = 0; l < set->state[i].lower_count; l++)
			pci |= set->state[i].lower[l].bus && strcmp(set->state[i].lower[l].bus, "pci") == 0;
	if (rte_dev_event_callback_register(NULL, bus_event_record, set))
		GREMC_LOG(WARNING,
			  "cannot follow the events of buses: a removed device is found again later");
	set->events.monitors = pci && rte_dev_event_monitor_start() == 0;
	if (pci && !set->events.monitors)
		GREMC_LOG(WARNING, "cannot follow PCI events: a removed device is found again later");
}

static void bus_monitor_stop(struct gremc_port_set *set)
{
	if (set->events.monitors && rte_dev_event_monitor_stop())
		GREMC_LOG(WARNING, "the monitor of PCI events does not stop");
	/* -EAGAIN: the callback runs now */
	while (rte_dev_event_callback_unregister(NULL, bus_event_record, set) == -EAGAIN)
		rte_pause();
}

void gremc_ports_events_close(struct gremc_port_set *set)
{
	gremc_assert_control_thread();
	if (set->events.fd < 0)
		return;
	/* -EAGAIN: the callback runs now */
	for (unsigned i = 0; i < RTE_DIM(event_sources); i++)
		while (rte_eth_dev_callback_unregister(RTE_ETH_ALL, event_sources[i].type,
						       ethdev_event_record, set) == -EAGAIN)
			rte_pause();
	if (set->events.listener) {
		bus_monitor_stop(set);
		/* fails when the caller has closed the epoll: then the entry has gone with it */
		(void)epoll_ctl(set->events.epoll, EPOLL_CTL_DEL, set->events.fd, NULL);
	}
	close(set->events.fd);
	set->events.fd = -1;
}

/* gremc_ports_poll() handles the events, in the same iteration of the loop. A failed read means that the
 * counter is 0 already. */
static void events_wake_clear(void *argument)
{
	struct gremc_port_set *set = argument;
	eventfd_t count;

	(void)eventfd_read(set->events.fd, &count);
}

int gremc_ports_watch(struct gremc_ports *ports, struct gremc_rcu *rcu, int epoll,
		      gremc_port_listener *listener, void *argument)
{
	struct gremc_port_set *set = gremc_port_set_of(ports);
	struct gremc_port_events *events = &set->events;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &events->watch};

	gremc_assert_control_thread();
	gremc_assert(listener && events->listener == NULL);
	events->watch = (struct gremc_watch){.ready = events_wake_clear, .argument = set};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, events->fd, &event))
		return -errno;
	bus_monitor_start(set);
	events->qsbr = gremc_rcu_qsbr(rcu);
	events->epoll = epoll;
	events->listener = listener;
	events->argument = argument;
	for (uint16_t i = 0; i < ports->count; i++)
		if (ports->port[i])
			listener(argument, i);
	return 0;
}

static uint32_t device_events_take(struct gremc_port_set *set, uint16_t id)
{
	return gremc_u32_exchange_acquire(&set->events.pending[id], 0);
}

/* Handle the events of a port's device and of the members of a bond. Returns whether there were any. */
static bool port_events_apply(struct gremc_port_set *set, uint16_t index, uint64_t now)
{
	const struct gremc_port_state *state = &set->state[index];
	bool any = gremc_port_is_bond(state) && device_events_take(set, state->id) != 0;

	for (uint16_t i = 0; i < state->lower_count; i++) {
		uint32_t events = state->lower[i].gone ? 0 : device_events_take(set, state->lower_id[i]);

		gremc_port_lower_event(set, index, i, events, now);
		any |= events != 0;
	}
	return any;
}

/* Returns the shorter wait; -1 is unlimited. */
static int poll_wait_min(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : RTE_MIN(a, b);
}

int gremc_ports_poll(struct gremc_ports *ports, uint64_t now, int wait)
{
	struct gremc_port_set *set = gremc_port_set_of(ports);
	struct gremc_port_events *events = &set->events;
	bool down = false, poll = now >= events->next_poll;
	bool added = gremc_u32_exchange_acquire(&events->added, 0) != 0;

	gremc_assert_control_thread();
	gremc_assert(events->listener);
	for (uint16_t i = 0; i < ports->count; i++) {
		bool any;

		if (ports->port[i] == NULL)
			continue;
		if (added)
			gremc_port_missing_retry(&set->state[i]);
		any = port_events_apply(set, i, now);
		wait = poll_wait_min(wait, gremc_port_recover(set, i, now));
		if ((any || poll) && set->state[i].phase == GREMC_PHASE_OPEN &&
		    gremc_port_link_update(&set->state[i], ports->port[i]))
			events->listener(events->argument, i);
		down |= gremc_port_status_get(ports->port[i]) == GREMC_PORT_DOWN;
	}
	if (poll)
		events->next_poll = now + (down ? POLL_INTERVAL_DOWN : POLL_INTERVAL);
	return poll_wait_min(wait, (int)(events->next_poll - now));
}
