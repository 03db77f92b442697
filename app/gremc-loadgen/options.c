/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "tests.h"

#define RFC_SIZES "64,128,256,512,1024,1280,1400"

struct option_text {
	const char *argument, *standard, *meaning;
	char name[32];
};

static struct option_text option_texts[] = {
#define GREMC_X(name, argument, standard, meaning) {argument, standard, meaning, #name},
	GREMC_OPTIONS(GREMC_X)
#undef GREMC_X
};

/* Names are written with hyphens. */
static void option_names_spell(void)
{
	for (unsigned i = 0; i < GREMC_OPTION_COUNT; i++)
		for (char *c = option_texts[i].name; *c; c++)
			*c = *c == '_' ? '-' : *c;
}

void gremc_loadgen_help_print(FILE *out, const char *program)
{
	option_names_spell();
	fprintf(out,
		"usage: %s [EAL options] -- TEST --dut-config FILE [options]\n"
		"       %s make-config [--tunnels N] [--groups G] [--fanout F[,F...]]\n"
		"       %s report RESULT.json... --report FILE\n"
		"Load a GRE multicast forwarder and check every replica that comes back.\n"
		"\n"
		"tests:\n",
		program, program, program);
	gremc_tests_help_print(out);
	fprintf(out, "\noptions (RATE is of packets into the forwarder):\n");
	for (unsigned i = 0; i < GREMC_OPTION_COUNT; i++) {
		const struct option_text *text = &option_texts[i];
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", text->name, *text->argument ? " " : "",
			 text->argument);
		fprintf(out, "  %-26s %s%s%s%s\n", left, text->meaning, *text->standard ? " [" : "",
			text->standard, *text->standard ? "]" : "");
	}
	fprintf(out,
		"\nEAL options are DPDK's: -l 0,1,2 (the first lcore controls, the others send and receive), -a or --vdev\n"
		"for each device. Exit codes: 0 done and nothing lost, 1 something was lost or went wrong, 2 usage,\n"
		"78 configuration.\n");
}

/* ---- values ---- */

static int usage_error_print(const char *format, ...) __rte_format_printf(1, 2);

static int usage_error_print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return GREMC_EXIT_USAGE;
}

static int option_number_set(enum gremc_option option, const char *text, double least, double most,
			     double *value)
{
	char *end;

	*value = strtod(text, &end);
	if (*text >= '0' && *text <= '9' && *end == '\0' && *value >= least && *value <= most)
		return 0;
	return usage_error_print("--%s `%s`: a number from %g to %g is needed", option_texts[option].name,
				 text, least, most);
}

static int option_count_set(enum gremc_option option, const char *text, uint32_t least, uint32_t most,
			    uint32_t *value)
{
	double number;

	if (option_number_set(option, text, least, most, &number))
		return GREMC_EXIT_USAGE;
	if (number != (double)(uint32_t)number)
		return usage_error_print("--%s `%s`: a whole number is needed", option_texts[option].name,
					 text);
	*value = (uint32_t)number;
	return 0;
}

static int option_rate_set(enum gremc_option option, const char *text, struct gremc_rate *rate)
{
	if (gremc_rate_parse(text, rate) == 0)
		return 0;
	return usage_error_print("--%s `%s` is no rate: 250k, 1.5Mpps, 2Gbps or 40%%",
				 option_texts[option].name, text);
}

static int option_named_add(enum gremc_option option, const char *text, bool may_lack_name,
			    struct gremc_named_value *list, unsigned *count)
{
	const char *equals = strchr(text, '=');
	struct gremc_named_value named = {.value = text};

	if (equals) {
		named = (struct gremc_named_value){
			.name = text, .name_length = (size_t)(equals - text), .value = equals + 1};
	} else if (!may_lack_name) {
		return usage_error_print(
			"--%s `%s`: NAME=VALUE is needed, NAME being a port of the forwarder's configuration",
			option_texts[option].name, text);
	}
	if (*count == GREMC_CONFIG_PORTS_MAX)
		return usage_error_print("--%s: more than %u", option_texts[option].name,
					 GREMC_CONFIG_PORTS_MAX);
	list[(*count)++] = named;
	return 0;
}

/* Each part of a comma-separated list to `take`. The list is the user's argument, copied. */
static int list_parts_parse(const char *list, int (*option_set)(struct gremc_loadgen_options *, const char *),
			    struct gremc_loadgen_options *options)
{
	char *copy = strdup(list), *rest = copy, *part;
	int rc = copy ? 0 : usage_error_print("out of memory");

	while (rc == 0 && (part = strsep(&rest, ",")) != NULL)
		rc = option_set(options, part);
	free(copy);
	return rc;
}

static int option_mix_add(struct gremc_loadgen_options *options, const char *text)
{
	if (strcmp(text, "rfc") == 0)
		return list_parts_parse(RFC_SIZES, option_mix_add, options);
	if (options->mix_count == GREMC_MIXES_MAX)
		return usage_error_print("--size: more than %u sizes", GREMC_MIXES_MAX);
	if (gremc_mix_parse(text, &options->mix[options->mix_count]))
		return usage_error_print(
			"--size `%s`: 56 to 9600 (an inner IP packet; the stamp needs 56), outer:N (a frame with FCS), "
			"imix or rfc",
			text);
	options->mix_count++;
	return 0;
}

static int option_fanout_add(struct gremc_loadgen_options *options, const char *text)
{
	uint32_t value = 0;

	if (options->fanout_count == GREMC_FANOUTS_MAX)
		return usage_error_print("--fanout: more than %u", GREMC_FANOUTS_MAX);
	if (option_count_set(GREMC_OPTION_fanout, text, 1, 65535, &value))
		return GREMC_EXIT_USAGE;
	options->fanout[options->fanout_count++] = value;
	return 0;
}

static int option_unicast_add(struct gremc_loadgen_options *options, const char *text)
{
	if (options->unicast_count == RTE_DIM(options->unicast))
		return usage_error_print("--unicast: more than %zu shares", RTE_DIM(options->unicast));
	return option_number_set(GREMC_OPTION_unicast, text, 0, 99,
				 &options->unicast[options->unicast_count++]);
}

static int option_line_set(struct gremc_loadgen_options *options, const char *text)
{
	struct gremc_rate rate;

	if (gremc_rate_parse(text, &rate) || rate.unit == GREMC_RATE_PERCENT)
		return usage_error_print("--line `%s`: bits/s are needed, as 10G or 100Gbps", text);
	options->line = rate.value;
	return 0;
}

static int option_group_set(struct gremc_loadgen_options *options, const char *text)
{
	if (gremc_ipv4_parse(text, &options->join_group) || !gremc_ipv4_is_multicast(options->join_group) ||
	    gremc_ipv4_is_link_local_group(options->join_group))
		return usage_error_print(
			"--join-group `%s`: a multicast group outside of 224.0.0.0/24 is needed", text);
	return 0;
}

/* Numbers and texts that need no more than a range. */
static int option_value_set(struct gremc_loadgen_options *o, enum gremc_option option, const char *text)
{
	static const double long_time = 86400;
	uint32_t count = 0;

	switch (option) {
	case GREMC_OPTION_dut_config:
		o->dut_config = text;
		return 0;
	case GREMC_OPTION_label:
		o->label = text;
		return 0;
	case GREMC_OPTION_json:
		o->json = text;
		return 0;
	case GREMC_OPTION_csv:
		o->csv = text;
		return 0;
	case GREMC_OPTION_report:
		o->report = text;
		return 0;
	case GREMC_OPTION_device:
		o->device = text;
		return 0;
	case GREMC_OPTION_lan_device:
		o->lan_device = text;
		return 0;
	case GREMC_OPTION_flows:
		return option_count_set(option, text, 1, GREMC_FLOWS_MAX, &o->flows);
	case GREMC_OPTION_senders:
		return option_count_set(option, text, 1, 65536, &o->senders);
	case GREMC_OPTION_groups_per_route:
		return option_count_set(option, text, 1, GREMC_FLOWS_MAX, &o->groups_per_route);
	case GREMC_OPTION_tunnels:
		return option_count_set(option, text, 2, GREMC_CONFIG_TUNNELS_MAX, &o->tunnels);
	case GREMC_OPTION_groups:
		return option_count_set(option, text, 1, GREMC_CONFIG_MROUTES_MAX, &o->groups);
	case GREMC_OPTION_join_groups:
		return option_count_set(option, text, 1, 65536, &o->join_groups);
	case GREMC_OPTION_repeat:
		return option_count_set(option, text, 1, 1000, &o->repeat);
	case GREMC_OPTION_confirm:
		return option_count_set(option, text, 1, 100, &o->confirm);
	case GREMC_OPTION_dut_cpu:
		return option_count_set(option, text, 0, CPU_SETSIZE - 1, &o->dut_cpu);
	case GREMC_OPTION_igmp:
		return option_count_set(option, text, 2, 3, &o->igmp);
	case GREMC_OPTION_tx_lcores:
		return option_count_set(option, text, 1, GREMC_WORKERS_MAX, &o->tx_lcores);
	case GREMC_OPTION_burst:
		if (option_count_set(option, text, 2, UINT32_MAX, &count))
			return GREMC_EXIT_USAGE;
		o->burst = count;
		return 0;
	case GREMC_OPTION_duration:
		return option_number_set(option, text, 0.01, long_time, &o->duration);
	case GREMC_OPTION_latency_duration:
		return option_number_set(option, text, 0.01, long_time, &o->latency_duration);
	case GREMC_OPTION_warmup:
		return option_number_set(option, text, 0, long_time, &o->warmup);
	case GREMC_OPTION_settle:
		return option_number_set(option, text, 0.01, 60, &o->settle);
	case GREMC_OPTION_resolution:
		return option_number_set(option, text, 0.01, 50, &o->resolution);
	case GREMC_OPTION_step:
		return option_number_set(option, text, 1, 50, &o->step);
	case GREMC_OPTION_burden:
		return option_number_set(option, text, 1, 99, &o->burden);
	case GREMC_OPTION_join_wait:
		return option_number_set(option, text, 0.01, 3600, &o->join_wait);
	case GREMC_OPTION_link_wait:
		return option_number_set(option, text, 0, 3600, &o->link_wait);
	default:
		return usage_error_print("--%s is not to be given here", option_texts[option].name);
	}
}

static int option_set(struct gremc_loadgen_options *o, enum gremc_option option, const char *text)
{
	o->given[option] = text ? text : "";
	switch (option) {
	case GREMC_OPTION_help:
		o->shown_help = true;
		return 0;
	case GREMC_OPTION_version:
		o->shown_version = true;
		return 0;
	case GREMC_OPTION_quick:
		o->quick = true;
		return 0;
	case GREMC_OPTION_quiet:
		o->quiet = true;
		return 0;
	case GREMC_OPTION_keep_ttl:
		o->keep_ttl = true;
		return 0;
	case GREMC_OPTION_keys:
		o->keys = true;
		return 0;
	case GREMC_OPTION_host:
		o->host = true;
		return 0;
	case GREMC_OPTION_querier:
		o->querier = true;
		return 0;
	case GREMC_OPTION_port:
		return option_named_add(option, text, false, o->port, &o->port_count);
	case GREMC_OPTION_tx_port:
		return option_named_add(option, text, false, o->tx_port, &o->tx_port_count);
	case GREMC_OPTION_dut_mac:
		return option_named_add(option, text, true, o->dut_mac, &o->dut_mac_count);
	case GREMC_OPTION_rate:
		return option_rate_set(option, text, &o->rate);
	case GREMC_OPTION_max_rate:
		return option_rate_set(option, text, &o->max_rate);
	case GREMC_OPTION_size:
		o->mix_count = 0;
		return list_parts_parse(text, option_mix_add, o);
	case GREMC_OPTION_fanout:
		return list_parts_parse(text, option_fanout_add, o);
	case GREMC_OPTION_unicast:
		o->unicast_count = 0;
		return list_parts_parse(text, option_unicast_add, o);
	case GREMC_OPTION_line:
		return option_line_set(o, text);
	case GREMC_OPTION_join_group:
		return option_group_set(o, text);
	default:
		return option_value_set(o, option, text);
	}
}

/* ---- defaults ---- */

/* A standard value, unless the user has given one. */
static int option_default_set(struct gremc_loadgen_options *o, enum gremc_option option, const char *quick)
{
	const char *standard = o->quick && quick ? quick : option_texts[option].standard;
	int rc;

	if (o->given[option])
		return 0;
	rc = option_set(o, option, standard);
	o->given[option] = NULL;
	return rc;
}

static int option_defaults_set(struct gremc_loadgen_options *o)
{
	static const struct {
		enum gremc_option option;
		const char *quick; /* NULL: the same */
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
	/* By the RFC the whole time is waited; in a hurry only until all is there. */
	o->settle_whole = !o->quick && o->given[GREMC_OPTION_settle] == NULL;
	o->tested_by_rfc = o->duration >= 60 && o->settle >= 2 && o->confirm == 1;
	return 0;
}

/* ---- the line ---- */

/* Where our arguments begin: behind `--`, or, without one, at the first. */
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
		return usage_error_print(
			"no test is named; there are rate, throughput, loss, latency, suite and more: see --help");
	if (gremc_action_needs_get(o->test, &needs))
		return usage_error_print("there is no test `%s`; see --help", o->test);
	if (needs == GREMC_NEEDS_FORWARDER && o->dut_config == NULL)
		return usage_error_print(
			"--dut-config FILE is missing: the configuration that the forwarder runs with "
			"(make-config writes one for both)");
	if (needs == GREMC_NEEDS_RESULTS && (o->operand_count == 0 || o->report == NULL))
		return usage_error_print("report needs at least one RESULT.json and --report FILE");
	if (needs != GREMC_NEEDS_RESULTS && o->operand_count)
		return usage_error_print("unexpected argument `%s`", o->operand[0]);
	return 0;
}

int gremc_loadgen_options_parse(struct gremc_loadgen_options *o, int argc, char **argv)
{
	struct option list[GREMC_OPTION_COUNT + 1] = {0};
	int start = eal_arguments_end(argc, argv), option;

	option_names_spell();
	*o = (struct gremc_loadgen_options){.eal_argc = start ? start : 1, .eal_argv = argv};
	for (int i = 0; i < GREMC_OPTION_COUNT; i++)
		list[i] = (struct option){option_texts[i].name,
					  *option_texts[i].argument ? required_argument : no_argument, NULL,
					  i + 1};
	argc -= start;
	argv += start;
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", list, NULL)) != -1) {
		if (option == ':')
			return usage_error_print("an argument is missing after %s", argv[optind - 1]);
		if (option == '?')
			return usage_error_print("unknown option %s%s; see --help", argv[optind - 1],
						 start ? "" : " (EAL options end with `--`)");
		if (option_set(o, (enum gremc_option)(option - 1), optarg))
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
