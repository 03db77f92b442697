/* SPDX-License-Identifier: BSD-3-Clause */
/* The figures as JSON: the machine and the build, then a list for each command. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <rte_version.h>

#include "bench.h"

int bench_output_open(struct bench_output *output, const char *path,
		      const struct bench_environment *environment)
{
	char cpu[128];

	*output = (struct bench_output){0};
	bench_cpu_name(cpu, sizeof(cpu));
	printf("%s, TSC %.0f MHz; %s; %s; %s\n", cpu, (double)rte_get_tsc_hz() / 1e6, BENCH_BUILD,
	       rte_version(), environment->hugepages ? "huge pages" : "no huge pages");
	if (path == NULL)
		return 0;
	output->json = fopen(path, "we");
	if (output->json == NULL) {
		fprintf(stderr, "gremc-bench: %s: %s\n", path, strerror(errno));
		return -1;
	}
	fprintf(output->json,
		"{\"version\": \"%s\", \"tsc_hz\": %" PRIu64
		", \"cpu\": \"%s\", \"build\": \"%s\", \"dpdk\": \"%s\", \"hugepages\": %s",
		GREMC_VERSION, rte_get_tsc_hz(), cpu, BENCH_BUILD, rte_version(),
		environment->hugepages ? "true" : "false");
	return 0;
}

void bench_output_begin(struct bench_output *output, const char *name)
{
	if (output->json == NULL)
		return;
	fprintf(output->json, ",\n \"%s\": [", name);
	output->items = 0;
}

void bench_output_end(struct bench_output *output)
{
	if (output->json)
		fprintf(output->json, "\n ]");
}

void bench_output_item(struct bench_output *output, const char *format, ...)
{
	va_list arguments;

	if (output->json == NULL)
		return;
	fprintf(output->json, "%s\n  {", output->items++ ? "," : "");
	va_start(arguments, format);
	vfprintf(output->json, format, arguments);
	va_end(arguments);
	fputc('}', output->json);
}

int bench_output_close(struct bench_output *output)
{
	bool failed;

	if (output->json == NULL)
		return 0;
	fprintf(output->json, "\n}\n");
	failed = ferror(output->json);
	if (fclose(output->json) || failed) {
		fprintf(stderr, "gremc-bench: the JSON file is incomplete\n");
		return -1;
	}
	return 0;
}
