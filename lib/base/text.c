/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"

bool gremc_text_copy(char *to, size_t size, const char *text)
{
	size_t length = strnlen(text, size);
	bool fits = length < size;

	gremc_assert(size > 0);
	if (!fits)
		length = size - 1;
	memcpy(to, text, length);
	to[length] = '\0';
	return fits;
}
