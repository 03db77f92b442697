/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports that the kernel keeps take the groups of mroutes from IGMP and the kernel, too.
 *
 * The table is looked through for them a little after it has changed: however many joins come in a second,
 * that is ten times. */
#include <errno.h>
#include <stdlib.h>

#include "base/job.h"
#include "control/control_priv.h"

#define STEER_INTERVAL 100u /* milliseconds */

static bool is_steered(const struct gremc_control *control, uint16_t port)
{
	const struct gremc_port *open = control->ports->port[port];

	return open && open->shared && open->multicast;
}

static bool any_is_steered(const struct gremc_control *control)
{
	for (uint16_t i = 0; i < control->ports->count; i++)
		if (is_steered(control, i))
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
	return (struct gremc_steer_group){GREMC_PREFIX_IPV4(mroute->group, mroute->length), mroute->source};
}

static int steer(struct gremc_control *control, uint16_t port)
{
	uint32_t vif = control->vifs->port_vif[port], count = 0;
	uint32_t limit = gremc_fanout_id_limit(control->fanout);
	struct gremc_steer_group *groups = malloc((limit + 1) * sizeof(*groups));

	if (groups == NULL)
		return -ENOMEM;
	for (uint32_t id = 0; id < limit; id++) {
		const struct gremc_mroute *mroute = gremc_fanout_get(control->fanout, id);

		if (is_brought(mroute, vif))
			groups[count++] = steer_group_of(mroute);
		gremc_job_pause();
	}
	gremc_ports_steer_groups(control->ports, port, groups, count);
	free(groups);
	return 0;
}

/* Not where others' interfaces, which the kernel does not know, would miss the packet. */
bool gremc_steering_packet_pass(struct gremc_control *control, const struct gremc_mroute *mroute,
				uint32_t vif)
{
	const struct gremc_vif_info *info = control->vifs->info[vif];
	const struct gremc_steer_group group = steer_group_of(mroute);

	return mroute->origins == 1u << GREMC_ORIGIN_KERNEL && info && info->kind == GREMC_VIF_PORT &&
	       is_steered(control, info->port) && gremc_ports_steer_pass(control->ports, info->port, &group);
}

void gremc_steering_due_set(struct gremc_control *control)
{
	control->steering.is_due = any_is_steered(control);
}

/* A job's function. */
static int steer_all(void *argument)
{
	struct gremc_control *control = argument;

	for (uint16_t i = 0; i < control->ports->count; i++)
		if (is_steered(control, i) && steer(control, i)) {
			GREMC_LOG_LIMITED(ERR, "out of memory: groups from port %s follow later",
					  control->ports->port[i]->name);
			control->steering.is_due = true;
		}
	control->steering.next = gremc_clock_ms() + STEER_INTERVAL;
	return 0;
}

bool gremc_steering_job_start(struct gremc_control *control)
{
	struct gremc_steering *steering = &control->steering;

	if (!steering->is_due || gremc_clock_ms() < steering->next ||
	    !gremc_control_job_start(control, "gremc-steering", steer_all, NULL))
		return false;
	steering->is_due = false;
	return true;
}

int gremc_steering_wait(const struct gremc_control *control, int wait)
{
	const struct gremc_steering *steering = &control->steering;
	const uint64_t now = gremc_clock_ms();
	int left;

	if (!steering->is_due)
		return wait;
	left = now < steering->next ? (int)(steering->next - now) : 0;
	return wait < 0 || wait > left ? left : wait;
}
