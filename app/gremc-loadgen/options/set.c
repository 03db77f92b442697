/* SPDX-License-Identifier: BSD-3-Clause */
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "options/set.h"
#include "options/texts.h"
#include "port/port.h"
#include "traffic/flows.h"

#define RFC_SIZES   "64,128,256,512,1024,1280,1400"
#define SECONDS_MAX 86400

/* ---- values ---- */

static int option_number_set(enum gremc_option option, const char *text, double least, double most,
			     double *value)
{
	char *end;

	*value = strtod(text, &end);
	if (*text >= '0' && *text <= '9' && *end == '\0' && *value >= least && *value <= most)
		return 0;
	return gremc_usage_error_print("--%s `%s`: expected a number from %g to %g",
				       gremc_option_text_get(option)->name, text, least, most);
}

static int option_count_set(enum gremc_option option, const char *text, uint32_t least, uint32_t most,
			    uint32_t *value)
{
	double number;

	if (option_number_set(option, text, least, most, &number))
		return GREMC_EXIT_USAGE;
	if (number != (double)(uint32_t)number)
		return gremc_usage_error_print("--%s `%s`: expected a whole number",
					       gremc_option_text_get(option)->name, text);
	*value = (uint32_t)number;
	return 0;
}

static int option_rate_set(enum gremc_option option, const char *text, struct gremc_rate *rate)
{
	if (gremc_rate_parse(text, rate) == 0)
		return 0;
	return gremc_usage_error_print("--%s `%s`: expected a rate such as 250k, 1.5Mpps, 2Gbps or 40%%",
				       gremc_option_text_get(option)->name, text);
}

/* Add NAME=VALUE. Only --dut-mac permits a value without a name. */
static int option_named_add(enum gremc_option option, const char *text, struct gremc_named_value *list,
			    unsigned *count)
{
	const char *equals = strchr(text, '=');
	struct gremc_named_value named = {.value = text};

	if (equals)
		named = (struct gremc_named_value){
			.name = text, .name_length = (size_t)(equals - text), .value = equals + 1};
	else if (option != GREMC_OPTION_dut_mac)
		return gremc_usage_error_print(
			"--%s `%s`: expected NAME=VALUE, with the name of a port of the "
			"forwarder's configuration",
			gremc_option_text_get(option)->name, text);
	if (*count == GREMC_CONFIG_PORTS_MAX)
		return gremc_usage_error_print("--%s: more than %u", gremc_option_text_get(option)->name,
					       GREMC_CONFIG_PORTS_MAX);
	list[(*count)++] = named;
	return 0;
}

/* Call a function for each part of a comma-separated list. */
static int list_parts_parse(const char *list, int (*add)(struct gremc_loadgen_options *, const char *),
			    struct gremc_loadgen_options *options)
{
	char *copy = strdup(list), *rest = copy, *part;
	int rc = copy ? 0 : gremc_usage_error_print("out of memory");

	while (rc == 0 && (part = strsep(&rest, ",")) != NULL)
		rc = add(options, part);
	free(copy);
	return rc;
}

static int option_mix_add(struct gremc_loadgen_options *options, const char *text)
{
	if (strcmp(text, "rfc") == 0)
		return list_parts_parse(RFC_SIZES, option_mix_add, options);
	if (options->mix_count == GREMC_MIXES_MAX)
		return gremc_usage_error_print("--size: more than %u sizes", GREMC_MIXES_MAX);
	if (gremc_mix_parse(text, &options->mix[options->mix_count]))
		return gremc_usage_error_print(
			"--size `%s`: expected 56 to 9600 (an inner IP packet; the stamp needs 56), outer:N (a frame "
			"with FCS), imix or rfc",
			text);
	options->mix_count++;
	return 0;
}

static int option_fanout_add(struct gremc_loadgen_options *options, const char *text)
{
	uint32_t value = 0;

	if (options->fanout_count == GREMC_FANOUTS_MAX)
		return gremc_usage_error_print("--fanout: more than %u", GREMC_FANOUTS_MAX);
	if (option_count_set(GREMC_OPTION_fanout, text, 1, 65535, &value))
		return GREMC_EXIT_USAGE;
	options->fanout[options->fanout_count++] = value;
	return 0;
}

static int option_unicast_add(struct gremc_loadgen_options *options, const char *text)
{
	if (options->unicast_count == RTE_DIM(options->unicast))
		return gremc_usage_error_print("--unicast: more than %zu shares", RTE_DIM(options->unicast));
	return option_number_set(GREMC_OPTION_unicast, text, 0, 99,
				 &options->unicast[options->unicast_count++]);
}

static int option_line_set(struct gremc_loadgen_options *options, const char *text)
{
	struct gremc_rate rate;

	if (gremc_rate_parse(text, &rate) || rate.unit == GREMC_RATE_PERCENT)
		return gremc_usage_error_print("--line `%s`: expected bits/s, as 10G or 100Gbps", text);
	options->line = rate.value;
	return 0;
}

static int option_group_set(struct gremc_loadgen_options *options, const char *text)
{
	if (gremc_ipv4_parse(text, &options->join_group) || !gremc_ipv4_is_multicast(options->join_group) ||
	    gremc_ipv4_is_link_local_group(options->join_group))
		return gremc_usage_error_print(
			"--join-group `%s`: expected a multicast group outside of 224.0.0.0/24", text);
	return 0;
}

static int option_burst_set(struct gremc_loadgen_options *options, const char *text)
{
	uint32_t packets = 0;

	if (option_count_set(GREMC_OPTION_burst, text, 2, UINT32_MAX, &packets))
		return GREMC_EXIT_USAGE;
	options->burst = packets;
	return 0;
}

static int option_sizes_set(struct gremc_loadgen_options *options, const char *text)
{
	options->mix_count = 0;
	return list_parts_parse(text, option_mix_add, options);
}

static int option_fanouts_set(struct gremc_loadgen_options *options, const char *text)
{
	return list_parts_parse(text, option_fanout_add, options);
}

static int option_unicasts_set(struct gremc_loadgen_options *options, const char *text)
{
	options->unicast_count = 0;
	return list_parts_parse(text, option_unicast_add, options);
}

static int option_port_add(struct gremc_loadgen_options *options, const char *text)
{
	return option_named_add(GREMC_OPTION_port, text, options->port, &options->port_count);
}

static int option_tx_port_add(struct gremc_loadgen_options *options, const char *text)
{
	return option_named_add(GREMC_OPTION_tx_port, text, options->tx_port, &options->tx_port_count);
}

static int option_dut_mac_add(struct gremc_loadgen_options *options, const char *text)
{
	return option_named_add(GREMC_OPTION_dut_mac, text, options->dut_mac, &options->dut_mac_count);
}

/* ---- the value of each option ---- */

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_COUNT, OPTION_NUMBER, OPTION_RATE, OPTION_CUSTOM };

struct option_target {
	enum option_kind kind;
	size_t offset;   /* of the value in struct gremc_loadgen_options */
	double min, max; /* of a count or a number */
	int (*set)(struct gremc_loadgen_options *options, const char *text);
};

#define AT(member) offsetof(struct gremc_loadgen_options, member)
#define FLAG(member)                                                                                         \
	{                                                                                                    \
		OPTION_FLAG, AT(member), 0, 0, NULL                                                          \
	}
#define TEXT(member)                                                                                         \
	{                                                                                                    \
		OPTION_TEXT, AT(member), 0, 0, NULL                                                          \
	}
#define RATE(member)                                                                                         \
	{                                                                                                    \
		OPTION_RATE, AT(member), 0, 0, NULL                                                          \
	}
#define COUNT(member, min, max)                                                                              \
	{                                                                                                    \
		OPTION_COUNT, AT(member), min, max, NULL                                                     \
	}
#define NUMBER(member, min, max)                                                                             \
	{                                                                                                    \
		OPTION_NUMBER, AT(member), min, max, NULL                                                    \
	}
#define CUSTOM(function)                                                                                     \
	{                                                                                                    \
		OPTION_CUSTOM, 0, 0, 0, function                                                             \
	}

static const struct option_target option_targets[GREMC_OPTION_COUNT] = {
	[GREMC_OPTION_dut_config] = TEXT(dut_config),
	[GREMC_OPTION_port] = CUSTOM(option_port_add),
	[GREMC_OPTION_tx_port] = CUSTOM(option_tx_port_add),
	[GREMC_OPTION_dut_mac] = CUSTOM(option_dut_mac_add),
	[GREMC_OPTION_dut_cpu] = COUNT(dut_cpu, 0, CPU_SETSIZE - 1),
	[GREMC_OPTION_size] = CUSTOM(option_sizes_set),
	[GREMC_OPTION_rate] = RATE(rate),
	[GREMC_OPTION_max_rate] = RATE(max_rate),
	[GREMC_OPTION_line] = CUSTOM(option_line_set),
	[GREMC_OPTION_fanout] = CUSTOM(option_fanouts_set),
	[GREMC_OPTION_flows] = COUNT(flows, 1, GREMC_FLOWS_MAX),
	[GREMC_OPTION_senders] = COUNT(senders, 1, 65536),
	[GREMC_OPTION_groups_per_route] = COUNT(groups_per_route, 1, GREMC_FLOWS_MAX),
	[GREMC_OPTION_duration] = NUMBER(duration, 0.01, SECONDS_MAX),
	[GREMC_OPTION_latency_duration] = NUMBER(latency_duration, 0.01, SECONDS_MAX),
	[GREMC_OPTION_repeat] = COUNT(repeat, 1, 1000),
	[GREMC_OPTION_warmup] = NUMBER(warmup, 0, SECONDS_MAX),
	[GREMC_OPTION_settle] = NUMBER(settle, 0.01, 60),
	[GREMC_OPTION_resolution] = NUMBER(resolution, 0.01, 50),
	[GREMC_OPTION_confirm] = COUNT(confirm, 1, 100),
	[GREMC_OPTION_step] = NUMBER(step, 1, 50),
	[GREMC_OPTION_burst] = CUSTOM(option_burst_set),
	[GREMC_OPTION_unicast] = CUSTOM(option_unicasts_set),
	[GREMC_OPTION_burden] = NUMBER(burden, 1, 99),
	[GREMC_OPTION_igmp] = COUNT(igmp, 2, 3),
	[GREMC_OPTION_join_group] = CUSTOM(option_group_set),
	[GREMC_OPTION_join_wait] = NUMBER(join_wait, 0.01, 3600),
	[GREMC_OPTION_join_groups] = COUNT(join_groups, 1, 65536),
	[GREMC_OPTION_keep_ttl] = FLAG(keep_ttl),
	[GREMC_OPTION_tx_lcores] = COUNT(tx_lcores, 1, GREMC_WORKERS_MAX),
	[GREMC_OPTION_link_wait] = NUMBER(link_wait, 0, 3600),
	[GREMC_OPTION_quick] = FLAG(quick),
	[GREMC_OPTION_label] = TEXT(label),
	[GREMC_OPTION_json] = TEXT(json),
	[GREMC_OPTION_csv] = TEXT(csv),
	[GREMC_OPTION_report] = TEXT(report),
	[GREMC_OPTION_quiet] = FLAG(quiet),
	[GREMC_OPTION_tunnels] = COUNT(tunnels, 2, GREMC_CONFIG_TUNNELS_MAX),
	[GREMC_OPTION_groups] = COUNT(groups, 1, GREMC_CONFIG_MROUTES_MAX),
	[GREMC_OPTION_device] = TEXT(device),
	[GREMC_OPTION_lan_device] = TEXT(lan_device),
	[GREMC_OPTION_keys] = FLAG(keys),
	[GREMC_OPTION_host] = FLAG(host),
	[GREMC_OPTION_querier] = FLAG(querier),
	[GREMC_OPTION_version] = FLAG(shown_version),
	[GREMC_OPTION_help] = FLAG(shown_help),
};

int gremc_option_set(struct gremc_loadgen_options *options, enum gremc_option option, const char *text)
{
	const struct option_target *target = &option_targets[option];
	void *value = (char *)options + target->offset;

	options->given[option] = text ? text : "";
	switch (target->kind) {
	case OPTION_FLAG:
		*(bool *)value = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)value = text;
		return 0;
	case OPTION_COUNT:
		return option_count_set(option, text, (uint32_t)target->min, (uint32_t)target->max, value);
	case OPTION_NUMBER:
		return option_number_set(option, text, target->min, target->max, value);
	case OPTION_RATE:
		return option_rate_set(option, text, value);
	default:
		return target->set(options, text);
	}
}
