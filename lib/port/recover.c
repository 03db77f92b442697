/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices that request a reset, and devices that have been removed.
 *
 * Workers use the queues of a port without a lock. So the control thread closes the port first, and a grace
 * period later no worker is inside the driver. Then only the control thread uses the device. A bond is closed
 * only while a member leaves or rejoins; in between the bond works without the member, while the control
 * thread restarts the member. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_eth_bond.h>
#include <rte_lcore.h>

#include "port/port_priv.h"

/* Milliseconds: between checks of a grace period, between checks whether a job changes the flow rules of the
 * device, and between attempts after a failure. */
#define GRACE_WAIT  1
#define STEER_WAIT  1
#define FIRST_DELAY 1000u
#define LAST_DELAY  32000u

/* ---- how a lower device is found again ---- */

/* Returns 0 or a negative errno; then the device cannot return after a removal. */
static int lower_remember(struct gremc_lower_device *lower, uint16_t id)
{
	const struct rte_devargs *devargs;
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(id, &info);

	if (ret == 0)
		ret = rte_eth_dev_get_name_by_port(id, lower->name);
	if (ret)
		return ret;
	if (info.device == NULL)
		return -ENODEV;
	devargs = rte_dev_devargs(info.device);
	if (devargs && devargs->args) {
		lower->arguments = strdup(devargs->args);
		if (lower->arguments == NULL)
			return -ENOMEM;
	}
	gremc_text_copy(lower->device, sizeof(lower->device), rte_dev_name(info.device));
	lower->bus = rte_bus_name(rte_dev_bus(info.device));
	return 0;
}

void gremc_port_lowers_remember(struct gremc_port_state *state)
{
	int ret;

	for (uint16_t i = 0; i < state->lower_count; i++) {
		ret = lower_remember(&state->lower[i], state->lower_id[i]);
		if (ret)
			GREMC_LOG(WARNING, "port %s: ethdev %u cannot be used again after a removal: %s",
				  state->config->name, state->lower_id[i], gremc_driver_error_text(ret));
	}
}

void gremc_port_lowers_forget(struct gremc_port_state *state)
{
	for (uint16_t i = 0; i < state->lower_count; i++) {
		free(state->lower[i].arguments);
		free(state->lower[i].reason);
	}
}

/* ---- attempts ---- */

static void retry_now(struct gremc_lower_device *lower, uint64_t now)
{
	lower->next_try = now;
	lower->delay = FIRST_DELAY;
	free(lower->reason);
	lower->reason = NULL;
}

/* Schedule the next attempt and double the delay. `reason` may end with a newline. */
static void retry_schedule(struct gremc_lower_device *lower, const char *port, const char *reason,
			   uint64_t now)
{
	int length = strcspn(reason, "\n");

	if (lower->reason == NULL || strncmp(lower->reason, reason, length) || lower->reason[length]) {
		GREMC_LOG(ERR, "port %s: `%s` cannot be used again yet: %.*s; retrying at least every %u s",
			  port, lower->name, length, reason, LAST_DELAY / 1000);
		free(lower->reason);
		lower->reason = strndup(reason, length);
	}
	lower->next_try = now + lower->delay;
	lower->delay = RTE_MIN(2 * lower->delay, LAST_DELAY);
}

static void retry_finish(struct gremc_lower_device *lower)
{
	lower->need = GREMC_LOWER_NEEDS_NOTHING;
	free(lower->reason);
	lower->reason = NULL;
}

/* ---- a device ---- */

/* A stopped device frees its mbufs to the cache of this thread, where no worker can allocate them. */
static void pool_cache_flush(struct rte_mempool *pool)
{
	struct rte_mempool_cache *cache = pool ? rte_mempool_default_cache(pool, rte_lcore_id()) : NULL;

	if (cache)
		rte_mempool_cache_flush(cache, pool);
}

static void pool_caches_flush(const struct gremc_ports *ports)
{
	for (uint16_t i = 0; i < ports->count; i++)
		for (uint16_t q = 0; ports->port[i] && q < ports->port[i]->rx_queues; q++)
			pool_cache_flush(ports->port[i]->rx_pool[q]);
	for (uint16_t w = 0; w < ports->worker_count; w++) {
		pool_cache_flush(ports->worker[w].header_pool);
		pool_cache_flush(ports->worker[w].shard_pool);
	}
	pool_cache_flush(ports->host_pool);
}

/* Reset a device. A driver without this function is only set up again. */
static int device_reset(struct gremc_port_set *set, uint16_t id)
{
	int ret = rte_eth_dev_reset(id);

	/* the reset serves all requests until now */
	gremc_u32_clear(&set->events.pending[id], GREMC_PORT_EVENT_RESET);
	return ret == -ENOTSUP ? 0 : ret;
}

/* Close a stopped device that has been removed. Its driver may fail, because the hardware is gone: an ethdev
 * that stays is the reason of the next attempt's failure. */
static void device_unplug(struct gremc_lower_device *lower, uint16_t id)
{
	(void)rte_eth_dev_close(id);
	if (lower->bus)
		(void)rte_eal_hotplug_remove(lower->bus, lower->device);
	lower->gone = true;
}

/* Plug a device that has been removed. Returns 0, or a negative errno while it is absent. */
static int device_replug(struct gremc_port_set *set, struct gremc_lower_device *lower, uint16_t *id)
{
	const char *arguments = lower->arguments ? lower->arguments : "";
	int ret = lower->bus ? rte_eal_hotplug_add(lower->bus, lower->device, arguments) : -ENOTSUP;

	if (ret == 0 || ret == -EEXIST)
		ret = gremc_device_find(lower->name, id);
	if (ret)
		return ret;
	/* discard events of a device that had this id before */
	gremc_u32_store(&set->events.pending[*id], 0);
	lower->gone = false;
	lower->need = GREMC_LOWER_NEEDS_RESET;
	return 0;
}

/* ---- the port ---- */

static void port_status_set(struct gremc_port_set *set, uint16_t index, enum gremc_port_status status)
{
	struct gremc_port *port = set->ports.port[index];

	gremc_int_store(&port->status, status);
	set->events.listener(set->events.argument, index);
}

static void port_close(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	bool is_gone = !gremc_port_is_bond(state) && state->lower[0].need == GREMC_LOWER_NEEDS_DEVICE;

	gremc_assert(state->phase == GREMC_PHASE_OPEN);
	port_status_set(set, index, is_gone ? GREMC_PORT_REMOVED : GREMC_PORT_RESETTING);
	state->grace = rte_rcu_qsbr_start(set->events.qsbr);
	state->phase = GREMC_PHASE_CLOSING;
}

/* Open the port with the present state of its link. */
static void port_reopen(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];

	state->phase = GREMC_PHASE_OPEN;
	/* the listener is called in any case */
	(void)gremc_port_link_update(state, port);
	port_status_set(set, index, state->link_up ? GREMC_PORT_UP : GREMC_PORT_DOWN);
}

static void port_reset_count(struct gremc_port *port, const struct gremc_lower_device *lower)
{
	gremc_counter_add(&port->resets, 1);
	GREMC_LOG(NOTICE, "port %s: `%s` works again", port->name, lower->name);
}

/* ---- a port that is one device ---- */

static int port_ethdev_set(struct gremc_port_set *set, uint16_t index, uint16_t id)
{
	struct gremc_port_state *state = &set->state[index];

	state->id = state->lower_id[0] = set->ports.port[index]->id = id;
	return rte_eth_dev_info_get(id, &state->info);
}

static int port_device_recover(struct gremc_port_set *set, uint16_t index)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_lower_device *lower = &state->lower[0];
	uint16_t id;
	int ret;

	if (lower->gone) {
		ret = device_replug(set, lower, &id);
		if (ret == 0)
			ret = port_ethdev_set(set, index, id);
	} else {
		gremc_port_device_halt(set, index);
		ret = device_reset(set, state->id);
	}
	return ret ? ret : gremc_port_device_restart(set, index);
}

static void device_recovery_step(struct gremc_port_set *set, uint16_t index, uint64_t now)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_lower_device *lower = &state->lower[0];
	struct gremc_port *port = set->ports.port[index];
	struct gremc_errors errors = {0};
	int ret;

	gremc_assert_locked(&set->ports.devices);
	gremc_assert(state->phase == GREMC_PHASE_CLOSED);
	if (lower->need == GREMC_LOWER_NEEDS_DEVICE && !lower->gone) {
		gremc_port_device_halt(set, index);
		device_unplug(lower, state->id);
		state->touched = false;
		pool_caches_flush(&set->ports);
		lower->next_try = now + lower->delay;
		return;
	}
	set->errors = &errors;
	ret = port_device_recover(set, index);
	set->errors = NULL;
	pool_caches_flush(&set->ports);
	if (ret) {
		retry_schedule(lower, port->name, errors.text ? errors.text : rte_strerror(-ret), now);
		if (!lower->gone && gremc_port_status_get(port) != GREMC_PORT_FAILED)
			port_status_set(set, index, GREMC_PORT_FAILED);
	} else {
		retry_finish(lower);
		port_reset_count(port, lower);
		port_reopen(set, index);
	}
	gremc_errors_fini(&errors);
}

/* ---- members of a bond ---- */

static void bond_member_release(struct gremc_port_set *set, uint16_t index, uint16_t member)
{
	struct gremc_port_state *state = &set->state[index];
	const struct gremc_port *port = set->ports.port[index];
	struct gremc_lower_device *lower = &state->lower[member];

	/* otherwise the bond changes its address to that of another member */
	if (rte_eth_bond_mac_address_set(state->id, (struct rte_ether_addr *)(uintptr_t)&port->mac))
		GREMC_LOG(WARNING, "port %s: the bond may change its MAC address", port->name);
	if (gremc_bond_member_detach(state->id, state->lower_id[member]))
		GREMC_LOG(ERR, "port %s: the bond does not release `%s`", port->name, lower->name);
	lower->out = true;
	if (lower->need == GREMC_LOWER_NEEDS_DEVICE) {
		device_unplug(lower, state->lower_id[member]);
		lower->next_try += lower->delay;
	}
	pool_caches_flush(&set->ports);
}

static void bond_member_rejoin(struct gremc_port_set *set, uint16_t index, uint16_t member, uint64_t now)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_port *port = set->ports.port[index];
	struct gremc_lower_device *lower = &state->lower[member];
	struct gremc_errors errors = {0};

	lower->ready = false;
	if (gremc_bond_member_add(state->id, state->lower_id[member])) {
		retry_schedule(lower, port->name, "the bond does not accept it as a member", now);
		return;
	}
	lower->out = false;
	gremc_port_groups_open(state, port, state->lower_id[member]);
	set->errors = &errors;
	if (gremc_port_mtu_apply(set, index))
		GREMC_LOG(ERR, "%s", errors.text ? errors.text : "out of memory");
	set->errors = NULL;
	gremc_errors_fini(&errors);
	retry_finish(lower);
	port_reset_count(port, lower);
}

static void bond_recovery_step(struct gremc_port_set *set, uint16_t index, uint64_t now)
{
	struct gremc_port_state *state = &set->state[index];

	gremc_assert_locked(&set->ports.devices);
	gremc_assert(state->phase == GREMC_PHASE_CLOSED);
	for (uint16_t i = 0; i < state->lower_count; i++) {
		if (state->lower[i].need && !state->lower[i].out)
			bond_member_release(set, index, i);
		else if (state->lower[i].ready)
			bond_member_rejoin(set, index, i, now);
	}
	port_reopen(set, index);
}

/* Restart a member that has left its bond, while the bond works without it. */
static void bond_member_prepare(struct gremc_port_set *set, uint16_t index, uint16_t member, uint64_t now)
{
	struct gremc_port_state *state = &set->state[index];
	struct gremc_lower_device *lower = &state->lower[member];
	int ret = 0;

	if (!lower->out || lower->ready || lower->need == GREMC_LOWER_NEEDS_NOTHING || now < lower->next_try)
		return;
	pthread_mutex_lock(&set->ports.devices);
	ret = lower->gone ? device_replug(set, lower, &state->lower_id[member])
			  : device_reset(set, state->lower_id[member]);
	pthread_mutex_unlock(&set->ports.devices);
	if (ret)
		retry_schedule(lower, set->ports.port[index]->name, rte_strerror(-ret), now);
	else
		lower->ready = true;
}

/* ---- steps ---- */

void gremc_port_lower_event(struct gremc_port_set *set, uint16_t index, uint16_t number, uint32_t events,
			    uint64_t now)
{
	struct gremc_port *port = set->ports.port[index];
	struct gremc_lower_device *lower = &set->state[index].lower[number];

	if (set->state[index]
		    .config->interface[0]) /* net_af_xdp: an interface of the kernel has no such events */
		return;
	gremc_assert_control_thread();
	if (events & GREMC_PORT_EVENT_REMOVED && lower->need != GREMC_LOWER_NEEDS_DEVICE) {
		GREMC_LOG(ERR, "port %s: `%s` has been removed; it will be used again when it returns",
			  port->name, lower->name);
		gremc_counter_add(&port->removals, 1);
		lower->need = GREMC_LOWER_NEEDS_DEVICE;
		lower->ready = false;
		retry_now(lower, now);
	} else if (events & GREMC_PORT_EVENT_RESET && lower->need == GREMC_LOWER_NEEDS_NOTHING) {
		GREMC_LOG(WARNING, "port %s: `%s` requests a reset; it is set up again", port->name,
			  lower->name);
		lower->need = GREMC_LOWER_NEEDS_RESET;
		retry_now(lower, now);
	} else if (events & GREMC_PORT_EVENT_RESET) {
		lower->next_try = now;
	}
}

void gremc_port_missing_retry(struct gremc_port_state *state)
{
	for (uint16_t i = 0; i < state->lower_count; i++)
		if (state->lower[i].gone)
			state->lower[i].next_try = 0;
}

/* Returns whether the next step needs that no worker is inside the driver. */
static bool port_needs_closing(const struct gremc_port_state *state, bool bond)
{
	for (uint16_t i = 0; i < state->lower_count; i++) {
		const struct gremc_lower_device *lower = &state->lower[i];

		if (lower->need && (!bond || !lower->out || lower->ready))
			return true;
	}
	return false;
}

static int recovery_time_left(const struct gremc_port_state *state, uint64_t now)
{
	int64_t least = -1;

	for (uint16_t i = 0; i < state->lower_count; i++) {
		int64_t left = RTE_MAX((int64_t)(state->lower[i].next_try - now), 0);

		if (state->lower[i].need && (least < 0 || left < least))
			least = left;
	}
	return (int)least;
}

/* A stop of the device destroys its flow rules, which a paused job may be changing. */
static bool port_steering_is_busy(const struct gremc_port_state *state)
{
	return state->steer && gremc_steer_is_busy(state->steer);
}

int gremc_port_recover(struct gremc_port_set *set, uint16_t index, uint64_t now)
{
	struct gremc_port_state *state = &set->state[index];
	bool bond = gremc_port_is_bond(state);

	gremc_assert_control_thread();
	if (state->phase == GREMC_PHASE_OPEN) {
		for (uint16_t i = 0; bond && i < state->lower_count; i++)
			bond_member_prepare(set, index, i, now);
		if (!port_needs_closing(state, bond))
			return recovery_time_left(state, now);
		if (port_steering_is_busy(state))
			return STEER_WAIT;
		port_close(set, index);
	}
	if (state->phase == GREMC_PHASE_CLOSING) {
		if (rte_rcu_qsbr_check(set->events.qsbr, state->grace, false) == 0)
			return GRACE_WAIT;
		state->phase = GREMC_PHASE_CLOSED;
	}
	if (!bond && now < state->lower[0].next_try)
		return recovery_time_left(state, now);
	if (port_steering_is_busy(state))
		return STEER_WAIT;
	pthread_mutex_lock(&set->ports.devices);
	if (bond)
		bond_recovery_step(set, index, now);
	else
		device_recovery_step(set, index, now);
	pthread_mutex_unlock(&set->ports.devices);
	return recovery_time_left(state, now);
}
