/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages are collected with their places and reported in the order of the file. Sections are read in
 * another order, and checks across sections come last. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

int gremc_config_place_compare(struct place a, struct place b)
{
	if (a.file != b.file)
		return a.file < b.file ? -1 : 1;
	if (a.line != b.line)
		return a.line < b.line ? -1 : 1;
	return a.column < b.column ? -1 : a.column > b.column;
}

uint32_t gremc_config_file_add(struct loader *l, const char *path)
{
	char **files = gremc_config_array_grow(l, l->files, l->file_count, sizeof(*files));

	if (files == NULL)
		return 0;
	l->files = files;
	l->files[l->file_count] = strdup(path);
	if (l->files[l->file_count] == NULL) {
		l->no_memory = true;
		return 0;
	}
	return l->file_count++;
}

static void message_add(struct loader *l, struct problems *problems, struct place place, const char *format,
			va_list arguments)
{
	struct problem *list = gremc_config_array_grow(l, problems->list, problems->count, sizeof(*list));
	struct problem *problem;

	if (list == NULL)
		return;
	problems->list = list;
	problem = &list[problems->count];
	*problem = (struct problem){.place = place, .order = problems->count};
	if (vasprintf(&problem->text, format, arguments) < 0) {
		problem->text = NULL;
		l->no_memory = true;
	}
	problems->count++;
}

void gremc_config_error_add(struct loader *l, struct place place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	message_add(l, &l->problems, place, format, arguments);
	va_end(arguments);
}

void gremc_config_warning_add(struct loader *l, struct place place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	message_add(l, &l->warnings, place, format, arguments);
	va_end(arguments);
}

void gremc_config_note_add(struct loader *l, struct place place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	message_add(l, &l->notes, place, format, arguments);
	va_end(arguments);
}

static int message_compare(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;
	const int order = gremc_config_place_compare(x->place, y->place);

	if (order)
		return order;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Whether two messages are equal: each use of an alias (`*name`) reads its anchor again. */
static bool message_is_repeated(const struct problem *a, const struct problem *b)
{
	return a->place.file == b->place.file && a->place.line == b->place.line &&
	       a->place.column == b->place.column && a->text && b->text && strcmp(a->text, b->text) == 0;
}

static void messages_report(const struct loader *l, const struct problems *problems, const char *kind,
			    struct gremc_errors *errors)
{
	if (problems->count)
		qsort(problems->list, problems->count, sizeof(*problems->list), message_compare);
	for (uint32_t i = 0; i < problems->count; i++) {
		const struct problem *problem = &problems->list[i];
		const char *file = problem->place.file < l->file_count ? l->files[problem->place.file] : NULL;

		if (problem->text && (i == 0 || !message_is_repeated(problem - 1, problem)))
			gremc_errors_add(errors, file, problem->place.line, problem->place.column, "%s%s",
					 kind, problem->text);
	}
}

void gremc_config_messages_report(struct loader *l, struct gremc_errors *errors)
{
	messages_report(l, &l->problems, "", errors);
	if (l->no_memory)
		gremc_errors_add(errors, NULL, 0, 0, "out of memory while loading the configuration");
	messages_report(l, &l->warnings, "warning: ", &l->config->warnings);
	messages_report(l, &l->notes, "note: ", &l->config->notes);
}

static void messages_fini(struct problems *problems)
{
	for (uint32_t i = 0; i < problems->count; i++)
		free(problems->list[i].text);
	free(problems->list);
}

void gremc_config_messages_fini(struct loader *l)
{
	messages_fini(&l->problems);
	messages_fini(&l->warnings);
	messages_fini(&l->notes);
	for (uint32_t i = 0; i < l->file_count; i++)
		free(l->files[i]);
	free(l->files);
}

char *gremc_config_place_format(char *text, const struct loader *l, struct place place, struct place from)
{
	gremc_assert(place.file < l->file_count && from.file < l->file_count);
	if (place.file == from.file || place.file >= l->file_count)
		snprintf(text, WHERE_TEXT, "line %u", place.line);
	else
		snprintf(text, WHERE_TEXT, "%s:%u", l->files[place.file], place.line);
	return text;
}

char *gremc_config_text_quote(char *buffer, const char *text)
{
	const size_t capacity = QUOTE_TEXT - 4; /* less the dots and the NUL */
	size_t length = 0;

	for (; text[length] && length < capacity; length++) {
		unsigned char c = text[length];

		buffer[length] = c < 0x20 || c == 0x7f ? '?' : text[length];
	}
	if (text[length]) {
		/* do not cut a character of several bytes */
		while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
		memcpy(buffer + length, "...", 3);
		length += 3;
	}
	buffer[length] = '\0';
	return buffer;
}

void *gremc_config_array_grow(struct loader *l, void *array, uint32_t count, size_t size)
{
	void *grown;

	/* the array is full if the count is 0 or a power of two */
	if (count & (count - 1))
		return array;
	grown = realloc(array, (count ? 2 * (size_t)count : 1) * size);
	if (grown == NULL)
		l->no_memory = true;
	return grown;
}

void *gremc_config_array_alloc(struct loader *l, size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	if (memory == NULL)
		l->no_memory = true;
	return memory;
}
