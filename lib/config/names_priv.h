/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of ports and tunnels, which share one namespace. */
#ifndef GREMC_CONFIG_NAMES_PRIV_H
#define GREMC_CONFIG_NAMES_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "config/messages_priv.h"

struct name {
	char text[GREMC_NAME_SIZE];
	bool is_port;
	uint32_t index; /* of the port or the tunnel */
	struct place place;
};

/* A hash with open addressing. Zero-initialised it is empty. */
struct names {
	struct name *entries;
	uint32_t *slots; /* entry + 1; 0: free */
	uint32_t count, slot_count;
};

/* Add a copy of the name.
 * Errors:  -EEXIST: the name's entry is in *other; -ENOMEM. */
__rte_warn_unused_result int gremc_config_names_add(struct names *names, const struct name *name,
						    const struct name **other);
/* Returns: the entry of this name, valid until the next addition; NULL: none. */
const struct name *gremc_config_names_find(const struct names *names, const char *text);
/* Returns: the most similar name if it is near enough for a suggestion, or NULL. */
const struct name *gremc_config_names_nearest(const struct names *names, const char *text);
/* Free all names. */
void gremc_config_names_fini(struct names *names);
/* Returns: the number of letters to change, insert, delete or swap; UINT_MAX for texts over 63 bytes. */
unsigned gremc_config_text_distance(const char *a, const char *b);
/* Whether a text at this distance is near enough for a suggestion. */
bool gremc_config_distance_is_near(unsigned distance, const char *text);

#endif
