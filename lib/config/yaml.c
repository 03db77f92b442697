/* SPDX-License-Identifier: BSD-3-Clause */
/* From text to libyaml's document, and from its mappings to the table of keys. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

struct place gremc_config_node_place(const yaml_node_t *node)
{
	/* the first file is the YAML one; libyaml counts from 0 */
	return (struct place){0, node->start_mark.line + 1, node->start_mark.column + 1};
}

static const char *yaml_node_text(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

bool gremc_config_node_is_null(const yaml_node_t *node)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	text = yaml_node_text(node);
	return *text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

bool gremc_config_node_scalar(const yaml_node_t *node, struct value *value)
{
	if (node->type != YAML_SCALAR_NODE || strlen(yaml_node_text(node)) != node->data.scalar.length)
		return false;
	*value = (struct value){yaml_node_text(node), gremc_config_node_place(node),
				node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE};
	return true;
}

void gremc_config_text_reject(struct loader *l, const struct key *key, const struct value *value)
{
	/* numbers and booleans: in quotes they are text */
	bool is_bare = key->maximum || key->scalar == gremc_config_read_boolean ||
		       key->scalar == gremc_config_read_df;
	char type[KEY_TEXT];

	gremc_config_error_add(l, value->place, "`%s` cannot be `%s`%s; it accepts %s", key->name,
			       QUOTE(value->text), value->quoted && is_bare ? " in quotes" : "",
			       gremc_config_key_type(type, sizeof(type), key));
}

static const char *node_kind_name(const yaml_node_t *node)
{
	switch (node->type) {
	case YAML_SEQUENCE_NODE:
		return "a list";
	case YAML_MAPPING_NODE:
		return "a mapping";
	default:
		return gremc_config_node_is_null(node) ? "empty" : "text with a NUL in it";
	}
}

void gremc_config_node_reject(struct loader *l, const struct key *key, yaml_node_t *node)
{
	struct value value;
	char type[KEY_TEXT];

	if (!gremc_config_node_is_null(node) && gremc_config_node_scalar(node, &value))
		gremc_config_text_reject(l, key, &value);
	else
		gremc_config_error_add(l, gremc_config_node_place(node), "`%s` cannot be %s; it accepts %s",
				       key->name, node_kind_name(node),
				       gremc_config_key_type(type, sizeof(type), key));
}

void gremc_config_entry_reject(struct loader *l, const struct key *key, yaml_node_t *entry)
{
	char type[KEY_TEXT];

	gremc_config_error_add(
		l, gremc_config_node_place(entry), "an entry of `%s` cannot be %s; `%s` accepts %s",
		key->name, node_kind_name(entry), key->name, gremc_config_key_type(type, sizeof(type), key));
}

static bool pair_read_name(struct loader *l, const yaml_node_pair_t *pair, struct value *name)
{
	yaml_node_t *node = yaml_document_get_node(&l->document, pair->key);

	if (gremc_config_node_scalar(node, name))
		return true;
	gremc_config_error_add(l, gremc_config_node_place(node),
			       "a name before a colon cannot be a list, a mapping or "
			       "hold a NUL; write one word");
	return false;
}

/* ---- merge keys ---- */

#define MERGE_DEPTH_MAX 8 /* mappings that merge each other; an alias can name the mapping that it is in */
#define MERGES_MAX      100000 /* in one file; lists of aliases to lists of aliases multiply */

/* Visits one pair; false ends the walk. `is_merged`: it comes from a `<<:`, so a pair of the mapping itself
 * has precedence (YAML 1.1, merge key). */
typedef bool pair_visitor(struct loader *l, const struct value *name, yaml_node_t *node, bool is_merged,
			  void *object);

static bool mapping_walk_pairs(struct loader *l, yaml_node_t *node, unsigned depth, pair_visitor *visit,
			       void *object);

static bool name_is_merge_key(const struct value *name)
{
	return !name->quoted && strcmp(name->text, "<<") == 0;
}

static void merge_reject(struct loader *l, const yaml_node_t *node)
{
	gremc_config_error_add(
		l, gremc_config_node_place(node),
		"`<<` cannot be %s; it accepts the alias of a mapping, `<<: *NAME`, or a list of them",
		node->type == YAML_SCALAR_NODE ? "a single value" : node_kind_name(node));
}

/* The pairs of what `<<` names: one mapping, or several, the first of which has precedence. */
static bool mapping_walk_merged(struct loader *l, yaml_node_t *node, unsigned depth, pair_visitor *visit,
				void *object)
{
	if (depth == MERGE_DEPTH_MAX) {
		gremc_config_error_add(
			l, gremc_config_node_place(node),
			"more than %u mappings merge each other by `<<`; merge fewer, and none into "
			"itself",
			MERGE_DEPTH_MAX);
		return false;
	}
	if (++l->merges > MERGES_MAX) {
		gremc_config_error_add(l, gremc_config_node_place(node),
				       "more than %u mappings are merged by `<<`; merge fewer", MERGES_MAX);
		return false;
	}
	if (node->type == YAML_MAPPING_NODE)
		return mapping_walk_pairs(l, node, depth + 1, visit, object);
	if (node->type != YAML_SEQUENCE_NODE) {
		merge_reject(l, node);
		return true;
	}
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		yaml_node_t *entry = yaml_document_get_node(&l->document, *item);

		if (entry->type != YAML_MAPPING_NODE)
			merge_reject(l, entry);
		else if (!mapping_walk_merged(l, entry, depth, visit, object))
			return false;
	}
	return true;
}

/* A mapping's own pairs, then those that it merges. */
static bool mapping_walk_pairs(struct loader *l, yaml_node_t *node, unsigned depth, pair_visitor *visit,
			       void *object)
{
	const yaml_node_pair_t *const start = node->data.mapping.pairs.start, *const top = node->data.mapping
												   .pairs.top;
	struct value name;

	for (const yaml_node_pair_t *pair = start; pair < top; pair++)
		if (pair_read_name(l, pair, &name) && !name_is_merge_key(&name) &&
		    !visit(l, &name, yaml_document_get_node(&l->document, pair->value), depth > 0, object))
			return false;
	for (const yaml_node_pair_t *pair = start; pair < top; pair++)
		if (gremc_config_node_scalar(yaml_document_get_node(&l->document, pair->key), &name) &&
		    name_is_merge_key(&name) &&
		    !mapping_walk_merged(l, yaml_document_get_node(&l->document, pair->value), depth, visit,
					 object))
			return false;
	return true;
}

/* ---- mappings ---- */

/* The values of a section's mapping by their keys. */
struct collection {
	enum section section;
	yaml_node_t *values[KEY_COUNT];
	struct place names[KEY_COUNT];
};

static void key_unknown_error(struct loader *l, const struct value *name, enum section section)
{
	char suggestion[512];

	if (gremc_config_key_is_netplans(section, name->text))
		gremc_config_note_add(l, name->place, "`%s` is netplan's and has no effect here", name->text);
	else
		gremc_config_error_add(
			l, name->place, "unknown key `%s`; %s", QUOTE(name->text),
			gremc_config_key_suggest(suggestion, sizeof(suggestion), section, name->text));
}

static bool pair_collect(struct loader *l, const struct value *name, yaml_node_t *node, bool is_merged,
			 void *object)
{
	struct collection *collection = object;
	const struct key *key = gremc_config_key_find(collection->section, name->text);
	char where[WHERE_TEXT];
	size_t id;

	if (key == NULL) {
		key_unknown_error(l, name, collection->section);
		return true;
	}
	id = key - gremc_config_keys;
	if (collection->values[id] == NULL) {
		collection->values[id] = node;
		collection->names[id] = name->place;
	} else if (!is_merged) {
		gremc_config_error_add(
			l, name->place, "`%s` is given twice, first on %s; keep one of them", key->name,
			gremc_config_place_format(where, l, collection->names[id], name->place));
	}
	return true;
}

static void key_read_value(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	bool is_section = key->sections == IN(TOP) && key->node;
	struct value value;

	/* `mroutes:` with every line below it commented out is an empty section */
	if (is_section && gremc_config_node_is_null(node))
		return;
	if (key->scalar && !gremc_config_node_is_null(node) && gremc_config_node_scalar(node, &value))
		key->scalar(l, key, &value, object);
	else if (key->node && node->type == key->node_type)
		key->node(l, key, node, object);
	else
		gremc_config_node_reject(l, key, node);
}

void gremc_config_defaults_set(struct loader *l, enum section section, const struct value *owner,
			       void *object)
{
	for (const struct key *key = gremc_config_keys; key < gremc_config_keys + KEY_COUNT; key++) {
		struct value value = {key->fallback, owner->place, false};

		if (key->fallback && key->sections & (1u << section))
			key->scalar(l, key, &value, object);
	}
}

/* netplan's wrapper: its keys count as if they stood outside. */
static void network_unwrap(struct loader *l, struct collection *collection)
{
	yaml_node_t *network = collection->values[KEY_NETWORK];

	if (network->type == YAML_MAPPING_NODE)
		mapping_walk_pairs(l, network, 0, pair_collect, collection);
	else
		gremc_config_node_reject(l, &gremc_config_keys[KEY_NETWORK], network);
	collection->values[KEY_NETWORK] = NULL;
}

void gremc_config_mapping_read(struct loader *l, yaml_node_t *node, enum section section,
			       const struct value *owner, void *object, struct place *places)
{
	struct collection collection = {.section = section};

	gremc_config_defaults_set(l, section, owner, object);
	if (node->type == YAML_MAPPING_NODE) {
		mapping_walk_pairs(l, node, 0, pair_collect, &collection);
	} else if (!gremc_config_node_is_null(node)) {
		gremc_config_error_add(l, gremc_config_node_place(node),
				       "%s cannot be a %s; it accepts a mapping, lines of `KEY: VALUE`",
				       owner->text,
				       node->type == YAML_SEQUENCE_NODE ? "list" : "single value");
		return;
	}
	if (section == SECTION_TOP && collection.values[KEY_NETWORK])
		network_unwrap(l, &collection);
	for (size_t id = 0; id < KEY_COUNT; id++) {
		const struct key *key = &gremc_config_keys[id];
		yaml_node_t *value = collection.values[id];
		char type[KEY_TEXT];

		if (!(key->sections & (1u << section)))
			continue;
		if (value && places)
			places[id] = gremc_config_node_place(value);
		if (value)
			key_read_value(l, key, value, object);
		else if (key->required)
			gremc_config_error_add(l, owner->place, "%s has no `%s`; add `%s:`, which accepts %s",
					       owner->text, key->name, key->name,
					       gremc_config_key_type(type, sizeof(type), key));
	}
}

yaml_node_t *gremc_config_mapping_find(struct loader *l, const yaml_node_t *node, const char *name)
{
	if (node->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		struct value key;

		if (gremc_config_node_scalar(yaml_document_get_node(&l->document, pair->key), &key) &&
		    strcmp(key.text, name) == 0)
			return yaml_document_get_node(&l->document, pair->value);
	}
	return NULL;
}

/* Names of a mapping, and the mapping itself, to see which of its names a merged one repeats. */
struct name_walk {
	const yaml_node_t *mapping;
	name_visitor *visit;
	void *object;
};

static bool pair_visit_name(struct loader *l, const struct value *name, yaml_node_t *node, bool is_merged,
			    void *object)
{
	const struct name_walk *walk = object;

	if (is_merged && gremc_config_mapping_find(l, walk->mapping, name->text))
		return true;
	return walk->visit(l, name, node, walk->object);
}

void gremc_config_mapping_visit(struct loader *l, yaml_node_t *node, name_visitor *visit, void *object)
{
	struct name_walk walk = {node, visit, object};

	mapping_walk_pairs(l, node, 0, pair_visit_name, &walk);
}

/* Read the scalar of a sequence's entry.
 * Returns: false: the error is added. */
static bool entry_read(struct loader *l, const struct key *key, yaml_node_t *entry, struct value *value)
{
	if (!gremc_config_node_is_null(entry) && gremc_config_node_scalar(entry, value))
		return true;
	gremc_config_entry_reject(l, key, entry);
	return false;
}

void gremc_config_sequence_visit(struct loader *l, const struct key *key, yaml_node_t *node,
				 text_visitor *visit, void *object)
{
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		struct value value;

		if (entry_read(l, key, yaml_document_get_node(&l->document, *item), &value) &&
		    !visit(l, &value, object))
			return;
	}
}

bool gremc_config_text_is_ipv6(const char *text)
{
	struct gremc_addr address;
	char copy[GREMC_ADDR_TEXT];
	size_t length = strcspn(text, "/");

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return gremc_addr_parse(copy, &address) == 0 && address.family == GREMC_FAMILY_IPV6;
}

/* Read the address of an entry `ADDRESS/LENGTH: {label: ..., lifetime: ...}`. */
static bool entry_address_with_options(struct loader *l, const yaml_node_t *entry, struct value *value)
{
	const yaml_node_pair_t *pair;

	if (entry->type != YAML_MAPPING_NODE ||
	    entry->data.mapping.pairs.top - entry->data.mapping.pairs.start != 1)
		return false;
	pair = entry->data.mapping.pairs.start;
	if (yaml_document_get_node(&l->document, pair->value)->type != YAML_MAPPING_NODE ||
	    !gremc_config_node_scalar(yaml_document_get_node(&l->document, pair->key), value))
		return false;
	gremc_config_note_add(l, value->place,
			      "options of the address %s are netplan's and have no effect here",
			      QUOTE(value->text));
	return true;
}

/* Visit an address unless it is IPv6. */
static bool address_visit(struct loader *l, const struct value *value, text_visitor *visit, void *object)
{
	if (!gremc_config_text_is_ipv6(value->text))
		return visit(l, value, object);
	gremc_config_note_add(l, value->place, "%s is an IPv6 address and has no effect here", value->text);
	return true;
}

void gremc_config_addresses_visit(struct loader *l, const struct key *key, yaml_node_t *node,
				  text_visitor *visit, void *object)
{
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		yaml_node_t *entry = yaml_document_get_node(&l->document, *item);
		struct value value;

		if ((entry_address_with_options(l, entry, &value) || entry_read(l, key, entry, &value)) &&
		    !address_visit(l, &value, visit, object))
			return;
	}
}

/* ---- text to document ---- */

/* Levels of lists and mappings inside of each other. No configuration has more than ten, and libyaml takes
 * time with the square of them. */
#define NESTING_MAX 64
/* Bytes that libyaml gets at once: between two of these it may go as much deeper. */
#define PIECE 2048

struct input {
	const yaml_parser_t *parser;
	const unsigned char *text;
	size_t size, at;
	bool is_deep;
};

/* A yaml_read_handler_t. */
static int input_read_piece(void *data, unsigned char *buffer, size_t size, size_t *size_read)
{
	struct input *input = data;
	const size_t levels = (size_t)(input->parser->indents.top - input->parser->indents.start) +
			      (size_t)input->parser->flow_level;
	const size_t piece = RTE_MIN(RTE_MIN(size, (size_t)PIECE), input->size - input->at);

	input->is_deep = levels > NESTING_MAX;
	memcpy(buffer, input->text + input->at, piece);
	input->at += piece;
	*size_read = piece;
	return !input->is_deep;
}

/* libyaml gives an offset, not a mark, for bytes that are no text at all. */
static struct place text_offset_place(const char *text, size_t size, size_t offset)
{
	struct place place = {0, 1, 1};

	for (size_t i = 0; i < offset && i < size; i++) {
		place.column++;
		if (text[i] == '\n') {
			place.line++;
			place.column = 1;
		}
	}
	return place;
}

/* A mark counts characters, not bytes. */
static bool mark_is_tab(const char *text, size_t size, const yaml_mark_t *mark)
{
	const char *end = text + size;

	for (size_t line = 0; line < mark->line; line++) {
		text = memchr(text, '\n', end - text);
		if (text++ == NULL)
			return false;
	}
	for (size_t column = 0; text < end && column < mark->column; column++)
		for (text++; text < end && ((unsigned char)*text & 0xc0) == 0x80; text++)
			;
	return text < end && *text == '\t';
}

static void yaml_syntax_error(struct loader *l, const yaml_parser_t *parser, const char *text, size_t size)
{
	struct place place = {0, parser->problem_mark.line + 1, parser->problem_mark.column + 1};
	const char *what = parser->problem ? parser->problem : "it ends too early";
	char context[160] = "";

	if (parser->error == YAML_MEMORY_ERROR) {
		l->no_memory = true;
	} else if (parser->error == YAML_READER_ERROR) {
		gremc_config_error_add(l, text_offset_place(text, size, parser->problem_offset),
				       "this is not text: %s; a configuration is written in UTF-8", what);
	} else if (mark_is_tab(text, size, &parser->problem_mark)) {
		gremc_config_error_add(l, place, "a tab indents this line; YAML accepts spaces only");
	} else {
		if (parser->context)
			snprintf(context, sizeof(context), " (%s, which begins on line %zu)", parser->context,
				 parser->context_mark.line + 1);
		gremc_config_error_add(l, place,
				       "this is not YAML: %s%s; look for a bracket, quote, colon or "
				       "indentation that is wrong here or above",
				       what, context);
	}
}

/* The place after the last line, where a second document would be. */
static bool parser_check_single(struct loader *l, yaml_parser_t *parser, const char *text, size_t size)
{
	const yaml_node_t *root;
	yaml_document_t second;
	bool is_one;

	if (!yaml_parser_load(parser, &second)) {
		yaml_syntax_error(l, parser, text, size);
		return false;
	}
	root = yaml_document_get_root_node(&second);
	is_one = root == NULL;
	if (!is_one)
		gremc_config_error_add(l, gremc_config_node_place(root),
				       "a second YAML document begins after `---`; keep everything in one");
	yaml_document_delete(&second);
	return is_one;
}

bool gremc_config_document_parse(struct loader *l, const char *text, size_t size)
{
	yaml_parser_t parser;
	struct input input = {.parser = &parser, .text = (const unsigned char *)text, .size = size};
	bool good = false;

	if (!yaml_parser_initialize(&parser)) {
		l->no_memory = true;
		return false;
	}
	yaml_parser_set_input(&parser, input_read_piece, &input);
	if (!yaml_parser_load(&parser, &l->document)) {
		if (input.is_deep)
			gremc_config_error_add(
				l, (struct place){0, parser.mark.line + 1, parser.mark.column + 1},
				"lists and mappings are nested more than %d levels deep", NESTING_MAX);
		else
			yaml_syntax_error(l, &parser, text, size);
		goto out;
	}
	l->has_document = true;
	if (yaml_document_get_root_node(&l->document) == NULL) {
		gremc_config_error_add(l, (struct place){0, 1, 1},
				       "the file is empty; it needs at least `ethernets:` with one port");
		goto out;
	}
	good = parser_check_single(l, &parser, text, size);
out:
	yaml_parser_delete(&parser);
	return good;
}
