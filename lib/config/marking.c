/* SPDX-License-Identifier: BSD-3-Clause */
/* `dscp-map` of a tunnel and `pcp` of a port. */
#include <string.h>

#include "config/config_priv.h"

/* A mapping of DSCPs in progress. */
struct dscp_mapping {
	const struct key *key;
	uint8_t *value;     /* [DSCP] */
	unsigned limit;     /* of the values */
	uint64_t given;     /* bit mask of the DSCPs that the mapping has */
	const char *target; /* the values, for errors */
};

/* Returns: the DSCP that the text names, or -1. */
static int dscp_parse(const char *text)
{
	const int dscp = gremc_dscp_parse(text);
	uint64_t number;

	if (dscp >= 0)
		return dscp;
	return gremc_config_number_parse(text, &number) && number < GREMC_DSCP_COUNT ? (int)number : -1;
}

/* Returns: the value of an entry, or -1. A priority has no names. */
static int dscp_value_parse(const struct dscp_mapping *mapping, const struct value *value)
{
	uint64_t number;

	if (mapping->limit == GREMC_DSCP_COUNT)
		return dscp_parse(value->text);
	return gremc_config_number_parse(value->text, &number) && number < mapping->limit ? (int)number : -1;
}

static bool dscp_entry_read(struct loader *l, const struct value *name, yaml_node_t *node, void *object)
{
	struct dscp_mapping *mapping = object;
	const int dscp = dscp_parse(name->text);
	struct value value;
	int number = -1;

	if (dscp < 0) {
		gremc_config_error_add(
			l, name->place,
			"%s is no DSCP; `%s` accepts a number from 0 to 63, or a name such as `ef` or `af41`",
			QUOTE(name->text), mapping->key->name);
		return true;
	}
	if (mapping->given & UINT64_C(1) << dscp) {
		gremc_config_error_add(l, name->place, "`%s` has the DSCP %d already; give it once",
				       mapping->key->name, dscp);
		return true;
	}
	mapping->given |= UINT64_C(1) << dscp;
	if (gremc_config_node_scalar(node, &value) && !gremc_config_node_is_null(node))
		number = dscp_value_parse(mapping, &value);
	if (number < 0)
		gremc_config_error_add(l, gremc_config_node_place(node), "`%s` of the DSCP %s accepts %s",
				       mapping->key->name, QUOTE(name->text), mapping->target);
	else
		mapping->value[dscp] = (uint8_t)number;
	return true;
}

static void dscp_mapping_read(struct loader *l, yaml_node_t *node, struct dscp_mapping *mapping)
{
	if (node->data.mapping.pairs.start == node->data.mapping.pairs.top)
		gremc_config_error_add(l, gremc_config_node_place(node),
				       "`%s` is an empty mapping; give it an entry, or remove it",
				       mapping->key->name);
	gremc_config_mapping_visit(l, node, dscp_entry_read, mapping);
}

void gremc_config_read_dscp_map(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct gremc_tunnel_options *options = &((struct tunnel_draft *)object)->tunnel.options;
	struct dscp_mapping mapping = {key, options->dscp_map, GREMC_DSCP_COUNT, 0,
				       "a number from 0 to 63, or a name such as `ef` or `af41`"};

	options->has_dscp_map = true;
	for (unsigned dscp = 0; dscp < GREMC_DSCP_COUNT; dscp++)
		options->dscp_map[dscp] = (uint8_t)(options->tos_inherit ? dscp : options->tos >> 2);
	dscp_mapping_read(l, node, &mapping);
}

void gremc_config_read_pcp(struct loader *l, const struct key *key, const struct value *value, void *object)
{
	struct gremc_config_port *port = &((struct port_draft *)object)->port;
	const bool by_dscp = strcmp(value->text, "dscp") == 0;
	uint64_t number = 0;

	if (!by_dscp &&
	    (value->quoted || !gremc_config_number_parse(value->text, &number) || number > key->maximum)) {
		gremc_config_text_reject(l, key, value);
		return;
	}
	for (unsigned dscp = 0; dscp < GREMC_DSCP_COUNT; dscp++)
		port->pcp[dscp] = (uint8_t)(by_dscp ? dscp >> 3 : number);
}

void gremc_config_read_pcp_map(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct gremc_config_port *port = &((struct port_draft *)object)->port;
	struct dscp_mapping mapping = {key, port->pcp, key->maximum + 1, 0, "a number from 0 to 7"};

	memset(port->pcp, 0, sizeof(port->pcp));
	dscp_mapping_read(l, node, &mapping);
}
