/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "options.h"

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},   {"ifcfg", required_argument, NULL, 'i'},
	{"takeover", required_argument, NULL, 't'}, {"check", no_argument, NULL, 'k'},
	{"no-idle", no_argument, NULL, 'n'},        {"version", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},           {"help-config", no_argument, NULL, 'H'},
	{"help-telemetry", no_argument, NULL, 'T'}, {NULL, 0, NULL, 0},
};

void gremc_options_help(FILE *out, const char *program)
{
	fprintf(out,
		"usage: %s [EAL options] -- --config FILE [options]\n"
		"       %s --check FILE\n"
		"Forward multicast between GRE tunnels.\n"
		"\n"
		"  --config FILE   YAML: ports, bonds, tunnels and multicast routes (see --help-config)\n"
		"  --ifcfg DIR     also the tunnels of the files DIR/ifcfg-* with TYPE=GRE\n"
		"  --check [FILE]  load and check the configuration, print every error, and end\n"
		"  --takeover IFACE\n"
		"                  replace the kernel's interface IFACE by the host interface of that name, which\n"
		"                  gets its addresses, routes and MAC address\n"
		"  --no-idle       poll without sleeping: a whole core for each polling lcore\n"
		"  --help-config   every key of the configuration: type, default and meaning\n"
		"  --help-telemetry\n"
		"                  every command of the telemetry socket\n"
		"  --version       this program's version and DPDK's\n"
		"  --help          this text\n"
		"\n"
		"EAL options belong to DPDK and precede the `--`:\n"
		"  -l 0,1,2        CPUs: the first one controls, the others forward; a single one does both\n"
		"  -a ADDRESS      the PCI address of a NIC, or --vdev DEVICE; once for each\n"
		"  --no-huge -m 512 --no-pci   a trial without huge pages and without NICs\n"
		"\n"
		"Signals: SIGHUP loads the configuration again, SIGTERM and SIGINT stop.\n"
		"Exit codes: 0 stopped on request, 2 usage, 78 configuration, 1 anything else.\n",
		program, program);
}

/* Returns: the index of the `--` in front of the program's arguments; 0: there is none. */
static int separator_find(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return i;
	return 0;
}

static int usage_refuse(const char *program, const char *problem, const char *argument)
{
	fprintf(stderr, "%s: %s%s%s; see %s --help\n", program, problem, argument ? " " : "",
		argument ? argument : "", program);
	return GREMC_EXIT_USAGE;
}

static int options_check(const struct gremc_options *options, const char *program)
{
	if (options->action == GREMC_CHECK && options->source.config == NULL && options->source.ifcfg == NULL)
		return usage_refuse(program, "--check needs a FILE, --config FILE or --ifcfg DIR", NULL);
	if (options->action == GREMC_RUN && options->source.config == NULL)
		return usage_refuse(
			program,
			options->source.ifcfg
				? "--ifcfg gives tunnels only: ports and mroutes come from --config FILE"
				: "--config FILE is missing",
			NULL);
	return 0;
}

static void option_set(struct gremc_options *options, int option)
{
	switch (option) {
	case 'c':
		options->source.config = optarg;
		break;
	case 'i':
		options->source.ifcfg = optarg;
		break;
	case 't':
		options->takeover = optarg;
		break;
	case 'k':
		options->action = GREMC_CHECK;
		break;
	case 'n':
		options->source.no_idle = true;
		break;
	case 'v':
		options->action = GREMC_SHOW_VERSION;
		break;
	case 'h':
		options->action = GREMC_SHOW_HELP;
		break;
	case 'H':
		options->action = GREMC_SHOW_HELP_CONFIG;
		break;
	case 'T':
		options->action = GREMC_SHOW_HELP_TELEMETRY;
		break;
	}
}

int gremc_options_parse(struct gremc_options *options, int argc, char **argv)
{
	const char *program = program_invocation_short_name;
	int start = separator_find(argc, argv), option;

	*options =
		(struct gremc_options){.action = GREMC_RUN, .eal_argc = start ? start : 1, .eal_argv = argv};
	argc -= start;
	argv += start;
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (option == ':')
			return usage_refuse(program, "an argument is missing after", argv[optind - 1]);
		if (option == '?')
			return usage_refuse(program,
					    start ? "unknown option"
						  : "unknown option (EAL options end with `--`):",
					    argv[optind - 1]);
		option_set(options, option);
	}
	if (optind < argc && options->action == GREMC_CHECK && options->source.config == NULL)
		options->source.config = argv[optind++];
	if (optind < argc)
		return usage_refuse(program, "unexpected argument", argv[optind]);
	return options_check(options, program);
}
