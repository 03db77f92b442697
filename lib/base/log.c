/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/base.h"

RTE_LOG_REGISTER(gremc_logtype, gremc, INFO)
