/* SPDX-License-Identifier: BSD-3-Clause */
/* From text to libyaml's document, and from its mappings to the table of keys. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

struct place gremc_config_place(const yaml_node_t *node)
{
	/* the first file is the YAML one; libyaml counts from 0 */
	return (struct place){0, node->start_mark.line + 1, node->start_mark.column + 1};
}

static const char *text_of(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

bool gremc_config_is_null(const yaml_node_t *node)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	text = text_of(node);
	return *text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

bool gremc_config_scalar(const yaml_node_t *node, struct value *value)
{
	if (node->type != YAML_SCALAR_NODE || strlen(text_of(node)) != node->data.scalar.length)
		return false;
	*value = (struct value){text_of(node), gremc_config_place(node),
				node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE};
	return true;
}

void gremc_config_wrong_text(struct loader *l, const struct key *key, const struct value *value)
{
	/* numbers and booleans: in quotes they are text */
	bool is_bare = key->maximum || key->scalar == gremc_config_read_boolean ||
		       key->scalar == gremc_config_read_df;
	char type[KEY_TEXT];

	gremc_config_problem(l, value->place, "`%s` cannot be `%s`%s; it takes %s", key->name,
			     QUOTE(value->text), value->quoted && is_bare ? " in quotes" : "",
			     gremc_config_key_type(type, sizeof(type), key));
}

static const char *shape_of(const yaml_node_t *node)
{
	switch (node->type) {
	case YAML_SEQUENCE_NODE:
		return "a list";
	case YAML_MAPPING_NODE:
		return "a mapping";
	default:
		return gremc_config_is_null(node) ? "empty" : "text with a NUL in it";
	}
}

void gremc_config_wrong(struct loader *l, const struct key *key, yaml_node_t *node)
{
	struct value value;
	char type[KEY_TEXT];

	if (!gremc_config_is_null(node) && gremc_config_scalar(node, &value))
		gremc_config_wrong_text(l, key, &value);
	else
		gremc_config_problem(l, gremc_config_place(node), "`%s` cannot be %s; it takes %s", key->name,
				     shape_of(node), gremc_config_key_type(type, sizeof(type), key));
}

void gremc_config_wrong_entry(struct loader *l, const struct key *key, yaml_node_t *entry)
{
	char type[KEY_TEXT];

	gremc_config_problem(l, gremc_config_place(entry), "an entry of `%s` cannot be %s; `%s` takes %s",
			     key->name, shape_of(entry), key->name,
			     gremc_config_key_type(type, sizeof(type), key));
}

static bool name_of(struct loader *l, const yaml_node_pair_t *pair, struct value *name)
{
	yaml_node_t *node = yaml_document_get_node(&l->document, pair->key);

	if (gremc_config_scalar(node, name))
		return true;
	gremc_config_problem(l, gremc_config_place(node),
			     "a name before a colon cannot be a list, a mapping or "
			     "hold a NUL; write one word");
	return false;
}

/* The values of a mapping by their keys; what is unknown or given twice is said. */
static void collect(struct loader *l, yaml_node_t *node, enum section section, yaml_node_t **values,
		    struct place *names)
{
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		char suggestion[512], where[WHERE_TEXT];
		const struct key *key;
		struct value name;
		size_t id;

		if (!name_of(l, pair, &name))
			continue;
		key = gremc_config_key_find(section, name.text);
		if (key == NULL) {
			gremc_config_problem(
				l, name.place, "unknown key `%s`; %s", QUOTE(name.text),
				gremc_config_key_suggest(suggestion, sizeof(suggestion), section, name.text));
			continue;
		}
		id = key - gremc_config_keys;
		if (values[id]) {
			gremc_config_problem(l, name.place,
					     "`%s` is given twice, first on %s; keep one of them", key->name,
					     gremc_config_where(where, l, names[id], name.place));
			continue;
		}
		values[id] = yaml_document_get_node(&l->document, pair->value);
		names[id] = name.place;
	}
}

static void read_value(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	bool is_section = key->sections == IN(TOP) && key->node;
	struct value value;

	/* `mroutes:` with every line below it commented out is an empty section */
	if (is_section && gremc_config_is_null(node))
		return;
	if (key->scalar && !gremc_config_is_null(node) && gremc_config_scalar(node, &value))
		key->scalar(l, key, &value, object);
	else if (key->node && node->type == key->shape)
		key->node(l, key, node, object);
	else
		gremc_config_wrong(l, key, node);
}

void gremc_config_defaults(struct loader *l, enum section section, const struct value *owner, void *object)
{
	for (const struct key *key = gremc_config_keys; key < gremc_config_keys + KEY_COUNT; key++) {
		struct value value = {key->fallback, owner->place, false};

		if (key->fallback && key->sections & (1u << section))
			key->scalar(l, key, &value, object);
	}
}

void gremc_config_mapping(struct loader *l, yaml_node_t *node, enum section section,
			  const struct value *owner, void *object, struct place *places)
{
	yaml_node_t *values[KEY_COUNT] = {NULL};
	struct place names[KEY_COUNT];

	gremc_config_defaults(l, section, owner, object);
	if (node->type == YAML_MAPPING_NODE) {
		collect(l, node, section, values, names);
	} else if (!gremc_config_is_null(node)) {
		gremc_config_problem(l, gremc_config_place(node),
				     "%s cannot be a %s; it takes a mapping, lines of `KEY: VALUE`",
				     owner->text, node->type == YAML_SEQUENCE_NODE ? "list" : "single value");
		return;
	}
	/* netplan's wrapper: as if its keys stood outside */
	if (section == SECTION_TOP && values[KEY_NETWORK]) {
		if (values[KEY_NETWORK]->type == YAML_MAPPING_NODE)
			collect(l, values[KEY_NETWORK], section, values, names);
		else
			gremc_config_wrong(l, &gremc_config_keys[KEY_NETWORK], values[KEY_NETWORK]);
		values[KEY_NETWORK] = NULL;
	}
	for (size_t id = 0; id < KEY_COUNT; id++) {
		const struct key *key = &gremc_config_keys[id];
		char type[KEY_TEXT];

		if (!(key->sections & (1u << section)))
			continue;
		if (values[id] && places)
			places[id] = gremc_config_place(values[id]);
		if (values[id])
			read_value(l, key, values[id], object);
		else if (key->required)
			gremc_config_problem(l, owner->place, "%s has no `%s`; add `%s:`, which takes %s",
					     owner->text, key->name, key->name,
					     gremc_config_key_type(type, sizeof(type), key));
	}
}

void gremc_config_each_name(struct loader *l, yaml_node_t *node,
			    bool (*each)(struct loader *l, const struct value *name, yaml_node_t *node,
					 void *object),
			    void *object)
{
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		struct value name;

		if (name_of(l, pair, &name) &&
		    !each(l, &name, yaml_document_get_node(&l->document, pair->value), object))
			return;
	}
}

void gremc_config_each_text(struct loader *l, const struct key *key, yaml_node_t *node,
			    bool (*each)(struct loader *l, const struct value *value, void *object),
			    void *object)
{
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		yaml_node_t *entry = yaml_document_get_node(&l->document, *item);
		struct value value;

		if (gremc_config_is_null(entry) || !gremc_config_scalar(entry, &value))
			gremc_config_wrong_entry(l, key, entry);
		else if (!each(l, &value, object))
			return;
	}
}

/* ---- text to document ---- */

/* libyaml gives an offset, not a mark, for bytes that are no text at all. */
static struct place place_of_offset(const char *text, size_t size, size_t offset)
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
static bool is_tab(const char *text, size_t size, const yaml_mark_t *mark)
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

static void syntax_problem(struct loader *l, const yaml_parser_t *parser, const char *text, size_t size)
{
	struct place place = {0, parser->problem_mark.line + 1, parser->problem_mark.column + 1};
	const char *what = parser->problem ? parser->problem : "it ends too early";
	char context[160] = "";

	if (parser->error == YAML_MEMORY_ERROR) {
		l->no_memory = true;
	} else if (parser->error == YAML_READER_ERROR) {
		gremc_config_problem(l, place_of_offset(text, size, parser->problem_offset),
				     "this is not text: %s; a configuration is written in UTF-8", what);
	} else if (is_tab(text, size, &parser->problem_mark)) {
		gremc_config_problem(l, place, "a tab indents this line; YAML takes spaces only");
	} else {
		if (parser->context)
			snprintf(context, sizeof(context), " (%s, which begins on line %zu)", parser->context,
				 parser->context_mark.line + 1);
		gremc_config_problem(l, place,
				     "this is not YAML: %s%s; look for a bracket, quote, colon or "
				     "indentation that is wrong here or above",
				     what, context);
	}
}

/* The place after the last line, where a second document would be. */
static bool only_one(struct loader *l, yaml_parser_t *parser, const char *text, size_t size)
{
	const yaml_node_t *root;
	yaml_document_t second;
	bool is_one;

	if (!yaml_parser_load(parser, &second)) {
		syntax_problem(l, parser, text, size);
		return false;
	}
	root = yaml_document_get_root_node(&second);
	is_one = root == NULL;
	if (!is_one)
		gremc_config_problem(l, gremc_config_place(root),
				     "a second YAML document begins after `---`; keep everything in one");
	yaml_document_delete(&second);
	return is_one;
}

bool gremc_config_document(struct loader *l, const char *text, size_t size)
{
	yaml_parser_t parser;
	bool good = false;

	if (!yaml_parser_initialize(&parser)) {
		l->no_memory = true;
		return false;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	if (!yaml_parser_load(&parser, &l->document)) {
		syntax_problem(l, &parser, text, size);
		goto out;
	}
	l->has_document = true;
	if (yaml_document_get_root_node(&l->document) == NULL) {
		gremc_config_problem(l, (struct place){0, 1, 1},
				     "the file is empty; it needs at least `ethernets:` with one port");
		goto out;
	}
	good = only_one(l, &parser, text, size);
out:
	yaml_parser_delete(&parser);
	return good;
}
