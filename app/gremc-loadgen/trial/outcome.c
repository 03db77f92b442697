/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "trial/outcome.h"

int gremc_outcome_fail(struct gremc_outcome *outcome, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(outcome->error, sizeof(outcome->error), format, arguments);
	va_end(arguments);
	outcome->failed = true;
	return error;
}

char *gremc_outcome_faults_format(const struct gremc_outcome *outcome, char *text, size_t size)
{
	size_t used = 0;

	snprintf(text, size, "none");
	for (unsigned i = 0; i < GREMC_FAULT_COUNT && used < size; i++)
		if (outcome->fault[i])
			used += (size_t)snprintf(text + used, size - used, "%s%s %" PRIu64, used ? ", " : "",
						 gremc_fault_name(i), outcome->fault[i]);
	return text;
}
