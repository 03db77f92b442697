/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of devices, the publication of their state, and the events of their links. */
#include <stdlib.h>
#include <string.h>

#include "host/host_priv.h"

/* ---- the list ---- */

static int device_name_compare(const void *a, const void *b)
{
	return strcmp((*(struct gremc_device *const *)a)->name, (*(struct gremc_device *const *)b)->name);
}

struct gremc_device *gremc_host_device_find(const struct gremc_host *host, const char *name)
{
	struct gremc_device pattern = {0}, *key = &pattern, **found;

	gremc_text_copy(pattern.name, sizeof(pattern.name), name);
	if (host->device_count == 0)
		return NULL;
	found = bsearch(&key, host->devices, host->device_count, sizeof(struct gremc_device *),
			device_name_compare);
	return found ? *found : NULL;
}

void gremc_host_devices_sort(struct gremc_host *host)
{
	gremc_assert_locked(&host->lock);
	qsort(host->devices, host->device_count, sizeof(struct gremc_device *), device_name_compare);
}

static_assert(sizeof(struct gremc_host_counters) % sizeof(uint64_t) == 0,
	      "gremc_host_counters_add() adds the structure as an array of counters");

void gremc_host_counters_add(struct gremc_host_counters *sum, const struct gremc_host_counters *counters)
{
	const uint64_t *from = (const uint64_t *)counters;
	uint64_t *to = (uint64_t *)sum;

	for (size_t i = 0; i < sizeof(*counters) / sizeof(*from); i++)
		gremc_counter_add(&to[i], gremc_counter_read(&from[i]));
}

void gremc_host_device_unpublish(struct gremc_host *host, const struct gremc_device *device)
{
	if (device->is_tap && host->port_device[device->port] == device)
		host->port_device[device->port] = NULL;
	if (!device->is_tap && host->vif_device[device->vif] == device)
		host->vif_device[device->vif] = NULL;
}

void gremc_host_device_destroy(struct gremc_host *host, struct gremc_device *device, bool remove)
{
	gremc_host_device_unpublish(host, device);
	gremc_device_close(host, device, remove);
	gremc_host_counters_add(&host->other_counters, &device->counters);
	gremc_link_config_fini(&device->link_config);
	free(device);
}

/* ---- the state of devices ---- */

void gremc_host_port_down_set(struct gremc_host *host, uint16_t port, bool down)
{
	gremc_assert_control_thread();
	gremc_assert(port < RTE_DIM(host->port_down));
	if (host->port_down[port] == down)
		return;
	if (gremc_port_down_set(host->context.vifs, port, down))
		GREMC_LOG(ERR, "out of memory: some next hops of port %s do not follow its interface",
			  host->context.ports->port[port]->name);
	gremc_workers_port_down(host->context.workers, port, down);
	host->port_down[port] = down;
}

static void device_state_publish(struct gremc_host *host, const struct gremc_device *device)
{
	if (device->is_tap)
		gremc_host_port_down_set(host, device->port, device->down);
	else if (device->vif != GREMC_VIF_NONE)
		gremc_vif_down_set(host->context.vifs, device->vif, device->down);
}

void gremc_host_device_publish(struct gremc_host *host, struct gremc_device *device)
{
	device_state_publish(host, device);
	if (device->is_tap) {
		host->port_device[device->port] = device;
		gremc_nexthops_port_ifindex_set(host->nexthops, device->port, device->ifindex);
	} else {
		host->vif_device[device->vif] = device;
	}
}

int gremc_host_device_open(struct gremc_host *host, struct gremc_device *device)
{
	int rc = gremc_device_open(host, device);

	if (rc == 0)
		device->down = false; /* gremc_device_commit() sets it up */
	if (rc == 0 && host->committed)
		rc = gremc_device_persist(device);
	if (rc && device->fd >= 0)
		gremc_device_close(host, device, !device->was_there);
	if (rc == 0 && host->committed)
		gremc_device_commit(host, device);
	gremc_host_device_publish(host, device);
	return rc;
}

bool gremc_host_devices_reopen(struct gremc_host *host)
{
	bool missing = false;

	gremc_assert_control_thread();
	for (uint32_t i = 0; i < host->device_count; i++)
		if (host->devices[i]->fd < 0 && gremc_host_device_open(host, host->devices[i]))
			missing = true;
	return missing;
}

#define NAMED_MAX 3u /* interfaces that one message names */

void gremc_host_rp_filters_check(struct gremc_host *host)
{
	char names[(IFNAMSIZ + 2) * NAMED_MAX + 1] = "";
	uint32_t count = 0;
	int strict = 0;

	gremc_assert_control_thread();
	host->rp_filter_due = false;
	for (uint32_t i = 0; i < host->device_count; i++) {
		struct gremc_device *device = host->devices[i];
		int before = device->rp_filter;

		if (device->fd < 0 || !device->accepts_groups)
			continue;
		device->rp_filter = gremc_device_rp_filter_read(device);
		if (device->rp_filter == 0 || device->rp_filter == before)
			continue;
		strict |= device->rp_filter == 1;
		if (count++ < NAMED_MAX)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
				 count > 1 ? ", " : "", device->name);
	}
	if (count)
		GREMC_LOG(
			WARNING,
			"rp_filter is on for %u host interfaces (%s%s): the kernel drops packets that it is given "
			"there from senders that it has no route to%s, and counts them as IPReversePathFilter "
			"(nstat) only; set net.ipv4.conf.all.rp_filter and those of the interfaces to 0",
			count, names, count > NAMED_MAX ? ", ..." : "",
			strict ? " by the same interface" : "");
}

/* ---- events of links ---- */

static void device_mtu_follow(struct gremc_host *host, const struct gremc_device *device, unsigned mtu)
{
	if (!device->is_tap && !device->vif_is_host)
		gremc_tunnel_mtu_set(host->context.vifs, device->vif,
				     RTE_MIN(mtu, (unsigned)device->mtu_max));
}

/* An event `down` may have been sent before the device was opened and set up, so the kernel's present state
 * is read. */
static void device_state_follow(struct gremc_host *host, struct gremc_device *device,
				const struct gremc_link *link)
{
	struct gremc_link now = *link;

	if (!device->down && !(now.flags & IFF_UP) && gremc_link_get(&host->netlink, device->name, &now))
		return;
	if (now.ifindex != device->ifindex || device->down == !(now.flags & IFF_UP))
		return;
	device->down = !device->down;
	GREMC_LOG(NOTICE, "host interface %s has been set %s", device->name,
		  device->down ? "down: it neither receives nor sends" : "up");
	device_state_publish(host, device);
}

void gremc_host_link_changed(struct gremc_host *host, const struct gremc_link *link, bool removed)
{
	gremc_assert_control_thread();
	for (uint32_t i = 0; i < host->device_count; i++) {
		struct gremc_device *device = host->devices[i];

		if (device->ifindex != link->ifindex)
			continue;
		if (removed) {
			GREMC_LOG_LIMITED(WARNING, "host interface %s has been removed; it is made again",
					  device->name);
			gremc_device_close(host, device, false);
			gremc_host_device_publish(host, device);
		} else {
			device_mtu_follow(host, device, link->mtu);
			device_state_follow(host, device, link);
		}
		return;
	}
}

void gremc_host_devices_resync(struct gremc_host *host)
{
	struct gremc_link link;

	gremc_assert_control_thread();
	for (uint32_t i = 0; i < host->device_count; i++) {
		struct gremc_device *device = host->devices[i];

		if (device->fd < 0)
			continue;
		if (gremc_link_get(&host->netlink, device->name, &link) || link.ifindex != device->ifindex)
			gremc_host_link_changed(host, &(struct gremc_link){.ifindex = device->ifindex}, true);
		else {
			device_mtu_follow(host, device, link.mtu);
			device_state_follow(host, device, &link);
		}
	}
}
