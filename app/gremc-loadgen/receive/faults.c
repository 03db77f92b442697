/* SPDX-License-Identifier: BSD-3-Clause */
#include "receive/faults.h"
#include "base/assert.h"

static const char *const fault_names[] = {
#define GREMC_X(kind, name, text) #name,
	GREMC_FAULTS(GREMC_X)
#undef GREMC_X
};
static const char *const fault_texts[] = {
#define GREMC_X(kind, name, text) text,
	GREMC_FAULTS(GREMC_X)
#undef GREMC_X
};

const char *gremc_fault_name(unsigned fault)
{
	gremc_assert(fault < GREMC_FAULT_COUNT);
	return fault_names[fault];
}

const char *gremc_fault_text(unsigned fault)
{
	gremc_assert(fault < GREMC_FAULT_COUNT);
	return fault_texts[fault];
}
