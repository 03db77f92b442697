/* SPDX-License-Identifier: BSD-3-Clause */
/* cmocka.h needs these headers before it. */
#ifndef GREMC_TESTS_UNIT_TEST_H
#define GREMC_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
