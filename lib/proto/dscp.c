/* SPDX-License-Identifier: BSD-3-Clause */
#include "proto/dscp.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_common.h>

static const struct {
	const char *name;
	uint8_t dscp;
} names[] = {
	{"be", 0},    {"df", 0},    {"le", 1},    {"cs0", 0},   {"cs1", 8},   {"cs2", 16},  {"cs3", 24},
	{"cs4", 32},  {"cs5", 40},  {"cs6", 48},  {"cs7", 56},  {"af11", 10}, {"af12", 12}, {"af13", 14},
	{"af21", 18}, {"af22", 20}, {"af23", 22}, {"af31", 26}, {"af32", 28}, {"af33", 30}, {"af41", 34},
	{"af42", 36}, {"af43", 38}, {"va", 44},   {"ef", 46},
};

int gremc_dscp_parse(const char *name)
{
	for (size_t i = 0; i < RTE_DIM(names); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].dscp;
	return -ENOENT;
}
