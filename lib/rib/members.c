/* SPDX-License-Identifier: BSD-3-Clause */
/* The requests of members, and the proxy's upstream interface. */
#include <errno.h>
#include <stdlib.h>

#include "rib/rib_priv.h"

/* Record the request of an interface in the sets. */
static int membership_set_change(struct membership_set *members, uint32_t interface,
				 enum gremc_igmp_request request)
{
	if (request != GREMC_IGMP_INCLUDE)
		gremc_interface_set_remove(&members->included, interface);
	if (request != GREMC_IGMP_EXCLUDE)
		gremc_interface_set_remove(&members->excluded, interface);
	if (request == GREMC_IGMP_NONE)
		return 0;
	return gremc_interface_set_add(
		request == GREMC_IGMP_INCLUDE ? &members->included : &members->excluded, interface);
}

static int rib_entry_member_set(struct gremc_rib *rib, struct rib_entry *entry, uint32_t interface,
				enum gremc_igmp_request request)
{
	int rc = 0;

	if (entry->members == NULL && request != GREMC_IGMP_NONE) {
		entry->members = calloc(1, sizeof(*entry->members));
		rc = entry->members ? 0 : -ENOMEM;
	}
	if (entry->members) {
		rc = membership_set_change(entry->members, interface, request);
		if (entry->members->included.count == 0 && entry->members->excluded.count == 0)
			gremc_rib_entry_members_free(entry);
	}
	if (rc)
		gremc_rib_failures_add(rib, 1);
	/* also after a failure, so that the next flush frees an unused entry */
	gremc_rib_group_touch(rib, entry);
	return rc;
}

int gremc_rib_member_set(struct gremc_rib *rib, uint32_t interface, const struct gremc_addr *source,
			 const struct gremc_addr *group, enum gremc_igmp_request request)
{
	const struct gremc_rib_key key = gremc_rib_key_make(source, group);
	struct rib_entry *entry;

	gremc_assert_control_thread();
	gremc_assert(request != GREMC_IGMP_EXCLUDE || gremc_addr_is_set(source));
	if (request == GREMC_IGMP_NONE) {
		entry = gremc_rib_entry_find(rib, &key);
		return entry ? rib_entry_member_set(rib, entry, interface, request) : 0;
	}
	if (gremc_rib_key_check(&key))
		return -EAFNOSUPPORT;
	entry = gremc_rib_entry_get(rib, &key);
	if (entry)
		return rib_entry_member_set(rib, entry, interface, request);
	gremc_rib_failures_add(rib, 1);
	return -ENOMEM;
}

int gremc_rib_source_filter_set(struct gremc_rib *rib, uint32_t interface, bool is_filtered)
{
	gremc_assert_control_thread();
	if (gremc_interface_set_has(&rib->filtered, interface) == is_filtered)
		return 0;
	if (!is_filtered) {
		gremc_interface_set_remove(&rib->filtered, interface);
	} else if (gremc_interface_set_add(&rib->filtered, interface)) {
		gremc_rib_failures_add(rib, 1);
		return -ENOMEM;
	}
	gremc_rib_all_touch(rib);
	return 0;
}

int gremc_rib_upstream_set(struct gremc_rib *rib, uint32_t interface)
{
	/* a packet of 232.0.0.0/8 matches no wider prefix */
	const struct gremc_rib_key *const keys[] = {&gremc_rib_every_group, &gremc_rib_ssm_groups};
	struct rib_entry *entries[RTE_DIM(keys)];
	const uint32_t old = rib->upstream;
	int rc = 0;

	gremc_assert_control_thread();
	if (interface == old)
		return 0;
	for (unsigned i = 0; i < RTE_DIM(keys); i++) {
		entries[i] = gremc_rib_entry_get(rib, keys[i]);
		if (entries[i] == NULL)
			rc = -ENOMEM;
		else if (interface != GREMC_RIB_NONE && rc == 0)
			rc = rib_entry_member_set(rib, entries[i], interface, GREMC_IGMP_INCLUDE);
	}
	/* after a failure the new interface leaves, otherwise the old one; a removal does not fail */
	for (unsigned i = 0; i < RTE_DIM(keys); i++)
		if (entries[i] && (rc ? interface : old) != GREMC_RIB_NONE)
			(void)rib_entry_member_set(rib, entries[i], rc ? interface : old, GREMC_IGMP_NONE);
	if (rc) {
		for (unsigned i = 0; i < RTE_DIM(keys); i++)
			if (entries[i])
				gremc_rib_entry_release(rib, entries[i]);
		return rc;
	}
	rib->upstream = interface;
	gremc_rib_all_touch(rib);
	return 0;
}
