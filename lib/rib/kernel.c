/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's multicast routes. */
#include <errno.h>
#include <stdlib.h>

#include "rib/rib_priv.h"

/* A kernel route for all groups, which has no group, is the route of 224.0.0.0/4. */
static struct gremc_rib_key kernel_key_make(const struct gremc_addr *source, const struct gremc_addr *group)
{
	return gremc_addr_is_set(group) ? gremc_rib_key_make(source, group) : gremc_rib_every_group;
}

void gremc_rib_entry_kernel_free(struct rib_entry *entry)
{
	struct kernel_entry *kernel = entry->kernel;

	if (kernel == NULL)
		return;
	*kernel->previous = kernel->next;
	if (kernel->next)
		kernel->next->previous = kernel->previous;
	free(kernel);
	entry->kernel = NULL;
}

static void kernel_entry_link(struct gremc_rib *rib, struct rib_entry *entry, struct kernel_entry *kernel)
{
	kernel->entry = entry;
	kernel->next = rib->kernel_entries;
	kernel->previous = &rib->kernel_entries;
	if (kernel->next)
		kernel->next->previous = &kernel->next;
	rib->kernel_entries = kernel;
	entry->kernel = kernel;
}

static void kernel_entry_touch(struct gremc_rib *rib, struct rib_entry *entry)
{
	/* a route of all groups is a part of each other route */
	if (gremc_prefix_is_single(&entry->key.group))
		gremc_rib_group_touch(rib, entry);
	else
		gremc_rib_all_touch(rib);
}

static bool kernel_entries_are_equal(const struct kernel_entry *a, const struct kernel_entry *b)
{
	if (a->iif != b->iif || a->oif_count != b->oif_count || a->is_wildcard != b->is_wildcard ||
	    a->has_register != b->has_register)
		return false;
	for (uint32_t i = 0; i < a->oif_count; i++)
		if (a->oifs[i].interface != b->oifs[i].interface ||
		    a->oifs[i].threshold != b->oifs[i].threshold)
			return false;
	return true;
}

/* The threshold of the table. 1 is met by each packet that can be forwarded. The kernel leaves out interfaces
 * with 255, so the largest one that matters is below GREMC_THRESHOLD_SOURCES. */
static uint8_t threshold_convert(uint8_t threshold)
{
	return threshold > 1 ? RTE_MIN(threshold, GREMC_THRESHOLD_SOURCES - 1) : 0;
}

static void kernel_oifs_fill(struct kernel_entry *kernel, const uint32_t *oifs, const uint8_t *thresholds)
{
	for (uint32_t i = 0; i < kernel->oif_count; i++) {
		kernel->has_register |= oifs[i] == GREMC_RIB_REGISTER;
		kernel->oifs[i] =
			(struct kernel_oif){oifs[i], thresholds ? threshold_convert(thresholds[i]) : 0};
	}
}

int gremc_rib_kernel_set(struct gremc_rib *rib, const struct gremc_addr *source,
			 const struct gremc_addr *group, uint32_t iif, const uint32_t *oifs,
			 const uint8_t *thresholds, uint32_t oif_count)
{
	const struct gremc_rib_key key = kernel_key_make(source, group);
	struct kernel_entry *kernel;
	struct rib_entry *entry;

	gremc_assert_control_thread();
	if (gremc_rib_key_check(&key))
		return -EAFNOSUPPORT;
	kernel = malloc(sizeof(*kernel) + oif_count * sizeof(*kernel->oifs));
	entry = kernel ? gremc_rib_entry_get(rib, &key) : NULL;
	if (entry == NULL) {
		free(kernel);
		gremc_rib_failures_add(rib, 1);
		return -ENOMEM;
	}
	*kernel = (struct kernel_entry){
		.iif = iif, .oif_count = oif_count, .is_wildcard = !gremc_addr_is_set(source)};
	kernel_oifs_fill(kernel, oifs, thresholds);
	if (entry->kernel && kernel_entries_are_equal(entry->kernel, kernel)) {
		entry->kernel->is_stale = false;
		free(kernel);
		return 0;
	}
	rib->kernel_count += entry->kernel == NULL;
	gremc_rib_entry_kernel_free(entry);
	kernel_entry_link(rib, entry, kernel);
	kernel_entry_touch(rib, entry);
	return 0;
}

static void kernel_entry_remove(struct gremc_rib *rib, struct rib_entry *entry)
{
	gremc_assert(rib->kernel_count > 0);
	rib->kernel_count--;
	gremc_rib_entry_kernel_free(entry);
	kernel_entry_touch(rib, entry);
}

void gremc_rib_kernel_remove(struct gremc_rib *rib, const struct gremc_addr *source,
			     const struct gremc_addr *group)
{
	const struct gremc_rib_key key = kernel_key_make(source, group);
	struct rib_entry *entry = gremc_rib_entry_find(rib, &key);

	gremc_assert_control_thread();
	if (entry && entry->kernel)
		kernel_entry_remove(rib, entry);
}

uint32_t gremc_rib_kernel_count(const struct gremc_rib *rib)
{
	gremc_assert_control_thread();
	return rib->kernel_count;
}

void gremc_rib_kernel_begin(struct gremc_rib *rib)
{
	gremc_assert_control_thread();
	for (struct kernel_entry *kernel = rib->kernel_entries; kernel; kernel = kernel->next)
		kernel->is_stale = true;
}

void gremc_rib_kernel_end(struct gremc_rib *rib)
{
	struct kernel_entry *next;

	gremc_assert_control_thread();
	for (struct kernel_entry *kernel = rib->kernel_entries; kernel; kernel = next) {
		next = kernel->next;
		if (kernel->is_stale)
			kernel_entry_remove(rib, kernel->entry);
	}
}
