/* SPDX-License-Identifier: BSD-3-Clause */
/* The entry point of a fuzzer, which libFuzzer calls, and its check. */
#ifndef GREMC_TESTS_FUZZ_FUZZ_H
#define GREMC_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Process one input.
 * Returns: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* End the fuzzer with a report of the input unless the condition holds. */
static inline void fuzz_require(bool condition)
{
	if (!condition)
		abort();
}

#endif
