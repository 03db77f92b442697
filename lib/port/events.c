/* SPDX-License-Identifier: BSD-3-Clause */
/* Events of devices. DPDK calls back on its interrupt thread, where nothing may be done to a device: an event
 * is a bit and a write to an eventfd, and the control thread does the rest. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_pause.h>

#include "port/port_priv.h"

/* Links of devices that raise no event are looked at this often, milliseconds. */
#define POLL_INTERVAL      1000
#define POLL_INTERVAL_DOWN 100 /* while a port has no link: replicas are lost until its link is seen */

static const struct {
	enum rte_eth_event_type type;
	uint32_t event;
} event_sources[] = {
	{RTE_ETH_EVENT_INTR_LSC, GREMC_PORT_EVENT_LINK},
	{RTE_ETH_EVENT_INTR_RESET, GREMC_PORT_EVENT_RESET},
	{RTE_ETH_EVENT_INTR_RMV, GREMC_PORT_EVENT_REMOVED},
};

/* ---- DPDK's interrupt thread ---- */

static void device_events_add(struct gremc_port_set *set, uint16_t id, uint32_t events)
{
	/* release: the control thread sees the device as the driver left it */
	if (id < RTE_DIM(set->events.pending))
		__atomic_or_fetch(&set->events.pending[id], events, __ATOMIC_RELEASE);
	eventfd_write(set->events.fd, 1);
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

/* Of the bus: a removal that the kernel asks for (vfio) or reports, and a device that is new. */
static void bus_event_record(const char *name, enum rte_dev_event_type type, void *argument)
{
	struct gremc_port_set *set = argument;

	if (type == RTE_DEV_EVENT_ADD) {
		__atomic_store_n(&set->events.added, true, __ATOMIC_RELEASE);
		eventfd_write(set->events.fd, 1);
	}
	for (uint16_t i = 0; type == RTE_DEV_EVENT_REMOVE && i < set->ports.count; i++)
		for (uint16_t w = 0; w < set->state[i].lower_count; w++)
			if (strcmp(set->state[i].lower[w].device, name) == 0)
				device_events_add(set, set->state[i].lower_id[w], GREMC_PORT_EVENT_REMOVED);
}

/* ---- control thread ---- */

int gremc_ports_events_open(struct gremc_port_set *set)
{
	int ret = 0;

	set->events.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (set->events.fd < 0)
		ret = -errno;
	/* of all devices, so that one that comes back has it, too */
	for (unsigned i = 0; i < RTE_DIM(event_sources) && ret == 0; i++)
		ret = rte_eth_dev_callback_register(RTE_ETH_ALL, event_sources[i].type, ethdev_event_record,
						    set);
	if (ret)
		gremc_errors_add(set->errors, NULL, 0, 0, "the devices' events cannot be followed: %s",
				 rte_strerror(-ret));
	return ret;
}

/* Devices on PCI come and go by the kernel's events; where these are not to be had, removed ones are looked
 * for from time to time all the same. */
static void bus_monitor_start(struct gremc_port_set *set)
{
	bool pci = false;

	for (uint16_t i = 0; i < set->ports.count; i++)
		for (uint16_t w = 0; w < set->state[i].lower_count; w++)
			pci |= set->state[i].lower[w].bus && strcmp(set->state[i].lower[w].bus, "pci") == 0;
	if (rte_dev_event_callback_register(NULL, bus_event_record, set))
		GREMC_LOG(DEBUG, "the events of buses cannot be followed");
	set->events.monitors = pci && rte_dev_event_monitor_start() == 0;
}

static void bus_monitor_stop(struct gremc_port_set *set)
{
	if (set->events.monitors)
		rte_dev_event_monitor_stop();
	while (rte_dev_event_callback_unregister(NULL, bus_event_record, set) == -EAGAIN)
		rte_pause();
}

void gremc_ports_events_close(struct gremc_port_set *set)
{
	if (set->events.fd < 0)
		return;
	/* -EAGAIN: it runs right now */
	for (unsigned i = 0; i < RTE_DIM(event_sources); i++)
		while (rte_eth_dev_callback_unregister(RTE_ETH_ALL, event_sources[i].type,
						       ethdev_event_record, set) == -EAGAIN)
			rte_pause();
	if (set->events.listener) {
		bus_monitor_stop(set);
		epoll_ctl(set->events.epoll, EPOLL_CTL_DEL, set->events.fd, NULL);
	}
	close(set->events.fd);
	set->events.fd = -1;
}

/* The loop's next turn takes the events. */
static void events_wake_clear(void *argument)
{
	struct gremc_port_set *set = argument;
	eventfd_t count;

	eventfd_read(set->events.fd, &count);
}

int gremc_ports_watch(struct gremc_ports *ports, struct gremc_rcu *rcu, int epoll,
		      gremc_port_listener *listener, void *argument)
{
	struct gremc_port_set *set = (struct gremc_port_set *)ports;
	struct gremc_port_events *events = &set->events;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &events->watch};

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

/* What has happened to the port's device, and to the members of a bond. Returns whether anything has. */
static bool port_events_apply(struct gremc_port_set *set, uint16_t index, uint64_t now)
{
	const struct gremc_port_state *state = &set->state[index];
	uint32_t *pending = set->events.pending;
	bool any = state->lower_id[0] != state->id &&
		   __atomic_exchange_n(&pending[state->id], 0, __ATOMIC_ACQUIRE) != 0;

	for (uint16_t i = 0; i < state->lower_count; i++) {
		uint32_t events = state->lower[i].gone ? 0
						       : __atomic_exchange_n(&pending[state->lower_id[i]], 0,
									     __ATOMIC_ACQUIRE);

		gremc_port_lower_event(set, index, i, events, now);
		any |= events != 0;
	}
	return any;
}

static int poll_wait_min(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : RTE_MIN(a, b);
}

int gremc_ports_poll(struct gremc_ports *ports, uint64_t now, int wait)
{
	struct gremc_port_set *set = (struct gremc_port_set *)ports;
	struct gremc_port_events *events = &set->events;
	bool down = false, poll = now >= events->next_poll,
	     added = __atomic_exchange_n(&events->added, false, __ATOMIC_ACQUIRE);

	for (uint16_t i = 0; i < ports->count; i++) {
		bool any;

		if (ports->port[i] == NULL)
			continue;
		if (added)
			gremc_port_missing_retry(&set->state[i]);
		any = port_events_apply(set, i, now);
		wait = poll_wait_min(wait, gremc_port_recover(set, i, now));
		if ((any || poll) && set->state[i].phase == GREMC_PHASE_OPEN &&
		    gremc_port_link_update(&set->state[i], ports->port[i], now))
			events->listener(events->argument, i);
		down |= ports->port[i]->status == GREMC_PORT_DOWN;
	}
	if (poll)
		events->next_poll = now + (down ? POLL_INTERVAL_DOWN : POLL_INTERVAL);
	return poll_wait_min(wait, (int)(events->next_poll - now));
}
