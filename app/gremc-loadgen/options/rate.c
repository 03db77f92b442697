/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "options/values.h"

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
		return -EINVAL; /* strtod() accepts signs, spaces, hexadecimal and "inf" */
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
