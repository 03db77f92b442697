/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "control/control_priv.h"

/* ---- callbacks of the engine and of the rib ---- */

static int igmp_packet_send(void *argument, uint32_t interface, const uint8_t *packet, size_t length)
{
	struct gremc_control *control = argument;
	struct gremc_membership *membership = &control->membership;
	uint32_t vif = gremc_u32_load(&membership->interface_vif[interface]);
	int rc = -ENODEV;

	if (vif != GREMC_VIF_NONE)
		rc = gremc_inject_packet(control->workers, control->ports->host_pool, packet,
					 (uint16_t)length, vif);
	if (rc)
		gremc_u64_count(&membership->unsent);
	return rc;
}

/* Returns: 0 while the MAC address of the next hop is unknown. */
static size_t sendable_mtu_get(void *argument, uint32_t interface)
{
	const struct gremc_control *control = argument;
	uint32_t vif = gremc_u32_load(&control->membership.interface_vif[interface]);
	const struct gremc_vifs *vifs = control->vifs;
	const struct gremc_adjacency *adjacency;

	if (vif == GREMC_VIF_NONE)
		return 0;
	if (gremc_vif_is_down(vifs, vif))
		return 0;
	adjacency = gremc_adjacency_load(vifs, gremc_vif_adjacency(vifs, vif));
	return adjacency && adjacency->resolved ? gremc_vif_mtu(vifs, vif) : 0;
}

static int membership_change(void *argument, uint32_t interface, const struct gremc_addr *source,
			     const struct gremc_addr *group, enum gremc_igmp_request request)
{
	struct gremc_control *control = argument;
	struct gremc_membership *membership = &control->membership;

	membership->reports.is_changed = true;
	/* under the engine's lock: a reader that sees the membership sees the number, too */
	gremc_u64_store_release(&membership->changes, gremc_u64_load(&membership->changes) + 1);
	return gremc_rib_member_set(membership->rib, interface, source, group, request);
}

static void mroute_counters_reset(uint32_t id, void *argument)
{
	const struct gremc_control *control = argument;

	for (uint32_t i = 0; i < control->workers->stats_count; i++)
		gremc_stats_reset_mroute(control->workers->stats[i], id);
}

/* ---- life ---- */

int gremc_membership_init(struct gremc_control *control)
{
	const struct gremc_igmp_callbacks callbacks = {igmp_packet_send, membership_change, sendable_mtu_get,
						       control};
	const struct gremc_rib_callbacks rib_callbacks = {mroute_counters_reset, control};
	const struct gremc_igmp_settings settings = {.robustness = 2};
	struct gremc_membership *membership = &control->membership;

	gremc_assert_control_thread();
	membership->interface_vif = gremc_memory_reserve(
		GREMC_INTERFACES_MAX * sizeof(*membership->interface_vif), SOCKET_ID_ANY);
	membership->vif_interface =
		gremc_memory_reserve(GREMC_VIFS_MAX * sizeof(*membership->vif_interface), SOCKET_ID_ANY);
	membership->igmp = gremc_igmp_create(&settings, &callbacks, gremc_clock_ms());
	membership->rib = gremc_rib_create(control->fanout, &rib_callbacks);
	return membership->interface_vif && membership->vif_interface && membership->igmp && membership->rib
		       ? 0
		       : -ENOMEM;
}

void gremc_membership_fini(struct gremc_membership *membership)
{
	gremc_assert_control_thread();
	gremc_igmp_destroy(membership->igmp);
	gremc_rib_destroy(membership->rib);
	gremc_memory_release(membership->interface_vif,
			     GREMC_INTERFACES_MAX * sizeof(*membership->interface_vif));
	gremc_memory_release(membership->vif_interface, GREMC_VIFS_MAX * sizeof(*membership->vif_interface));
	gremc_static_routes_free(&membership->routes);
}

/* ---- packets and time ---- */

static void report_stamp(struct gremc_membership *membership, uint32_t stamp)
{
	if (membership->reports.is_changed && membership->reports.count < GREMC_REPORTS_MEASURED)
		membership->reports.stamp[membership->reports.count++] = stamp;
}

void gremc_membership_input(void *argument, uint32_t vif, const uint8_t *ip, uint32_t length, uint32_t stamp)
{
	struct gremc_control *control = argument;
	struct gremc_membership *membership = &control->membership;
	uint32_t interface;

	gremc_assert_control_thread();
	if (vif >= GREMC_VIFS_MAX || length < sizeof(struct rte_ipv4_hdr) ||
	    ((const struct rte_ipv4_hdr *)ip)->next_proto_id != IPPROTO_IGMP)
		return;
	interface = gremc_u32_load(&membership->vif_interface[vif]);
	if (gremc_u32_load(&membership->interface_vif[interface]) != vif)
		return;
	membership->reports.is_changed = false;
	gremc_igmp_input(membership->igmp, interface, ip, length, gremc_clock_ms());
	report_stamp(membership, stamp);
}

int gremc_membership_poll(struct gremc_control *control)
{
	struct gremc_membership *membership = &control->membership;
	uint64_t now = gremc_clock_ms(), next;

	gremc_assert_control_thread();
	gremc_igmp_timers_run(membership->igmp, now);
	gremc_membership_flush(control, now);
	if (gremc_membership_job_is_due(control))
		return 0;
	next = gremc_igmp_next_due(membership->igmp);
	if (membership->retry_at)
		next = RTE_MIN(next, membership->retry_at);
	if (next == GREMC_IGMP_NEVER)
		return -1;
	return next > now ? (int)RTE_MIN(next - now, UINT64_C(60000)) : 0;
}
