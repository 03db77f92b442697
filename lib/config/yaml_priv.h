/* SPDX-License-Identifier: BSD-3-Clause */
/* libyaml's document: nodes, mappings and sequences. */
#ifndef GREMC_CONFIG_YAML_PRIV_H
#define GREMC_CONFIG_YAML_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include <yaml.h>

#include "config/keys_priv.h"

/* The place of a node in the first file, which is the YAML file. */
struct place gremc_config_node_place(const yaml_node_t *node);
/* Whether the node is an unquoted null. */
bool gremc_config_node_is_null(const yaml_node_t *node);
/* Read a scalar.
 * Returns: false: the node is no scalar or contains a NUL. */
bool gremc_config_node_scalar(const yaml_node_t *node, struct value *value);
/* Read a mapping of the section's keys into object, defaults first.
 * Input:   owner: name and place for errors about a missing key; places: [KEY_COUNT], or NULL.
 * Returns: in places, those of the values that the mapping has. */
void gremc_config_mapping_read(struct loader *l, yaml_node_t *node, enum section section,
			       const struct value *owner, void *object, struct place *places);
/* Store the defaults of the section's keys in object. */
void gremc_config_defaults_set(struct loader *l, enum section section, const struct value *owner,
			       void *object);
/* Add the error that the key does not accept the node. */
void gremc_config_node_reject(struct loader *l, const struct key *key, yaml_node_t *node);
/* Add the error that the key's list does not accept the entry. */
void gremc_config_entry_reject(struct loader *l, const struct key *key, yaml_node_t *entry);
/* Add the error that the key does not accept the scalar. */
void gremc_config_text_reject(struct loader *l, const struct key *key, const struct value *value);
/* Returns: the value of a name in the mapping itself, without merged mappings; NULL: none. */
yaml_node_t *gremc_config_mapping_find(struct loader *l, const yaml_node_t *node, const char *name);

/* Visitors return false to stop the walk. */
typedef bool name_visitor(struct loader *l, const struct value *name, yaml_node_t *node, void *object);
typedef bool text_visitor(struct loader *l, const struct value *value, void *object);

/* Visit every name of a mapping, including merged ones. */
void gremc_config_mapping_visit(struct loader *l, yaml_node_t *node, name_visitor *visit, void *object);
/* Visit every scalar of a sequence. Another entry is an error. */
void gremc_config_sequence_visit(struct loader *l, const struct key *key, yaml_node_t *node,
				 text_visitor *visit, void *object);
/* Visit every IPv4 address in the sequence of an interface's addresses. IPv6 addresses and netplan's options
 * of an address become notes. */
void gremc_config_addresses_visit(struct loader *l, const struct key *key, yaml_node_t *node,
				  text_visitor *visit, void *object);
/* Whether the text is an IPv6 address, with or without a prefix length. */
bool gremc_config_text_is_ipv6(const char *text);
/* Parse the text as one YAML document into the loader.
 * Returns: false: it is not; the error is added. */
bool gremc_config_document_parse(struct loader *l, const char *text, size_t size);

#endif
