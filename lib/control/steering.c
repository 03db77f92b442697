/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared ports take the groups of mroutes that IGMP and the kernel brought, too.
 *
 * A job walks the table for them a little after it has changed: ten times a second, however many joins
 * arrive. */
#include <errno.h>
#include <stdlib.h>

#include "control/control_priv.h"

#define STEER_INTERVAL 100u /* milliseconds */

static bool port_is_steered(const struct gremc_control *control, uint16_t number)
{
	const struct gremc_port *port = control->ports->port[number];

	return port && port->shared && port->multicast;
}

static bool any_port_is_steered(const struct gremc_control *control)
{
	for (uint16_t i = 0; i < control->ports->count; i++)
		if (port_is_steered(control, i))
			return true;
	return false;
}

/* Whether another origin than the configuration brought the route, for packets that arrive by the vif. */
static bool mroute_is_brought(const struct gremc_mroute *mroute, uint32_t vif)
{
	return mroute && mroute->origins & ~(1u << GREMC_ORIGIN_STATIC) && gremc_mroute_accepts(mroute, vif);
}

static struct gremc_steer_group steer_group_of(const struct gremc_mroute *mroute)
{
	return (struct gremc_steer_group){GREMC_PREFIX_IPV4(mroute->group, mroute->length), mroute->source};
}

/* Returns: 0 or -ENOMEM. */
static int port_steer(struct gremc_control *control, uint16_t port)
{
	uint32_t vif = gremc_u32_load(&control->vifs->port_vif[port]), count = 0;
	uint32_t limit = gremc_fanout_id_limit(control->fanout);
	struct gremc_steer_group *groups = malloc((limit + 1) * sizeof(*groups));

	if (groups == NULL)
		return -ENOMEM;
	for (uint32_t id = 0; id < limit; id++) {
		const struct gremc_mroute *mroute = gremc_fanout_get(control->fanout, id);

		if (mroute_is_brought(mroute, vif))
			groups[count++] = steer_group_of(mroute);
		gremc_job_pause();
	}
	gremc_ports_steer_groups(control->ports, port, groups, count);
	free(groups);
	return 0;
}

bool gremc_steering_packet_pass(struct gremc_control *control, const struct gremc_mroute *mroute,
				uint32_t vif)
{
	const struct gremc_vif_info *info = gremc_vif_info_load(control->vifs, vif);
	const struct gremc_steer_group group = steer_group_of(mroute);

	gremc_assert_control_thread();
	/* interfaces of other origins, which the kernel does not have, would miss the packet */
	return mroute->origins == 1u << GREMC_ORIGIN_KERNEL && info && info->kind == GREMC_VIF_PORT &&
	       port_is_steered(control, info->port) &&
	       gremc_ports_steer_pass(control->ports, info->port, &group);
}

void gremc_steering_due_set(struct gremc_control *control)
{
	gremc_assert_control_thread();
	control->steering.is_due = any_port_is_steered(control);
}

/* A job's function. */
static int ports_steer(void *argument)
{
	struct gremc_control *control = argument;

	for (uint16_t i = 0; i < control->ports->count; i++)
		if (port_is_steered(control, i) && port_steer(control, i)) {
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

	gremc_assert_control_thread();
	if (!steering->is_due || gremc_clock_ms() < steering->next ||
	    !gremc_control_job_start(control, "gremc-steering", ports_steer, NULL))
		return false;
	steering->is_due = false;
	return true;
}

int gremc_steering_wait(const struct gremc_control *control, int wait)
{
	const struct gremc_steering *steering = &control->steering;

	gremc_assert_control_thread();
	return steering->is_due ? gremc_wait_until(steering->next, wait) : wait;
}
