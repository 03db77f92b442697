/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static void errors_append_line(struct gremc_errors *errors, const char *line, size_t length)
{
	char *text = realloc(errors->text, errors->length + length + 1);

	if (text == NULL)
		return; /* the count still includes the error */
	memcpy(text + errors->length, line, length + 1);
	errors->text = text;
	errors->length += length;
}

void gremc_errors_add(struct gremc_errors *errors, const char *file, unsigned line, unsigned column,
		      const char *format, ...)
{
	char *message = NULL, *whole = NULL;
	va_list arguments;
	int length;

	errors->count++;
	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	va_end(arguments);
	if (message == NULL)
		return;
	if (file == NULL)
		length = asprintf(&whole, "%s\n", message);
	else if (line == 0)
		length = asprintf(&whole, "%s: %s\n", file, message);
	else
		length = asprintf(&whole, "%s:%u:%u: %s\n", file, line, column, message);
	if (length >= 0) {
		errors_append_line(errors, whole, length);
		free(whole);
	}
	free(message);
}

void gremc_errors_log(const struct gremc_errors *errors)
{
	if (errors->text == NULL)
		GREMC_LOG(ERR, "out of memory");
	for (const char *line = errors->text; line && *line;) {
		const char *end = strchrnul(line, '\n');

		GREMC_LOG(ERR, "%.*s", (int)(end - line), line);
		line = *end ? end + 1 : end;
	}
}

void gremc_errors_fini(struct gremc_errors *errors)
{
	free(errors->text);
	*errors = (struct gremc_errors){0};
}
