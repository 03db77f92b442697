/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports that the kernel keeps take the groups of mroutes from IGMP and the kernel, too.
 *
 * The table is looked through for them a little after it has changed: however many joins come in a second,
 * that is ten times. */
#include <errno.h>
#include <stdlib.h>

#include "base/job.h"
#include "forwarder.h"

#define STEER_INTERVAL 100u /* milliseconds */

static bool is_steered(const struct gremc_forwarder *forwarder, uint16_t port)
{
	const struct gremc_port *open = forwarder->ports->port[port];

	return open && open->shared && open->multicast;
}

static bool any_is_steered(const struct gremc_forwarder *forwarder)
{
	for (uint16_t i = 0; i < forwarder->ports->count; i++)
		if (is_steered(forwarder, i))
			return true;
	return false;
}

/* Is it, beside what the configuration says, a route for packets that come by the vif? */
static bool is_brought(const struct gremc_mroute *mroute, uint32_t vif)
{
	return mroute && mroute->origins & ~(1u << GREMC_ORIGIN_STATIC) && gremc_mroute_accepts(mroute, vif);
}

static struct gremc_steer_group steer_group_of(const struct gremc_mroute *mroute)
{
	return (struct gremc_steer_group){{mroute->group, mroute->length}, mroute->source};
}

static int steer(struct gremc_forwarder *forwarder, uint16_t port)
{
	uint32_t vif = forwarder->vifs->port_vif[port], count = 0;
	uint32_t limit = gremc_fanout_id_limit(forwarder->fanout);
	struct gremc_steer_group *groups = malloc((limit + 1) * sizeof(*groups));

	if (groups == NULL)
		return -ENOMEM;
	for (uint32_t id = 0; id < limit; id++) {
		const struct gremc_mroute *mroute = gremc_fanout_get(forwarder->fanout, id);

		if (is_brought(mroute, vif))
			groups[count++] = steer_group_of(mroute);
		gremc_job_pause();
	}
	gremc_ports_steer_groups(forwarder->ports, port, groups, count);
	free(groups);
	return 0;
}

/* Not where others' interfaces, which the kernel does not know, would miss the packet. */
bool gremc_steering_pass(struct gremc_forwarder *forwarder, const struct gremc_mroute *mroute, uint32_t vif)
{
	const struct gremc_vif_info *info = forwarder->vifs->info[vif];
	const struct gremc_steer_group group = steer_group_of(mroute);

	return mroute->origins == 1u << GREMC_ORIGIN_KERNEL && info && info->kind == GREMC_VIF_PORT &&
	       is_steered(forwarder, info->port) &&
	       gremc_ports_steer_pass(forwarder->ports, info->port, &group);
}

void gremc_steering_changed(struct gremc_forwarder *forwarder)
{
	forwarder->steering.due = any_is_steered(forwarder);
}

/* A job's function. */
static int steer_all(void *argument)
{
	struct gremc_forwarder *forwarder = argument;

	for (uint16_t i = 0; i < forwarder->ports->count; i++)
		if (is_steered(forwarder, i) && steer(forwarder, i)) {
			GREMC_LOG_LIMITED(ERR, "out of memory: groups from port %s follow later",
					  forwarder->ports->port[i]->name);
			forwarder->steering.due = true;
		}
	forwarder->steering.next = gremc_clock() + STEER_INTERVAL;
	return 0;
}

bool gremc_steering_job_start(struct gremc_forwarder *forwarder)
{
	struct gremc_steering *steering = &forwarder->steering;

	if (!steering->due || gremc_clock() < steering->next ||
	    !gremc_forwarder_job_start(forwarder, "gremc-steering", steer_all, NULL))
		return false;
	steering->due = false;
	return true;
}

int gremc_steering_wait(const struct gremc_forwarder *forwarder, int wait)
{
	const struct gremc_steering *steering = &forwarder->steering;
	const uint64_t now = gremc_clock();
	int left;

	if (!steering->due)
		return wait;
	left = now < steering->next ? (int)(steering->next - now) : 0;
	return wait < 0 || wait > left ? left : wait;
}
