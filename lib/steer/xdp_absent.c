/* SPDX-License-Identifier: BSD-3-Clause */
/* The replacement of xdp.c and xdp_maps.c in a build without clang or libbpf: a port cannot have
 * `interface:`, so no other function than gremc_xdp_plug() is called with a program. */
#include <errno.h>

#include "steer/xdp_priv.h"

int gremc_xdp_plug(const struct gremc_config_port *config, struct gremc_xdp **xdp,
		   struct gremc_errors *errors)
{
	RTE_SET_USED(xdp);
	gremc_errors_add(errors, NULL, 0, 0,
			 "ethernets.%s: this dpdk-gremc was built without AF_XDP, which `interface` needs; "
			 "install clang and libbpf-dev and build it again (meson prints `XDP program: YES`)",
			 config->name);
	return -ENOTSUP;
}

int gremc_xdp_attach(struct gremc_xdp *xdp, struct gremc_errors *errors)
{
	RTE_SET_USED(xdp);
	RTE_SET_USED(errors);
	return -ENOTSUP;
}

int gremc_xdp_add(struct gremc_xdp *xdp, const struct gremc_steer_set *set,
		  const struct gremc_steer_set *present)
{
	RTE_SET_USED(xdp);
	RTE_SET_USED(set);
	RTE_SET_USED(present);
	return -ENOTSUP;
}

int gremc_xdp_remove(struct gremc_xdp *xdp, const struct gremc_steer_set *set)
{
	RTE_SET_USED(xdp);
	RTE_SET_USED(set);
	return -ENOTSUP;
}

bool gremc_xdp_pass_next(struct gremc_xdp *xdp, const struct gremc_steer_group *group)
{
	RTE_SET_USED(xdp);
	RTE_SET_USED(group);
	return false;
}

int gremc_xdp_trim(struct gremc_xdp *xdp, const struct gremc_steer_set *set,
		   const struct gremc_steer_set *present)
{
	RTE_SET_USED(xdp);
	RTE_SET_USED(set);
	RTE_SET_USED(present);
	return -ENOTSUP;
}

void gremc_xdp_unplug(struct gremc_xdp *xdp)
{
	RTE_SET_USED(xdp);
}
