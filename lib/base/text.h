/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts in arrays of fixed size. */
#ifndef GREMC_BASE_TEXT_H
#define GREMC_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copy a text to an array of `size` > 0 bytes. A text that is too long is cut to size - 1 bytes and a NUL.
 * The two do not overlap.
 * Returns: whether the whole text fits. */
bool gremc_text_copy(char *to, size_t size, const char *text);

#endif
