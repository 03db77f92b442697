/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line: EAL options, `--`, a test's name, and its options. One table says which there are; --help
 * is printed from it and the manual page is checked against it. */
#ifndef GREMC_LOADGEN_OPTIONS_H
#define GREMC_LOADGEN_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "engine.h"
#include "trial.h"

enum { GREMC_EXIT_DONE = 0, GREMC_EXIT_FAILURE = 1, GREMC_EXIT_USAGE = 2, GREMC_EXIT_CONFIG = 78 };

#define GREMC_MIXES_MAX   32
#define GREMC_FANOUTS_MAX 16
#define GREMC_RATE_ANY    0.0

/* name, argument ("" takes none), default ("" has none), meaning */
#define GREMC_OPTIONS(X)                                                                                     \
	X(dut_config, "FILE", "", "the configuration that the forwarder runs with")                          \
	X(port, "NAME=DEVICE", "",                                                                           \
	  "our device that is wired to the forwarder's port NAME; once for each "                            \
	  "port (needed when it is not one for one)")                                                        \
	X(tx_port, "NAME=DEVICE", "",                                                                        \
	  "send towards port NAME by this device instead, and receive by the other")                         \
	X(dut_mac, "[NAME=]MAC", "asked by ARP", "the MAC address of the forwarder's port")                  \
	X(dut_cpu, "N", "",                                                                                  \
	  "a forwarder on this machine: the CPU it polls on; each row says how far it is from ours")         \
	X(size, "LIST", "64",                                                                                \
	  "sizes: 64 is an inner IP packet of 64 bytes, outer:128 a whole frame with FCS, "                  \
	  "imix is 7 of 64, 4 of 570, 1 of 1400; rfc is 64,128,256,512,1024,1280,1400")                      \
	X(rate, "RATE", "10k",                                                                               \
	  "what enters the forwarder: 250k, 1.5Mpps, 2Gbps (layer 2), 40% (of the line)")                    \
	X(max_rate, "RATE", "found by a trial",                                                              \
	  "the highest that is tried: where searches and loss curves begin")                                 \
	X(line, "BITS", "the link's", "speed of the line for %, where the device has none (memif): 10G")     \
	X(fanout, "N", "any", "only flows with this many receivers")                                         \
	X(flows, "N", "all", "at most so many flows")                                                        \
	X(senders, "N", "1", "tunnels (and LANs) that send to one mroute")                                   \
	X(groups_per_route, "N", "1", "groups of a mroute that is a prefix")                                 \
	X(duration, "SECONDS", "60", "of a trial (RFC 2544, 24)")                                            \
	X(latency_duration, "SECONDS", "120", "of a latency trial (RFC 2544, 26.2)")                         \
	X(repeat, "N", "1", "how often a latency or throughput test is made (RFC 2544: 20 for latency)")     \
	X(warmup, "SECONDS", "1", "sent before a test and not counted")                                      \
	X(settle, "SECONDS", "2", "wait for what is still on its way (RFC 2544, 23)")                        \
	X(resolution, "PERCENT", "1", "a search ends when what passes and what fails are so near")           \
	X(confirm, "N", "1", "a rate of a search has failed when N trials in a row lost something")          \
	X(step, "PERCENT", "10", "of a loss curve (RFC 2544, 26.3)")                                         \
	X(burst, "N", "100000", "packets of the longest back-to-back burst")                                 \
	X(unicast, "LIST", "0,10,50", "shares of unicast in a mixed class test, percent")                    \
	X(burden, "PERCENT", "50", "of the throughput, as background of a burdened test")                    \
	X(igmp, "2|3", "3", "version of the reports that join and leave")                                    \
	X(join_group, "GROUP", "239.254.0.1", "first group that join tests join; no mroute may cover it")    \
	X(join_wait, "SECONDS", "5", "longest wait for a join or a leave to have its effect")                \
	X(join_groups, "N", "1024", "groups that a capacity test joins")                                     \
	X(keep_ttl, "", "", "the forwarder does not lower the inner TTL (a bridge)")                         \
	X(tx_lcores, "N", "1", "of several polling lcores, those that send")                                 \
	X(link_wait, "SECONDS", "10", "how long links may take to come up")                                  \
	X(quick, "", "", "short times, for a first impression: not by the RFC, and the report says so")      \
	X(label, "TEXT", "dpdk-gremc", "the forwarder's name in the report")                                 \
	X(json, "FILE", "", "the results as JSON")                                                           \
	X(csv, "FILE", "", "the results as CSV")                                                             \
	X(report, "FILE", "", "the report, one HTML file")                                                   \
	X(quiet, "", "", "no progress on stderr")                                                            \
	X(tunnels, "N", "17", "make-config: tunnels")                                                        \
	X(groups, "N", "64", "make-config: groups, each an (S,G) from one tunnel")                           \
	X(device, "NAME", "net_memif0", "make-config: the forwarder's device")                               \
	X(lan_device, "NAME", "", "make-config: a second port with native multicast")                        \
	X(keys, "", "", "make-config: tunnels have keys")                                                    \
	X(host, "", "", "make-config: the kernel has the ports and tunnels (`host: true`): ARP, unicast")    \
	X(querier, "", "", "make-config: tunnels where groups are joined by IGMP")                           \
	X(version, "", "", "this program's version and DPDK's")                                              \
	X(help, "", "", "this text")

enum gremc_option {
#define GREMC_X(name, argument, standard, meaning) GREMC_OPTION_##name,
	GREMC_OPTIONS(GREMC_X)
#undef GREMC_X
		GREMC_OPTION_COUNT
};

enum gremc_rate_unit { GREMC_RATE_PPS, GREMC_RATE_BPS, GREMC_RATE_PERCENT };

struct gremc_rate {
	double value;
	enum gremc_rate_unit unit;
};

struct gremc_named_value { /* NAME=VALUE; NAME may be missing */
	const char *name;
	size_t name_length;
	const char *value;
};

struct gremc_loadgen_options {
	const char *test;
	const char *given[GREMC_OPTION_COUNT]; /* as the user wrote it; NULL: not given */
	bool shown_help, shown_version;
	int eal_argc;
	char **eal_argv;
	char **operand; /* what follows the test's name and is no option */
	int operand_count;

	const char *dut_config;
	struct gremc_named_value port[GREMC_CONFIG_PORTS_MAX], tx_port[GREMC_CONFIG_PORTS_MAX],
		dut_mac[GREMC_CONFIG_PORTS_MAX];
	unsigned port_count, tx_port_count, dut_mac_count;
	struct gremc_mix mix[GREMC_MIXES_MAX];
	unsigned mix_count;
	struct gremc_rate rate, max_rate;
	double line; /* bits/s; 0: the link's */
	uint32_t fanout[GREMC_FANOUTS_MAX], fanout_count, flows, senders, groups_per_route;
	double duration, latency_duration, warmup, settle, resolution, step, burden, join_wait, link_wait;
	double unicast[8];
	unsigned unicast_count, repeat, confirm, igmp, tx_lcores;
	uint64_t burst;
	rte_be32_t join_group;
	bool keep_ttl, quick, quiet, settle_whole, keys, host, querier;
	const char *label, *json, *csv, *report, *device, *lan_device;
	uint32_t tunnels, groups, join_groups, dut_cpu;
	bool tested_by_rfc; /* no time was shortened */
};

/* Returns 0, or GREMC_EXIT_USAGE after a sentence on stderr. */
int gremc_loadgen_options_parse(struct gremc_loadgen_options *options, int argc, char **argv);
void gremc_loadgen_help_print(FILE *out, const char *program);

/* Pure, for the tests. 0 or -EINVAL. */
int gremc_rate_parse(const char *text, struct gremc_rate *rate);
int gremc_mix_parse(const char *text, struct gremc_mix *mix);

#endif
