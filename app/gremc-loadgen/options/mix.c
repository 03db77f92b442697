/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "options/values.h"
#include "traffic/stamp.h"

#define SIZE_MAX_BYTES 9600

static void mix_size_add(struct gremc_mix *mix, uint16_t bytes, unsigned times)
{
	mix->size[mix->size_count] = (struct gremc_packet_size){.bytes = bytes, .outer = mix->outer};
	for (unsigned i = 0; i < times; i++)
		mix->pattern[mix->pattern_count++] = mix->size_count;
	mix->size_count++;
}

/* Seven packets of 64 bytes, four of 570 and one of 1400, with the small ones spread over the pattern. */
static void mix_imix_make(struct gremc_mix *mix)
{
	static const uint8_t pattern[] = {0, 1, 0, 1, 0, 2, 0, 1, 0, 1, 0, 0};

	mix_size_add(mix, 64, 7);
	mix_size_add(mix, 570, 4);
	mix_size_add(mix, 1400, 1);
	memcpy(mix->pattern, pattern, sizeof(pattern));
}

int gremc_mix_parse(const char *text, struct gremc_mix *mix)
{
	const char *rest = text;
	char *end;
	unsigned long bytes;

	*mix = (struct gremc_mix){0};
	if (!gremc_text_copy(mix->name, sizeof(mix->name), text))
		return -EINVAL;
	if (strncmp(rest, "outer:", 6) == 0) {
		mix->outer = true;
		rest += 6;
	} else if (strncmp(rest, "inner:", 6) == 0) {
		rest += 6;
	}
	if (strcmp(rest, "imix") == 0) {
		mix_imix_make(mix);
		return 0;
	}
	if (!isdigit((unsigned char)rest[0]))
		return -EINVAL;
	bytes = strtoul(rest, &end, 10);
	if (*end || bytes > SIZE_MAX_BYTES || (!mix->outer && bytes < GREMC_INNER_MIN))
		return -EINVAL;
	mix_size_add(mix, (uint16_t)bytes, 1);
	return 0;
}
