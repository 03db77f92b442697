/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of ports and tunnels, found in constant time: an mroute may list thousands of 65,536. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

/* FNV-1a: unlike the hash of hsearch_r(), it depends on all letters of a long name. */
static uint32_t name_hash(const char *text)
{
	uint32_t value = 2166136261u;

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * 16777619u;
	return value;
}

/* Returns: the slot of the name, or the free slot for it. */
static uint32_t *names_find_slot(const struct names *names, const char *text)
{
	uint32_t mask = names->slot_count - 1, i = name_hash(text) & mask;

	while (names->slots[i] && strcmp(names->entries[names->slots[i] - 1].text, text))
		i = (i + 1) & mask;
	return &names->slots[i];
}

/* At most half full. */
static int names_grow(struct names *names)
{
	uint32_t slot_count = names->slot_count ? 2 * names->slot_count : 64;
	struct name *entries = realloc(names->entries, slot_count / 2 * sizeof(*entries));
	uint32_t *slots;

	if (entries == NULL)
		return -ENOMEM;
	names->entries = entries;
	slots = calloc(slot_count, sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	free(names->slots);
	names->slots = slots;
	names->slot_count = slot_count;
	for (uint32_t i = 0; i < names->count; i++)
		*names_find_slot(names, entries[i].text) = i + 1;
	return 0;
}

int gremc_config_names_add(struct names *names, const struct name *name, const struct name **other)
{
	uint32_t *slot;

	if (2 * names->count >= names->slot_count && names_grow(names))
		return -ENOMEM;
	slot = names_find_slot(names, name->text);
	if (*slot) {
		*other = &names->entries[*slot - 1];
		return -EEXIST;
	}
	names->entries[names->count] = *name;
	*slot = ++names->count;
	return 0;
}

const struct name *gremc_config_names_find(const struct names *names, const char *text)
{
	uint32_t slot = names->slot_count ? *names_find_slot(names, text) : 0;

	return slot ? &names->entries[slot - 1] : NULL;
}

const struct name *gremc_config_names_nearest(const struct names *names, const char *text)
{
	const struct name *nearest = NULL;
	unsigned least = UINT_MAX;

	for (uint32_t i = 0; i < names->count && least > 1; i++) {
		unsigned distance = gremc_config_text_distance(text, names->entries[i].text);

		if (distance < least) {
			least = distance;
			nearest = &names->entries[i];
		}
	}
	return gremc_config_distance_is_near(least, text) ? nearest : NULL;
}

void gremc_config_names_fini(struct names *names)
{
	free(names->entries);
	free(names->slots);
	*names = (struct names){0};
}

#define LONGEST 63

static unsigned unsigned_min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment with three rows of the matrix. */
unsigned gremc_config_text_distance(const char *a, const char *b)
{
	unsigned rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *row = rows[2];
	size_t a_length = strlen(a), b_length = strlen(b);

	if (a_length > LONGEST || b_length > LONGEST)
		return UINT_MAX;
	for (size_t j = 0; j <= b_length; j++)
		before[j] = last[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = unsigned_min(last[j], row[j - 1]) + 1;
			row[j] = unsigned_min(row[j], last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = unsigned_min(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_length];
}

bool gremc_config_distance_is_near(unsigned distance, const char *text)
{
	size_t length = strlen(text);

	return distance <= 2 && distance < length && (distance < 2 || length > 3);
}
