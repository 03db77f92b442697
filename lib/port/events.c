/* SPDX-License-Identifier: BSD-3-Clause */
/* Events of devices. DPDK calls back on its interrupt thread, where nothing may be done to a device: an event
 * is a bit and a write to an eventfd, and the control thread does the rest. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "port/port_priv.h"

/* Links of devices that raise no event are looked at this often, milliseconds. */
#define POLL_INTERVAL 1000

static const struct {
	enum rte_eth_event_type type;
	uint32_t event;
} sources[] = {
	{RTE_ETH_EVENT_INTR_LSC, GREMC_PORT_EVENT_LINK},
};

/* ---- DPDK's interrupt thread ---- */

static int record(uint16_t id, enum rte_eth_event_type type, void *argument, void *unused)
{
	struct gremc_port_set *set = argument;
	uint32_t events = 0;

	RTE_SET_USED(unused);
	for (unsigned i = 0; i < RTE_DIM(sources); i++)
		if (sources[i].type == type)
			events |= sources[i].event;
	if (id >= RTE_DIM(set->events.pending))
		return 0;
	/* release: the control thread sees the device as the driver left it */
	__atomic_or_fetch(&set->events.pending[id], events, __ATOMIC_RELEASE);
	eventfd_write(set->events.fd, 1);
	return 0;
}

/* ---- control thread ---- */

int gremc_port_listen(struct gremc_port_set *set)
{
	int ret = 0;

	set->events.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (set->events.fd < 0)
		ret = -errno;
	/* of all devices, so that one that comes back has it, too */
	for (unsigned i = 0; i < RTE_DIM(sources) && ret == 0; i++)
		ret = rte_eth_dev_callback_register(RTE_ETH_ALL, sources[i].type, record, set);
	if (ret)
		gremc_errors_add(set->errors, NULL, 0, 0, "the devices' events cannot be followed: %s",
				 rte_strerror(-ret));
	return ret;
}

void gremc_port_listen_end(struct gremc_port_set *set)
{
	if (set->events.fd < 0)
		return;
	/* -EAGAIN: it runs right now */
	for (unsigned i = 0; i < RTE_DIM(sources); i++)
		while (rte_eth_dev_callback_unregister(RTE_ETH_ALL, sources[i].type, record, set) == -EAGAIN)
			rte_pause();
	if (set->events.listener)
		epoll_ctl(set->events.epoll, EPOLL_CTL_DEL, set->events.fd, NULL);
	close(set->events.fd);
	set->events.fd = -1;
}

/* The loop's next turn takes the events. */
static void woken(void *argument)
{
	struct gremc_port_set *set = argument;
	eventfd_t count;

	eventfd_read(set->events.fd, &count);
}

int gremc_ports_watch(struct gremc_ports *ports, int epoll, gremc_port_listener *listener, void *argument)
{
	struct gremc_port_set *set = (struct gremc_port_set *)ports;
	struct gremc_port_events *events = &set->events;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &events->watch};

	events->watch = (struct gremc_watch){.ready = woken, .argument = set};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, events->fd, &event))
		return -errno;
	events->epoll = epoll;
	events->listener = listener;
	events->argument = argument;
	for (uint16_t i = 0; i < ports->count; i++)
		if (ports->port[i])
			listener(argument, i);
	return 0;
}

/* What has happened to the port's device, and to the members of a bond. */
static uint32_t take_events(struct gremc_port_set *set, const struct gremc_port_state *state)
{
	uint32_t events = __atomic_exchange_n(&set->events.pending[state->id], 0, __ATOMIC_ACQUIRE);

	for (uint16_t i = 0; i < state->wire_count; i++)
		events |= __atomic_exchange_n(&set->events.pending[state->wire[i]], 0, __ATOMIC_ACQUIRE);
	return events;
}

int gremc_ports_run(struct gremc_ports *ports, uint64_t now, int wait)
{
	struct gremc_port_set *set = (struct gremc_port_set *)ports;
	struct gremc_port_events *events = &set->events;
	bool poll = now >= events->next_poll;

	for (uint16_t i = 0; i < ports->count; i++) {
		if (ports->port[i] == NULL)
			continue;
		if ((take_events(set, &set->state[i]) || poll) &&
		    gremc_port_link_update(&set->state[i], ports->port[i], now))
			events->listener(events->argument, i);
	}
	if (poll)
		events->next_poll = now + POLL_INTERVAL;
	return wait < 0 ? (int)(events->next_poll - now) : RTE_MIN(wait, (int)(events->next_poll - now));
}
