/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of the source tree and addresses, for the tests of the configuration. */
#ifndef GREMC_TESTS_UNIT_CONFIG_HELPERS_H
#define GREMC_TESTS_UNIT_CONFIG_HELPERS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"
#include "test.h"

/* The path of a file of the source tree, for free(). */
char *source_path(const char *name);
/* The content of a file of the source tree as a string, for free(). */
char *read_source(const char *name);
/* The IPv4 address of a text. */
rte_be32_t ipv4_of_text(const char *text);

#endif
