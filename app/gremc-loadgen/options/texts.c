/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "options/texts.h"

static struct gremc_option_text option_texts[] = {
#define GREMC_X(name, argument, standard, meaning) {argument, standard, meaning, #name},
	GREMC_OPTIONS(GREMC_X)
#undef GREMC_X
};

const struct gremc_option_text *gremc_option_text_get(enum gremc_option option)
{
	struct gremc_option_text *text = &option_texts[option];

	gremc_assert(option < GREMC_OPTION_COUNT);
	for (char *c = text->name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	return text;
}

int gremc_usage_error_print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return GREMC_EXIT_USAGE;
}
