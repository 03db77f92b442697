/* SPDX-License-Identifier: BSD-3-Clause */
/* In the place of xdp.c where there was no clang to build the XDP program with. */
#include <errno.h>

#include "port/steer_priv.h"

int gremc_xdp_plug(struct gremc_port_set *set, struct gremc_port_state *state)
{
	gremc_port_error(
		set, state,
		"this dpdk-gremc was built without AF_XDP, which `interface` needs; install clang and "
		"libbpf-dev and build it again (meson says `XDP program: YES`)");
	return -ENOTSUP;
}

int gremc_xdp_attach(struct gremc_port_set *set, struct gremc_port_state *state)
{
	RTE_SET_USED(set);
	RTE_SET_USED(state);
	return -ENOTSUP;
}

int gremc_xdp_add(struct gremc_xdp *xdp, const struct gremc_steer_set *steer,
		  const struct gremc_steer_set *present)
{
	RTE_SET_USED(xdp);
	RTE_SET_USED(steer);
	RTE_SET_USED(present);
	return -ENOTSUP;
}

void gremc_xdp_remove(struct gremc_xdp *xdp, const struct gremc_steer_set *steer)
{
	RTE_SET_USED(xdp);
	RTE_SET_USED(steer);
}

bool gremc_xdp_pass(struct gremc_xdp *xdp, const struct gremc_steer_group *group)
{
	RTE_SET_USED(xdp);
	RTE_SET_USED(group);
	return false;
}

void gremc_xdp_trim(struct gremc_xdp *xdp, const struct gremc_steer_set *steer,
		    const struct gremc_steer_set *present)
{
	RTE_SET_USED(xdp);
	RTE_SET_USED(steer);
	RTE_SET_USED(present);
}

void gremc_xdp_unplug(struct gremc_xdp *xdp)
{
	RTE_SET_USED(xdp);
}
