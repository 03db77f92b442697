/* SPDX-License-Identifier: BSD-3-Clause */
/* The sets of one shared port, and their way into its XDP program or its flow rules. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "steer/flow_priv.h"
#include "steer/xdp_priv.h"

struct gremc_steer {
	char port[GREMC_NAME_SIZE];
	struct gremc_xdp *xdp;          /* of `interface:`, else NULL */
	struct gremc_flow_rules *flows; /* of `isolate:`, while the device has them; else NULL */
	struct gremc_steer_set configured;
	struct gremc_steer_set routed; /* groups of mroutes that IGMP and the kernel brought */
	bool incomplete;               /* the device lacks a part of `routed` */
	bool is_restored;              /* since the last gremc_steer_add(): the device lacks its entries */
	bool is_busy;                  /* a job that has paused changes the flow rules */
};

/* ---- life ---- */

int gremc_steer_open(const struct gremc_config_port *config, struct gremc_steer **steer,
		     struct gremc_errors *errors)
{
	gremc_assert_control_thread();
	gremc_assert(config->interface[0] || config->isolate);
	*steer = calloc(1, sizeof(**steer));
	if (*steer == NULL) {
		gremc_errors_add(errors, NULL, 0, 0, "ethernets.%s: out of memory", config->name);
		return -ENOMEM;
	}
	gremc_text_copy((*steer)->port, sizeof((*steer)->port), config->name);
	return config->interface[0] ? gremc_xdp_plug(config, &(*steer)->xdp, errors) : 0;
}

int gremc_steer_isolate(struct gremc_steer *steer, const struct gremc_steer_device *device,
			struct gremc_errors *errors)
{
	gremc_assert_control_thread();
	if (steer->xdp)
		return 0;
	gremc_assert(steer->flows == NULL);
	return gremc_flow_rules_isolate(device, &steer->flows, errors);
}

int gremc_steer_attach(struct gremc_steer *steer, struct gremc_errors *errors)
{
	gremc_assert_control_thread();
	return steer->xdp ? gremc_xdp_attach(steer->xdp, errors) : 0;
}

void gremc_steer_halt(struct gremc_steer *steer)
{
	gremc_assert_control_thread();
	gremc_assert(!steer->is_busy);
	gremc_flow_rules_destroy(steer->flows);
	steer->flows = NULL;
}

bool gremc_steer_is_busy(const struct gremc_steer *steer)
{
	gremc_assert_control_thread();
	return steer->is_busy;
}

void gremc_steer_close(struct gremc_steer *steer)
{
	if (steer == NULL)
		return;
	gremc_steer_halt(steer);
	gremc_xdp_unplug(steer->xdp);
	gremc_steer_set_fini(&steer->configured);
	gremc_steer_set_fini(&steer->routed);
	free(steer);
}

/* ---- the device ---- */

/* Between a removal of the device and its return there is neither. */
static bool steer_has_device(const struct gremc_steer *steer)
{
	return steer->xdp || steer->flows;
}

/* Without a device the sets alone change; gremc_steer_restore() brings them to the device. */
static int steer_device_add(struct gremc_steer *steer, const struct gremc_steer_device *device,
			    const struct gremc_steer_set *set, const char **reason)
{
	int ret = 0;

	*reason = NULL;
	steer->is_busy = steer->flows != NULL;
	if (steer->xdp)
		ret = gremc_xdp_add(steer->xdp, set, &steer->configured);
	else if (steer->flows)
		ret = gremc_flow_rules_add(steer->flows, device, set, reason);
	steer->is_busy = false;
	if (ret && *reason == NULL)
		*reason = rte_strerror(-ret);
	return ret;
}

/* An entry that an XDP map keeps means that the program takes packets that no tunnel or mroute needs. */
static void steer_report_kept(const struct gremc_steer *steer, int ret)
{
	if (ret)
		GREMC_LOG_LIMITED(ERR, "port %s: its XDP program still takes removed tunnels or groups: %s",
				  steer->port, rte_strerror(-ret));
}

static void steer_device_trim(struct gremc_steer *steer, const struct gremc_steer_set *set)
{
	steer->is_busy = steer->flows != NULL;
	if (steer->xdp)
		steer_report_kept(steer, gremc_xdp_trim(steer->xdp, set, &steer->configured));
	else if (steer->flows)
		gremc_flow_rules_trim(steer->flows, set);
	steer->is_busy = false;
}

static void steer_device_remove(struct gremc_steer *steer, const struct gremc_steer_set *set)
{
	steer->is_busy = steer->flows != NULL;
	if (steer->xdp)
		steer_report_kept(steer, gremc_xdp_remove(steer->xdp, set));
	else if (steer->flows)
		gremc_flow_rules_remove(steer->flows, set);
	steer->is_busy = false;
}

int gremc_steer_restore(struct gremc_steer *steer, const struct gremc_steer_device *device)
{
	const char *reason;
	int ret;

	gremc_assert_control_thread();
	gremc_assert(steer_has_device(steer));
	steer->is_restored = true;
	ret = steer_device_add(steer, device, &steer->configured, &reason);
	if (ret == 0)
		ret = steer_device_add(steer, device, &steer->routed, &reason);
	if (ret)
		GREMC_LOG(ERR, "port %s: cannot steer tunnels and groups to `%s` after its restart: %s",
			  steer->port, device->name, reason);
	return ret;
}

/* ---- the sets ---- */

int gremc_steer_add(struct gremc_steer *steer, const struct gremc_steer_device *device,
		    const struct gremc_config *config, uint32_t port, struct gremc_errors *errors)
{
	struct gremc_steer_set set;
	const char *reason;
	int ret;

	gremc_assert_control_thread();
	steer->is_restored = false;
	ret = gremc_steer_set_init(&set, config, port);
	if (ret) {
		gremc_errors_add(errors, NULL, 0, 0, "ethernets.%s: out of memory", steer->port);
		return ret;
	}
	ret = steer_device_add(steer, device, &set, &reason);
	if (ret)
		gremc_errors_add(errors, NULL, 0, 0,
				 "ethernets.%s: cannot steer %u tunnels and %u groups to `%s`: %s",
				 steer->port, set.tunnel_count, set.group_count, device->name, reason);
	gremc_steer_set_fini(&set);
	return ret;
}

int gremc_steer_trim(struct gremc_steer *steer, const struct gremc_steer_device *device,
		     const struct gremc_config *config, uint32_t port)
{
	struct gremc_steer_set configured = {0}, whole = {0};
	int ret;

	gremc_assert_control_thread();
	ret = gremc_steer_set_init(&configured, config, port);
	if (ret == 0)
		ret = gremc_steer_set_init(&whole, config, port);
	if (ret == 0)
		ret = gremc_steer_set_join(&whole, &steer->routed);
	if (ret == 0) {
		steer_device_trim(steer, &whole);
		gremc_steer_set_fini(&steer->configured);
		steer->configured = configured;
		configured = (struct gremc_steer_set){0};
		if (steer->is_restored && steer_has_device(steer))
			ret = gremc_steer_restore(steer, device);
	}
	gremc_steer_set_fini(&configured);
	gremc_steer_set_fini(&whole);
	return ret;
}

/* Replace steer->routed by *groups, and take it over. */
static int steer_routed_replace(struct gremc_steer *steer, const struct gremc_steer_device *device,
				struct gremc_steer_set *groups, const char **reason)
{
	const struct gremc_steer_set nothing = {0};
	struct gremc_steer_set added = {0}, removed = {0};
	int ret;

	steer->is_restored = false;
	ret = gremc_steer_set_subtract(&added, groups, &steer->routed, &nothing);

	*reason = rte_strerror(-ret);
	if (ret == 0)
		ret = gremc_steer_set_subtract(&removed, &steer->routed, groups, &steer->configured);
	if (ret == 0) {
		ret = steer_device_add(steer, device, steer->incomplete ? groups : &added, reason);
		steer_device_remove(steer, &removed);
		gremc_steer_set_fini(&steer->routed);
		steer->routed = *groups;
		*groups = nothing;
		if (ret == 0 && steer->is_restored && steer_has_device(steer))
			ret = gremc_steer_restore(steer, device);
	}
	gremc_steer_set_fini(&added);
	gremc_steer_set_fini(&removed);
	return ret;
}

void gremc_steer_groups_set(struct gremc_steer *steer, const struct gremc_steer_device *device,
			    const struct gremc_steer_group *groups, uint32_t count)
{
	const char *reason = rte_strerror(ENOMEM);
	struct gremc_steer_set set;
	int ret;

	gremc_assert_control_thread();
	ret = gremc_steer_set_init_groups(&set, groups, count);
	if (ret == 0)
		ret = steer_routed_replace(steer, device, &set, &reason);
	gremc_steer_set_fini(&set);
	if (ret && !steer->incomplete)
		GREMC_LOG_LIMITED(
			ERR, "port %s: cannot take all of the %u groups of mroutes that accept the port: %s",
			steer->port, count, reason);
	steer->incomplete = ret != 0;
}

bool gremc_steer_pass_next(struct gremc_steer *steer, const struct gremc_steer_group *group)
{
	gremc_assert_control_thread();
	return steer->xdp && gremc_xdp_pass_next(steer->xdp, group);
}
