/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/keyword.h"

int gremc_keyword_parse(const struct gremc_keywords *keywords, const char *text)
{
	for (unsigned value = 0; value < keywords->count; value++)
		if (strcmp(keywords->name[value], text) == 0)
			return (int)value;
	return -ENOENT;
}

const char *gremc_keyword_name(const struct gremc_keywords *keywords, unsigned value)
{
	return value < keywords->count ? keywords->name[value] : "unknown";
}

char *gremc_keywords_format(char *text, size_t size, const struct gremc_keywords *keywords, unsigned first)
{
	size_t length = 0;

	gremc_assert(first < keywords->count && size > 0);
	for (unsigned value = first; value < keywords->count && length < size; value++) {
		const char *separator = value == first ? "" : value + 1 == keywords->count ? " or " : ", ";

		length += (size_t)snprintf(text + length, size - length, "%s`%s`", separator,
					   keywords->name[value]);
	}
	gremc_assert(length < size);
	return text;
}
