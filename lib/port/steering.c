/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "port/port_priv.h"
#include "port/steering.h"

int gremc_ports_steer_add(struct gremc_ports *ports, const struct gremc_config *config,
			  struct gremc_errors *errors)
{
	const struct gremc_port_set *set = gremc_port_set_of(ports);
	int ret = 0;

	gremc_assert_control_thread();
	for (uint16_t i = 0; i < ports->count && ret == 0; i++) {
		const struct gremc_port_state *state = &set->state[i];
		struct gremc_steer_device device;

		if (state->steer == NULL)
			continue;
		device = gremc_port_steer_device(state, ports->port[i]);
		ret = gremc_steer_add(state->steer, &device, config, i, errors);
	}
	return ret;
}

int gremc_ports_steer_trim(struct gremc_ports *ports, const struct gremc_config *config)
{
	const struct gremc_port_set *set = gremc_port_set_of(ports);
	int rc, ret = 0;

	gremc_assert_control_thread();
	for (uint16_t i = 0; i < ports->count; i++) {
		const struct gremc_port_state *state = &set->state[i];
		struct gremc_steer_device device;

		if (state->steer == NULL)
			continue;
		device = gremc_port_steer_device(state, ports->port[i]);
		rc = gremc_steer_trim(state->steer, &device, config, i);
		if (rc == -ENOMEM)
			GREMC_LOG_LIMITED(ERR,
					  "port %s: out of memory: it still takes removed tunnels and groups",
					  ports->port[i]->name);
		ret = rc ? rc : ret;
	}
	return ret;
}

void gremc_ports_steer_groups(struct gremc_ports *ports, uint16_t port,
			      const struct gremc_steer_group *groups, uint32_t count)
{
	const struct gremc_port_state *state = &gremc_port_set_of(ports)->state[port];
	struct gremc_steer_device device;

	gremc_assert_control_thread();
	if (state->steer == NULL)
		return;
	device = gremc_port_steer_device(state, ports->port[port]);
	gremc_steer_groups_set(state->steer, &device, groups, count);
}

bool gremc_ports_steer_pass(struct gremc_ports *ports, uint16_t port, const struct gremc_steer_group *group)
{
	const struct gremc_port_state *state = &gremc_port_set_of(ports)->state[port];

	gremc_assert_control_thread();
	return state->steer && gremc_steer_pass_next(state->steer, group);
}
