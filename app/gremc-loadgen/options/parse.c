/* SPDX-License-Identifier: BSD-3-Clause */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "options/actions.h"
#include "options/parse.h"
#include "options/set.h"
#include "options/texts.h"

void gremc_loadgen_help_print(FILE *out, const char *program)
{
	fprintf(out,
		"usage: %s [EAL options] -- TEST --dut-config FILE [options]\n"
		"       %s make-config [--tunnels N] [--groups G] [--fanout F[,F...]]\n"
		"       %s report RESULT.json... --report FILE\n"
		"Send traffic to a GRE multicast forwarder and check every replica that returns.\n"
		"\n"
		"tests:\n",
		program, program, program);
	gremc_actions_help_print(out);
	fprintf(out, "\noptions ([default]; a RATE is that of packets into the forwarder):\n");
	for (unsigned i = 0; i < GREMC_OPTION_COUNT; i++) {
		const struct gremc_option_text *text = gremc_option_text_get((enum gremc_option)i);
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", text->name, *text->argument ? " " : "",
			 text->argument);
		fprintf(out, "  %-26s %s%s%s%s\n", left, text->meaning, *text->standard ? " [" : "",
			text->standard, *text->standard ? "]" : "");
	}
	fprintf(out,
		"\nEAL options are DPDK's: -l 0,1,2 (the first lcore controls, the others send and receive), -a or --vdev\n"
		"for each device. Exit codes: 0 no test failed, 1 a test failed or could not run, 2 usage,\n"
		"78 configuration.\n");
}

/* ---- defaults ---- */

/* Set the default of an option that the user did not give. */
static int option_default_set(struct gremc_loadgen_options *o, enum gremc_option option, const char *quick)
{
	const char *standard = o->quick && quick ? quick : gremc_option_text_get(option)->standard;
	int rc;

	if (o->given[option])
		return 0;
	rc = gremc_option_set(o, option, standard);
	o->given[option] = NULL;
	return rc;
}

static int option_defaults_set(struct gremc_loadgen_options *o)
{
	static const struct {
		enum gremc_option option;
		const char *quick; /* default with --quick; NULL: the usual default */
	} list[] = {
		{GREMC_OPTION_size, NULL},         {GREMC_OPTION_rate, NULL},
		{GREMC_OPTION_senders, NULL},      {GREMC_OPTION_groups_per_route, NULL},
		{GREMC_OPTION_duration, "0.3"},    {GREMC_OPTION_latency_duration, "1"},
		{GREMC_OPTION_repeat, NULL},       {GREMC_OPTION_warmup, "0.1"},
		{GREMC_OPTION_settle, "0.2"},      {GREMC_OPTION_resolution, "2"},
		{GREMC_OPTION_confirm, "5"},       {GREMC_OPTION_step, "20"},
		{GREMC_OPTION_burst, "20000"},     {GREMC_OPTION_unicast, "10"},
		{GREMC_OPTION_burden, NULL},       {GREMC_OPTION_igmp, NULL},
		{GREMC_OPTION_join_group, NULL},   {GREMC_OPTION_join_wait, "1"},
		{GREMC_OPTION_join_groups, "128"}, {GREMC_OPTION_tx_lcores, NULL},
		{GREMC_OPTION_link_wait, NULL},    {GREMC_OPTION_label, NULL},
		{GREMC_OPTION_tunnels, NULL},      {GREMC_OPTION_groups, NULL},
		{GREMC_OPTION_device, NULL},
	};

	for (unsigned i = 0; i < RTE_DIM(list); i++)
		if (option_default_set(o, list[i].option, list[i].quick))
			return GREMC_EXIT_USAGE;
	/* The RFC requires the whole waiting time; --quick and --settle wait only until all replicas have
	 * arrived. */
	o->settle_whole = !o->quick && o->given[GREMC_OPTION_settle] == NULL;
	o->tested_by_rfc = o->duration >= 60 && o->settle >= 2 && o->confirm == 1;
	return 0;
}

/* ---- the command line ---- */

/* Returns: the index of `--`, which ends the EAL options; 0 if there are none. */
static int eal_arguments_end(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return i;
	return 0;
}

static int options_validate(const struct gremc_loadgen_options *o)
{
	enum gremc_action_needs needs;

	if (o->shown_help || o->shown_version)
		return 0;
	if (o->test == NULL)
		return gremc_usage_error_print(
			"missing test: rate, throughput, loss, latency, suite and others; see --help");
	if (gremc_action_needs_get(o->test, &needs))
		return gremc_usage_error_print("unknown test `%s`; see --help", o->test);
	if (needs == GREMC_NEEDS_FORWARDER && o->dut_config == NULL)
		return gremc_usage_error_print(
			"missing --dut-config FILE: the configuration of the forwarder (make-config prints one for "
			"forwarder and generator)");
	if (needs == GREMC_NEEDS_RESULTS && (o->operand_count == 0 || o->report == NULL))
		return gremc_usage_error_print("report needs at least one RESULT.json and --report FILE");
	if (needs != GREMC_NEEDS_RESULTS && o->operand_count)
		return gremc_usage_error_print("unexpected argument `%s`", o->operand[0]);
	return 0;
}

int gremc_loadgen_options_parse(struct gremc_loadgen_options *o, int argc, char **argv)
{
	struct option list[GREMC_OPTION_COUNT + 1] = {0};
	int start = eal_arguments_end(argc, argv), option;

	*o = (struct gremc_loadgen_options){.eal_argc = start ? start : 1, .eal_argv = argv};
	for (int i = 0; i < GREMC_OPTION_COUNT; i++) {
		const struct gremc_option_text *text = gremc_option_text_get((enum gremc_option)i);

		list[i] = (struct option){text->name, *text->argument ? required_argument : no_argument, NULL,
					  i + 1};
	}
	argc -= start;
	argv += start;
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", list, NULL)) != -1) {
		if (option == ':')
			return gremc_usage_error_print("missing argument after %s", argv[optind - 1]);
		if (option == '?')
			return gremc_usage_error_print("unknown option %s%s; see --help", argv[optind - 1],
						       start ? "" : " (EAL options end with `--`)");
		if (gremc_option_set(o, (enum gremc_option)(option - 1), optarg))
			return GREMC_EXIT_USAGE;
	}
	if (optind < argc)
		o->test = argv[optind++];
	o->operand = &argv[optind];
	o->operand_count = argc - optind;
	if (option_defaults_set(o))
		return GREMC_EXIT_USAGE;
	return options_validate(o);
}
