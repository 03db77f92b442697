/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions that no code of lib/ and app/ may call: a use of their names does not compile.
 *
 * The build includes this file before each C file of these folders (`-include`). It first includes the
 * headers of the C library that use the names themselves. The comments name the replacements. */
#ifndef GREMC_BASE_POISON_H
#define GREMC_BASE_POISON_H

#include <alloca.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Copies without a size or without a NUL: gremc_text_copy(), and snprintf() to append. */
#pragma GCC poison strcpy stpcpy strcat strncpy stpncpy strncat
/* Output and input without a size: snprintf(), vsnprintf(), getline(). */
#pragma GCC poison sprintf vsprintf gets
/* Memory of the stack without a limit: an array of constant size, or malloc(). */
#undef alloca
#undef strdupa
#undef strndupa
#pragma GCC poison alloca strdupa strndupa
/* Static buffers that threads share: strsep(), the functions with the suffix _r, gremc_addr_format(). */
#pragma GCC poison strtok asctime ctime gmtime localtime inet_ntoa
/* No distinction between 0 and an error: strtol() and strtoul() with a check of the end, gremc_addr_parse().
 */
#pragma GCC poison atoi atol atoll atof inet_addr inet_aton
/* Names that another process can take first: mkstemp(). */
#pragma GCC poison mktemp tmpnam tempnam
/* A shell of root. */
#pragma GCC poison popen
/* Few random bits, and a state that threads share: rte_rand(). */
#pragma GCC poison rand srand

#endif
