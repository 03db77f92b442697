/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices that ask for a reset, and devices that have been removed.
 *
 * The workers use the queues of a port without a lock. So a port is closed first: they are told, and a grace
 * period later none of them is inside the driver. Then the device is the control thread's alone. A bond is
 * closed for as long as it takes to let a member go or to take it back; what a member needs in between is
 * done while the bond goes on without it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_eth_bond.h>
#include <rte_lcore.h>

#include "port/steer_priv.h"

/* Milliseconds: between looks at a grace period, and between tries of what fails. */
#define GRACE_WAIT  1
#define FIRST_DELAY 1000u
#define LAST_DELAY  32000u

static bool is_bond(const struct gremc_port_state *state)
{
	return state->wire_count > 0 && state->wire[0] != state->id && rte_eth_bond_mode_get(state->id) >= 0;
}

/* ---- how a wire is found again ---- */

static void remember_wire(struct gremc_wire_life *life, uint16_t id)
{
	const struct rte_devargs *devargs;
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(id, &info) || info.device == NULL ||
	    rte_eth_dev_get_name_by_port(id, life->name))
		return;
	devargs = rte_dev_devargs(info.device);
	snprintf(life->device, sizeof(life->device), "%s", rte_dev_name(info.device));
	life->bus = rte_bus_name(rte_dev_bus(info.device));
	life->arguments = devargs && devargs->args ? strdup(devargs->args) : NULL;
}

void gremc_port_remember(struct gremc_port_state *state)
{
	for (uint16_t i = 0; i < state->wire_count; i++)
		remember_wire(&state->life[i], state->wire[i]);
}

void gremc_port_forget(struct gremc_port_state *state)
{
	for (uint16_t i = 0; i < state->wire_count; i++) {
		free(state->life[i].arguments);
		free(state->life[i].reason);
	}
}

/* ---- tries ---- */

static void retry_soon(struct gremc_wire_life *life, uint64_t now)
{
	life->next_try = now;
	life->delay = FIRST_DELAY;
	free(life->reason);
	life->reason = NULL;
}

/* Try again later, each time after twice the time. `reason` ends with a newline or not. */
static void retry_later(struct gremc_wire_life *life, const char *port, const char *reason, uint64_t now)
{
	int length = strcspn(reason, "\n");

	if (life->reason == NULL || strncmp(life->reason, reason, length) || life->reason[length]) {
		GREMC_LOG(ERR,
			  "port %s: `%s` cannot be used again yet: %.*s; it is tried on, at least every %u s",
			  port, life->name, length, reason, LAST_DELAY / 1000);
		free(life->reason);
		life->reason = strndup(reason, length);
	}
	life->next_try = now + life->delay;
	life->delay = RTE_MIN(2 * life->delay, LAST_DELAY);
}

static void retry_end(struct gremc_wire_life *life)
{
	life->need = GREMC_WIRE_NOTHING;
	free(life->reason);
	life->reason = NULL;
}

/* ---- a device ---- */

/* What a stopped device had is in the cache of this thread now, where no worker finds it. */
static void flush_cache(struct rte_mempool *pool)
{
	struct rte_mempool_cache *cache = pool ? rte_mempool_default_cache(pool, rte_lcore_id()) : NULL;

	if (cache)
		rte_mempool_cache_flush(cache, pool);
}

static void flush_caches(const struct gremc_ports *ports)
{
	for (uint16_t i = 0; i < ports->count; i++)
		for (uint16_t q = 0; ports->port[i] && q < ports->port[i]->rx_queues; q++)
			flush_cache(ports->port[i]->rx_pool[q]);
	for (uint16_t w = 0; w < ports->worker_count; w++)
		flush_cache(ports->worker[w].header_pool);
	flush_cache(ports->host_pool);
}

/* As a device that has just been found. Drivers without a reset are set up again as they are. */
static int reset(struct gremc_port_set *set, uint16_t id)
{
	int ret = rte_eth_dev_reset(id);

	/* what it has asked for until now is done */
	__atomic_and_fetch(&set->events.pending[id], ~GREMC_PORT_EVENT_RESET, __ATOMIC_RELAXED);
	return ret == -ENOTSUP ? 0 : ret;
}

/* The device, stopped, leaves DPDK, too. The driver of a device that is not there any more may complain. */
static void unplug(struct gremc_wire_life *life, uint16_t id)
{
	rte_eth_dev_close(id);
	if (life->bus)
		rte_eal_hotplug_remove(life->bus, life->device);
	life->gone = true;
}

/* Returns 0, or a negative errno when it is not there. */
static int plug(struct gremc_port_set *set, struct gremc_wire_life *life, uint16_t *id)
{
	const char *arguments = life->arguments ? life->arguments : "";
	int ret = life->bus ? rte_eal_hotplug_add(life->bus, life->device, arguments) : -ENOTSUP;

	if (ret == 0 || ret == -EEXIST)
		ret = gremc_device_find(life->name, id);
	if (ret)
		return ret;
	/* of the device that had this number */
	__atomic_store_n(&set->events.pending[*id], 0, __ATOMIC_RELAXED);
	life->gone = false;
	life->need = GREMC_WIRE_RESET;
	return 0;
}

/* ---- the port ---- */

static void set_status(struct gremc_port_set *set, uint16_t index, enum gremc_port_status status)
{
	struct gremc_port *port = set->ports.port[index];

	__atomic_store_n(&port->status, status, __ATOMIC_RELAXED);
	set->events.listener(set->events.argument, index);
}

static void close_port(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	bool is_gone = !is_bond(state) && state->life[0].need == GREMC_WIRE_DEVICE;

	set_status(set, index, is_gone ? GREMC_PORT_REMOVED : GREMC_PORT_RESETTING);
	state->grace = rte_rcu_qsbr_start(set->events.qsbr);
	state->phase = GREMC_PHASE_CLOSING;
}

/* With the link that it has now. */
static void open_port(struct gremc_port_set *set, uint16_t index, uint64_t now)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];

	state->phase = GREMC_PHASE_OPEN;
	gremc_port_link_update(state, port, now);
	set_status(set, index, state->link.up ? GREMC_PORT_UP : GREMC_PORT_DOWN);
}

static void count_reset(struct gremc_port *port, const struct gremc_wire_life *life)
{
	__atomic_store_n(&port->resets, port->resets + 1, __ATOMIC_RELAXED);
	GREMC_LOG(NOTICE, "port %s: `%s` works again", port->name, life->name);
}

/* ---- a port that is one device ---- */

static int adopt(struct gremc_port_set *set, uint16_t index, uint16_t id)
{
	struct gremc_port_state *state = &set->state[index];

	state->id = state->wire[0] = set->ports.port[index]->id = id;
	return rte_eth_dev_info_get(id, &state->info);
}

static int restart_device(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_wire_life *life = &state->life[0];
	uint16_t id;
	int ret;

	if (life->gone) {
		ret = plug(set, life, &id);
		if (ret == 0)
			ret = adopt(set, index, id);
	} else {
		gremc_port_halt(set, index);
		ret = reset(set, state->id);
	}
	return ret ? ret : gremc_port_restart(set, index);
}

static void serve_device(struct gremc_port_set *set, uint16_t index, uint64_t now)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_wire_life *life = &state->life[0];
	struct gremc_port *port = set->ports.port[index];
	struct gremc_errors errors = {0};
	int ret;

	if (life->need == GREMC_WIRE_DEVICE && !life->gone) {
		gremc_port_halt(set, index);
		unplug(life, state->id);
		state->touched = false;
		flush_caches(&set->ports);
		life->next_try = now + life->delay;
		return;
	}
	set->errors = &errors;
	ret = restart_device(set, index);
	set->errors = NULL;
	flush_caches(&set->ports);
	if (ret) {
		retry_later(life, port->name, errors.text ? errors.text : rte_strerror(-ret), now);
		if (!life->gone && port->status != GREMC_PORT_FAILED)
			set_status(set, index, GREMC_PORT_FAILED);
	} else {
		retry_end(life);
		count_reset(port, life);
		open_port(set, index, now);
	}
	gremc_errors_fini(&errors);
}

/* ---- members of a bond ---- */

static void let_go(struct gremc_port_set *set, uint16_t index, uint16_t wire)
{
	struct gremc_port_state *state = &set->state[index];
	const struct gremc_port *port = set->ports.port[index];
	struct gremc_wire_life *life = &state->life[wire];

	/* else the bond takes another one's, or none */
	rte_eth_bond_mac_address_set(state->id, (struct rte_ether_addr *)(uintptr_t)&port->mac);
	rte_eth_dev_stop(state->wire[wire]);
	if (gremc_bond_member_remove(state->id, state->wire[wire]))
		GREMC_LOG(ERR, "port %s: the bond does not let `%s` go", port->name, life->name);
	life->out = true;
	if (life->need == GREMC_WIRE_DEVICE) {
		unplug(life, state->wire[wire]);
		life->next_try += life->delay;
	}
	flush_caches(&set->ports);
}

static void take_back(struct gremc_port_set *set, uint16_t index, uint16_t wire, uint64_t now)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	struct gremc_wire_life *life = &state->life[wire];
	struct gremc_errors errors = {0};

	life->ready = false;
	if (gremc_bond_member_add(state->id, state->wire[wire])) {
		retry_later(life, port->name, "the bond does not take it as a member", now);
		return;
	}
	life->out = false;
	gremc_port_groups_open(state, port, state->wire[wire]);
	set->errors = &errors;
	if (gremc_port_mtu_settle(set, index))
		GREMC_LOG(ERR, "%s", errors.text ? errors.text : "out of memory");
	set->errors = NULL;
	gremc_errors_fini(&errors);
	retry_end(life);
	count_reset(port, life);
}

static void serve_bond(struct gremc_port_set *set, uint16_t index, uint64_t now)
{
	struct gremc_port_state *state = &set->state[index];

	for (uint16_t i = 0; i < state->wire_count; i++) {
		if (state->life[i].need && !state->life[i].out)
			let_go(set, index, i);
		else if (state->life[i].ready)
			take_back(set, index, i, now);
	}
	open_port(set, index, now);
}

/* A member that is out of the bond, which goes on. */
static void prepare_member(struct gremc_port_set *set, uint16_t index, uint16_t wire, uint64_t now)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_wire_life *life = &state->life[wire];
	int ret = 0;

	if (!life->out || life->ready || life->need == GREMC_WIRE_NOTHING || now < life->next_try)
		return;
	pthread_mutex_lock(&set->ports.devices);
	ret = life->gone ? plug(set, life, &state->wire[wire]) : reset(set, state->wire[wire]);
	pthread_mutex_unlock(&set->ports.devices);
	if (ret)
		retry_later(life, set->ports.port[index]->name, rte_strerror(-ret), now);
	else
		life->ready = true;
}

/* ---- from step to step ---- */

void gremc_port_wire_event(struct gremc_port_set *set, uint16_t index, uint16_t wire, uint32_t events,
			   uint64_t now)
{
	struct gremc_port *port = set->ports.port[index];
	struct gremc_wire_life *life = &set->state[index].life[wire];

	if (set->state[index].xdp) /* its device is the kernel's interface, which has no such events */
		return;
	if (events & GREMC_PORT_EVENT_REMOVED && life->need != GREMC_WIRE_DEVICE) {
		GREMC_LOG(ERR, "port %s: `%s` has been removed; it is used again when it returns", port->name,
			  life->name);
		__atomic_store_n(&port->removals, port->removals + 1, __ATOMIC_RELAXED);
		life->need = GREMC_WIRE_DEVICE;
		life->ready = false;
		retry_soon(life, now);
	} else if (events & GREMC_PORT_EVENT_RESET && life->need == GREMC_WIRE_NOTHING) {
		GREMC_LOG(WARNING, "port %s: `%s` asks for a reset; it is set up again", port->name,
			  life->name);
		life->need = GREMC_WIRE_RESET;
		retry_soon(life, now);
	} else if (events & GREMC_PORT_EVENT_RESET) {
		life->next_try = now;
	}
}

void gremc_port_look_again(struct gremc_port_state *state)
{
	for (uint16_t i = 0; i < state->wire_count; i++)
		if (state->life[i].gone)
			state->life[i].next_try = 0;
}

/* What workers must not be inside of. */
static bool needs_closing(const struct gremc_port_state *state, bool bond)
{
	for (uint16_t i = 0; i < state->wire_count; i++) {
		const struct gremc_wire_life *life = &state->life[i];

		if (life->need && (!bond || !life->out || life->ready))
			return true;
	}
	return false;
}

static int time_left(const struct gremc_port_state *state, uint64_t now)
{
	int64_t least = -1;

	for (uint16_t i = 0; i < state->wire_count; i++) {
		int64_t left = RTE_MAX((int64_t)(state->life[i].next_try - now), 0);

		if (state->life[i].need && (least < 0 || left < least))
			least = left;
	}
	return (int)least;
}

int gremc_port_recover(struct gremc_port_set *set, uint16_t index, uint64_t now)
{
	struct gremc_port_state *state = &set->state[index];
	bool bond = is_bond(state);

	if (state->phase == GREMC_PHASE_OPEN) {
		for (uint16_t i = 0; bond && i < state->wire_count; i++)
			prepare_member(set, index, i, now);
		if (!needs_closing(state, bond))
			return time_left(state, now);
		close_port(set, index);
	}
	if (state->phase == GREMC_PHASE_CLOSING) {
		if (rte_rcu_qsbr_check(set->events.qsbr, state->grace, false) == 0)
			return GRACE_WAIT;
		state->phase = GREMC_PHASE_CLOSED;
	}
	if (!bond && now < state->life[0].next_try)
		return time_left(state, now);
	pthread_mutex_lock(&set->ports.devices);
	if (bond)
		serve_bond(set, index, now);
	else
		serve_device(set, index, now);
	pthread_mutex_unlock(&set->ports.devices);
	return time_left(state, now);
}
