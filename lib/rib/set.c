/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rib/rib_priv.h"

int gremc_interface_set_add(struct interface_set *set, uint32_t item)
{
	uint32_t at = gremc_vif_lower_bound(set->items, set->count, item);

	if (at < set->count && set->items[at] == item)
		return 0;
	if (set->count == set->capacity) {
		uint32_t capacity = set->capacity ? set->capacity * 2 : 2;
		uint32_t *items = realloc(set->items, capacity * sizeof(*items));

		if (items == NULL)
			return -ENOMEM;
		set->items = items;
		set->capacity = capacity;
	}
	memmove(&set->items[at + 1], &set->items[at], (set->count - at) * sizeof(*set->items));
	set->items[at] = item;
	set->count++;
	return 0;
}

void gremc_interface_set_remove(struct interface_set *set, uint32_t item)
{
	uint32_t at = gremc_vif_lower_bound(set->items, set->count, item);

	if (at == set->count || set->items[at] != item)
		return;
	set->count--;
	memmove(&set->items[at], &set->items[at + 1], (set->count - at) * sizeof(*set->items));
	if (set->count == 0) {
		free(set->items);
		*set = (struct interface_set){0};
	}
}

bool gremc_interface_set_has(const struct interface_set *set, uint32_t item)
{
	uint32_t at = gremc_vif_lower_bound(set->items, set->count, item);

	return at < set->count && set->items[at] == item;
}
