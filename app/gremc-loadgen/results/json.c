/* SPDX-License-Identifier: BSD-3-Clause */
/* Results as JSON. libyaml reads them, because JSON is YAML. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "results/output.h"

#define CELL 256

/* ---- write ---- */

static void json_string_write(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c == '\n')
			fputs("\\n", out);
		else if (*c < 0x20)
			fprintf(out, "\\u%04x", *c);
		else
			fputc(*c, out);
	}
	fputc('"', out);
}

static void json_row_write(FILE *out, const struct gremc_result *row)
{
	const char *separator = "";
	char cell[CELL];

	for (unsigned c = 0; c < gremc_column_count; c++) {
		const struct gremc_column *column = &gremc_columns[c];
		const char *const *text = (const void *)((const char *)row + column->offset);

		gremc_column_text_format(column, row, GREMC_NUMBER_EXACT, cell, sizeof(cell));
		if (cell[0] == '\0')
			continue;
		fprintf(out, "%s\"%s\": ", separator, column->name);
		if (column->kind == GREMC_COLUMN_text)
			json_string_write(out, *text);
		else
			fputs(cell, out);
		separator = ", ";
	}
}

int gremc_results_json_write(const struct gremc_results *results, const char *path)
{
	FILE *out = fopen(path, "we");

	if (out == NULL)
		return -1;
	fputs("{\"setup\": {", out);
	for (unsigned i = 0; i < results->fact_count; i++) {
		fputs(i ? ",\n  " : "\n  ", out);
		json_string_write(out, results->fact[i].name);
		fputs(": ", out);
		json_string_write(out, results->fact[i].value ? results->fact[i].value : "");
	}
	fputs("},\n \"results\": [", out);
	for (unsigned i = 0; i < results->count; i++) {
		fputs(i ? ",\n  {" : "\n  {", out);
		json_row_write(out, &results->row[i]);
		fputc('}', out);
	}
	fputs("]}\n", out);
	return fclose(out) ? -1 : 0;
}

/* ---- read ---- */

static void row_cell_read(struct gremc_result *row, const char *name, const char *value)
{
	for (unsigned c = 0; c < gremc_column_count; c++) {
		const struct gremc_column *column = &gremc_columns[c];
		void *at = (char *)row + column->offset;

		if (strcmp(column->name, name))
			continue;
		if (column->kind == GREMC_COLUMN_text)
			gremc_result_text_set(at, "%s", value);
		else if (column->kind == GREMC_COLUMN_count)
			*(uint64_t *)at = strtoull(value, NULL, 10);
		else
			*(double *)at = strtod(value, NULL);
	}
}

static const char *yaml_scalar_text(yaml_document_t *document, int index)
{
	yaml_node_t *node = yaml_document_get_node(document, index);

	return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static int results_row_read(struct gremc_results *results, yaml_document_t *document, yaml_node_t *node)
{
	struct gremc_result *row = gremc_results_row_add(results, "", NULL);

	if (row == NULL)
		return -ENOMEM;
	if (node == NULL || node->type != YAML_MAPPING_NODE)
		return -EINVAL;
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
		const char *name = yaml_scalar_text(document, p->key),
			   *value = yaml_scalar_text(document, p->value);

		if (name && value)
			row_cell_read(row, name, value);
	}
	return 0;
}

static int results_part_read(struct gremc_results *results, yaml_document_t *document, const char *name,
			     yaml_node_t *node)
{
	if (strcmp(name, "setup") == 0 && node->type == YAML_MAPPING_NODE) {
		for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
		     p++) {
			const char *fact = yaml_scalar_text(document, p->key),
				   *value = yaml_scalar_text(document, p->value);

			if (fact && value)
				gremc_results_fact_add(results, fact, "%s", value);
		}
	}
	if (strcmp(name, "results") == 0 && node->type == YAML_SEQUENCE_NODE)
		for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
		     i++) {
			int rc = results_row_read(results, document, yaml_document_get_node(document, *i));

			if (rc)
				return rc;
		}
	return 0;
}

static int results_document_read(struct gremc_results *results, yaml_document_t *document)
{
	yaml_node_t *root = yaml_document_get_root_node(document);
	int rc = root && root->type == YAML_MAPPING_NODE ? 0 : -EINVAL;

	for (yaml_node_pair_t *p = rc ? NULL : root->data.mapping.pairs.start;
	     rc == 0 && p < root->data.mapping.pairs.top; p++) {
		const char *name = yaml_scalar_text(document, p->key);
		yaml_node_t *node = yaml_document_get_node(document, p->value);

		if (name && node)
			rc = results_part_read(results, document, name, node);
	}
	return rc ? rc : results->count ? 0 : -EINVAL;
}

int gremc_results_json_read(struct gremc_results *results, const char *path, struct gremc_errors *errors)
{
	FILE *file = fopen(path, "re");
	yaml_document_t document;
	yaml_parser_t parser;
	int rc = -EINVAL;

	if (file == NULL) {
		gremc_errors_add(errors, path, 0, 0, "cannot be read: %s", strerror(errno));
		return -1;
	}
	if (yaml_parser_initialize(&parser)) {
		yaml_parser_set_input_file(&parser, file);
		if (yaml_parser_load(&parser, &document)) {
			rc = results_document_read(results, &document);
			yaml_document_delete(&document);
		}
		yaml_parser_delete(&parser);
	}
	fclose(file);
	if (rc)
		gremc_errors_add(errors, path, 0, 0,
				 "no results of gremc-loadgen: --json writes such a file");
	return rc ? -1 : 0;
}
