/* SPDX-License-Identifier: BSD-3-Clause */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const char usage[] =
	"gremc-bench [COMMAND] [OPTION]...: measure the cost of a replica against a baseline\n"
	"\n"
	"Commands:\n"
	"  points     cost of a replica and of the baseline (the default): at chosen points, or at the point of the "
	"options\n"
	"  malformed  cost of packets that are not forwarded, and of a good one\n"
	"  table      memory of mroutes; mroutes added, replaced and removed per second\n"
	"  publish    time from a new mroute to its first replica, under load\n"
	"  shard      one mroute's oil on two lcores, and on one\n"
	"  spread     received flows on two lcores, and on one\n"
	"  all        all of these\n"
	"  stages     cost of each stage, at one point\n"
	"  count      a fixed sequence of packets for callgrind (tests/bench/test_gate.py)\n"
	"\n"
	"The point:\n"
	"  --fanout N    outgoing interfaces of each mroute, 1 to 65535 (16; table, publish: 4; shard, spread: several)\n"
	"  --size N      bytes of the inner packet, 64 to 1400 (64)\n"
	"  --groups N    mroutes, 1 to 1048576 (1024; table: 1000000)\n"
	"  --tunnels N   1 to 65536, at least one more than the fan-out (1024)\n"
	"  --burst N     packets received together, 1 to 64 (32)\n"
	"  --mode MODE   copy, share, or auto: by the default copy threshold (auto)\n"
	"The measurement:\n"
	"  --quick       shorter runs\n"
	"  --grid        points: every combination; takes half an hour\n"
	"  --seconds S   for each point\n"
	"  --json FILE   write the figures to FILE, too\n"
	"  --cpus LIST   CPUs to run on (the last ones allowed; table, publish, shard and spread: two)\n"
	"  --memory MIB  for DPDK (2048); in huge pages if enough are free\n"
	"  --no-huge     do not use huge pages\n"
	"  --simd BITS   DPDK's --force-max-simd-bitwidth\n"
	"  --packets N   count: packets of one run (1024)\n"
	"\n"
	"docs/performance.md describes the measurements and the figures.\n";

struct command {
	const char *name;
	int (*command_run)(const struct bench_environment *environment,
			   const struct bench_arguments *arguments, struct bench_output *output);
	unsigned lcores;
	uint32_t fanout, groups; /* defaults */
	bool all;                /* part of `all` */
};

static const struct command commands[] = {
	{"points", bench_points, 1, 16, 1024, true},  {"malformed", bench_malformed, 1, 1, 1024, true},
	{"table", bench_table, 2, 4, 1000000, true},  {"publish", bench_publish, 2, 4, 1000, true},
	{"shard", bench_shard, 2, 4096, 1, true},     {"spread", bench_spread, 2, 16, 1024, true},
	{"stages", bench_stages, 1, 16, 1024, false}, {"count", bench_count, 1, 16, 64, false},
};

enum option_code {
	FANOUT = 256,
	SIZE,
	GROUPS,
	TUNNELS,
	BURST,
	MODE,
	QUICK,
	GRID,
	SECONDS,
	JSON,
	CPUS,
	MEMORY,
	NO_HUGE,
	SIMD,
	PACKETS,
	HELP
};

static const struct option bench_options_table[] = {
	{"fanout", required_argument, NULL, FANOUT},
	{"size", required_argument, NULL, SIZE},
	{"groups", required_argument, NULL, GROUPS},
	{"tunnels", required_argument, NULL, TUNNELS},
	{"burst", required_argument, NULL, BURST},
	{"mode", required_argument, NULL, MODE},
	{"quick", no_argument, NULL, QUICK},
	{"grid", no_argument, NULL, GRID},
	{"seconds", required_argument, NULL, SECONDS},
	{"json", required_argument, NULL, JSON},
	{"cpus", required_argument, NULL, CPUS},
	{"memory", required_argument, NULL, MEMORY},
	{"no-huge", no_argument, NULL, NO_HUGE},
	{"simd", required_argument, NULL, SIMD},
	{"packets", required_argument, NULL, PACKETS},
	{"help", no_argument, NULL, HELP},
	{0},
};

/* Parse the number of an option, or exit. */
static uint32_t number_parse(const char *option, const char *text, uint32_t least, uint32_t most)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < least || value > most) {
		fprintf(stderr, "gremc-bench: --%s: %s; right would be %u to %u\n", option, text, least,
			most);
		exit(2);
	}
	return (uint32_t)value;
}

static enum bench_mode mode_parse(const char *text)
{
	if (strcmp(text, "copy") == 0)
		return BENCH_COPY;
	if (strcmp(text, "share") == 0)
		return BENCH_SHARE;
	if (strcmp(text, "auto") == 0)
		return BENCH_AUTO;
	fprintf(stderr, "gremc-bench: --mode: %s; right would be copy, share or auto\n", text);
	exit(2);
}

static double seconds_parse(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (*end == '\0' && seconds > 0 && seconds <= 3600)
		return seconds;
	fprintf(stderr, "gremc-bench: --seconds: %s; right would be more than 0, up to 3600\n", text);
	exit(2);
}

static void option_apply(int option, const char *value, struct bench_arguments *arguments,
			 struct bench_options *options)
{
	struct bench_point *point = &arguments->point;

	arguments->one |= option >= FANOUT && option <= MODE;
	switch (option) {
	case FANOUT:
		point->fanout = number_parse("fanout", value, 1, GREMC_FANOUT_MAX);
		break;
	case SIZE:
		point->size = number_parse("size", value, 64, 1400);
		break;
	case GROUPS:
		point->groups = number_parse("groups", value, 1, GREMC_MROUTES_MAX);
		break;
	case TUNNELS:
		point->tunnels = number_parse("tunnels", value, 1, 65536);
		break;
	case BURST:
		point->burst = number_parse("burst", value, 1, GREMC_BURST);
		break;
	case MODE:
		point->mode = mode_parse(value);
		break;
	case QUICK:
		arguments->quick = true;
		break;
	case GRID:
		arguments->grid = true;
		break;
	case SECONDS:
		arguments->seconds = seconds_parse(value);
		break;
	case JSON:
		arguments->json = value;
		break;
	case CPUS:
		options->cpus = value;
		break;
	case MEMORY:
		options->memory = number_parse("memory", value, 256, 65536);
		break;
	case NO_HUGE:
		options->no_huge = true;
		break;
	case SIMD:
		options->simd = number_parse("simd", value, 64, 512);
		break;
	case PACKETS:
		arguments->packets = number_parse("packets", value, 32, 1u << 20);
		break;
	case HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs("gremc-bench: see --help\n", stderr);
		exit(2);
	}
}

static const struct command *command_find(const char *name)
{
	for (unsigned i = 0; i < RTE_DIM(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	fprintf(stderr, "gremc-bench: no command '%s'; see --help\n", name);
	exit(2);
}

static int command_run(const struct command *command, const struct bench_environment *environment,
		       const struct bench_arguments *given, struct bench_output *output)
{
	struct bench_arguments arguments = *given;

	if (arguments.point.fanout == 0)
		arguments.point.fanout = command->fanout;
	if (arguments.point.groups == 0)
		arguments.point.groups = command->groups;
	return command->command_run(environment, &arguments, output);
}

int main(int argc, char **argv)
{
	struct bench_arguments arguments = {.point = {.size = 64, .tunnels = 1024, .burst = 32},
					    .packets = 1024};
	struct bench_options options = {.lcores = 1, .memory = 2048};
	struct bench_environment environment;
	const struct command *command = NULL;
	struct bench_output output;
	int option, status = 0;
	bool all;

	while ((option = getopt_long(argc, argv, "", bench_options_table, NULL)) != -1)
		option_apply(option, optarg, &arguments, &options);
	if (optind + 1 < argc) {
		fputs("gremc-bench: one command at a time\n", stderr);
		return 2;
	}
	all = optind < argc && strcmp(argv[optind], "all") == 0;
	if (!all)
		command = command_find(optind < argc ? argv[optind] : "points");
	options.lcores = command ? command->lcores : 2;
	if (bench_environment_init(&environment, &options) ||
	    bench_output_open(&output, arguments.json, &environment))
		return 1;
	arguments.alone = !all;
	if (command)
		status = command_run(command, &environment, &arguments, &output);
	for (unsigned i = 0; all && i < RTE_DIM(commands) && status == 0; i++)
		if (commands[i].all)
			status = command_run(&commands[i], &environment, &arguments, &output);
	if (bench_output_close(&output))
		status = 1;
	bench_environment_fini(&environment);
	return status;
}
