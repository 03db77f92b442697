/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates and sizes as people write them. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "options.h"
#include "stamp.h"

#define SIZE_MOST 9600

static double rate_multiplier_parse(const char **text)
{
	switch (**text) {
	case 'k':
		(*text)++;
		return 1e3;
	case 'M':
		(*text)++;
		return 1e6;
	case 'G':
		(*text)++;
		return 1e9;
	default:
		return 1;
	}
}

int gremc_rate_parse(const char *text, struct gremc_rate *rate)
{
	char *end;
	const char *unit;
	double value;

	if (!isdigit((unsigned char)text[0]) && text[0] != '.')
		return -EINVAL; /* strtod() would take signs, spaces, hexadecimal and "inf" */
	value = strtod(text, &end);
	unit = end;
	value *= rate_multiplier_parse(&unit);
	if (strcmp(unit, "%") == 0)
		*rate = (struct gremc_rate){value, GREMC_RATE_PERCENT};
	else if (strcasecmp(unit, "bps") == 0 || strcasecmp(unit, "bit/s") == 0)
		*rate = (struct gremc_rate){value, GREMC_RATE_BPS};
	else if (*unit == '\0' || strcasecmp(unit, "pps") == 0)
		*rate = (struct gremc_rate){value, GREMC_RATE_PPS};
	else
		return -EINVAL;
	return value > 0 && value < 1e13 && (rate->unit != GREMC_RATE_PERCENT || value <= 100) ? 0 : -EINVAL;
}

static void mix_size_add(struct gremc_mix *mix, uint16_t bytes, unsigned times)
{
	mix->size[mix->size_count] = (struct gremc_size){.bytes = bytes, .outer = mix->outer};
	for (unsigned i = 0; i < times; i++)
		mix->pattern[mix->pattern_count++] = mix->size_count;
	mix->size_count++;
}

/* The seven small ones are not sent in a row. */
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
	if (strlen(text) >= sizeof(mix->name))
		return -EINVAL;
	strcpy(mix->name, text);
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
	if (*end || bytes > SIZE_MOST || (!mix->outer && bytes < GREMC_INNER_MIN))
		return -EINVAL;
	mix_size_add(mix, (uint16_t)bytes, 1);
	return 0;
}
