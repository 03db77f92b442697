/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages about a configuration: errors, warnings and notes, each with its place in a file. They are
 * collected while the configuration is loaded and reported in the order of the files. */
#ifndef GREMC_CONFIG_MESSAGES_PRIV_H
#define GREMC_CONFIG_MESSAGES_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct loader;

/* A position in a file: index in the loader's files, line and column from 1. line 0: the file as a whole. */
struct place {
	uint32_t file, line, column;
};

struct problem {
	struct place place;
	uint32_t order; /* of discovery; keeps the order of messages with one place */
	char *text;
};

/* All messages of one kind. */
struct problems {
	struct problem *list;
	uint32_t count;
};

/* One scalar as the user wrote it. */
struct value {
	const char *text;
	struct place place;
	bool quoted;
};

/* Returns: a number below, equal to or above 0: by file, line and column. */
int gremc_config_place_compare(struct place a, struct place b);
/* Add a file.
 * Returns: its index for places; 0 without memory, which the loader records. */
uint32_t gremc_config_file_add(struct loader *l, const char *path);
/* Add an error: the configuration does not load. */
void gremc_config_error_add(struct loader *l, struct place place, const char *format, ...)
	__rte_format_printf(3, 4);
/* Add a warning: the configuration loads, and a setting probably does not have its intended effect. */
void gremc_config_warning_add(struct loader *l, struct place place, const char *format, ...)
	__rte_format_printf(3, 4);
/* Add a note: the configuration loads, and a setting has no effect in this program. */
void gremc_config_note_add(struct loader *l, struct place place, const char *format, ...)
	__rte_format_printf(3, 4);
/* Append the errors to *errors, and warnings and notes to l->config.
 * Order:   by file, line and column. */
void gremc_config_messages_report(struct loader *l, struct gremc_errors *errors);
/* Free all messages and the list of files. */
void gremc_config_messages_fini(struct loader *l);

#define WHERE_TEXT 160 /* bytes of gremc_config_place_format() */
/* Write "line 3", or "FILE:3" if `from` is in another file.
 * Returns: text. */
char *gremc_config_place_format(char *text, const struct loader *l, struct place place, struct place from);

#define QUOTE_TEXT 72 /* bytes of gremc_config_text_quote() */
/* Copy a user's text for a message: of bounded length and without control characters.
 * Returns: buffer. */
char *gremc_config_text_quote(char *buffer, const char *text);
#define QUOTE(text)      gremc_config_text_quote((char[QUOTE_TEXT]){0}, text)
#define ADDRESS(address) gremc_addr_format((char[GREMC_ADDR_TEXT]){0}, address)
#define IPV4(address)    gremc_ipv4_format((char[GREMC_IPV4_TEXT]){0}, address)

/* Make space for one more entry of an array of `count`, which doubles.
 * Returns: the array; NULL without memory, which the loader records: the old array is unchanged. */
void *gremc_config_array_grow(struct loader *l, void *array, uint32_t count, size_t size);
/* Allocate a zeroed array, of one entry at least.
 * Returns: NULL without memory, which the loader records. */
void *gremc_config_array_alloc(struct loader *l, size_t count, size_t size);

#endif
