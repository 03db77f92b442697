/* SPDX-License-Identifier: BSD-3-Clause */
#include "traffic/stamp.h"

uint8_t gremc_pattern[GREMC_PATTERN_SIZE];
uint16_t gremc_pattern_sum[GREMC_PATTERN_SIZE + 1];

void gremc_pattern_init(void)
{
	uint64_t x = UINT64_C(0x9e3779b97f4a7c15), sum = 0;
	uint16_t word;

	for (unsigned i = 0; i < GREMC_PATTERN_SIZE; i++) {
		x ^= x << 13; /* xorshift64: adjacent bytes differ */
		x ^= x >> 7;
		x ^= x << 17;
		gremc_pattern[i] = (uint8_t)(x >> 32);
	}
	for (unsigned length = GREMC_STAMP_LENGTH; length < GREMC_PATTERN_SIZE; length += 2) {
		uint8_t odd[2] = {gremc_pattern[length], 0};

		gremc_pattern_sum[length] = gremc_sum_fold(sum);
		memcpy(&word, odd, sizeof(word));
		gremc_pattern_sum[length + 1] = gremc_sum_fold(sum + word);
		memcpy(&word, &gremc_pattern[length], sizeof(word));
		sum += word;
	}
	gremc_pattern_sum[GREMC_PATTERN_SIZE] = gremc_sum_fold(sum);
}
