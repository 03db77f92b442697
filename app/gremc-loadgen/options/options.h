/* SPDX-License-Identifier: BSD-3-Clause */
/* The options. --help is printed from one table, against which a test checks the manual page. */
#ifndef GREMC_LOADGEN_OPTIONS_OPTIONS_H
#define GREMC_LOADGEN_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"
#include "options/values.h"
#include "traffic/mix.h"

enum { GREMC_EXIT_DONE = 0, GREMC_EXIT_FAILURE = 1, GREMC_EXIT_USAGE = 2, GREMC_EXIT_CONFIG = 78 };

#define GREMC_MIXES_MAX   32
#define GREMC_FANOUTS_MAX 16
#define GREMC_RATE_ANY    0.0

/* name, argument ("": takes none), default ("": has none), meaning */
#define GREMC_OPTIONS(X)                                                                                       \
	X(dut_config, "FILE", "", "configuration of the forwarder under test")                                 \
	X(port, "NAME=DEVICE", "",                                                                             \
	  "DEVICE is wired to the forwarder's port NAME; once per port (the order of the devices if omitted)") \
	X(tx_port, "NAME=DEVICE", "", "send to port NAME by DEVICE and receive by the device of --port")       \
	X(dut_mac, "[NAME=]MAC", "found by ARP", "MAC address of the forwarder's port")                        \
	X(dut_cpu, "N", "",                                                                                    \
	  "the CPU on which a forwarder on this machine polls; each row then has its distance")                \
	X(size, "LIST", "64",                                                                                  \
	  "packet sizes: 64 is an inner IP packet of 64 bytes, outer:128 a whole frame with FCS, "             \
	  "imix is 7 of 64, 4 of 570, 1 of 1400; rfc is 64,128,256,512,1024,1280,1400")                        \
	X(rate, "RATE", "10k", "rate into the forwarder: 250k, 1.5Mpps, 2Gbps (layer 2), 40% (of the line)")   \
	X(max_rate, "RATE", "found by a trial", "highest rate: where searches and loss curves begin")          \
	X(line, "BITS", "the link's", "line speed for %, if the device reports none (memif): 10G")             \
	X(fanout, "N", "any", "use only flows with this many receivers")                                       \
	X(flows, "N", "all", "maximum number of flows")                                                        \
	X(senders, "N", "1", "tunnels, and as many LANs, that send to one mroute")                             \
	X(groups_per_route, "N", "1", "groups of an mroute that is a prefix")                                  \
	X(duration, "SECONDS", "60", "length of a trial (RFC 2544, 24)")                                       \
	X(latency_duration, "SECONDS", "120", "length of a latency trial (RFC 2544, 26.2)")                    \
	X(repeat, "N", "1", "repetitions of a latency or throughput test (RFC 2544: 20 for latency)")          \
	X(warmup, "SECONDS", "1", "send before a test without counting")                                       \
	X(settle, "SECONDS", "2", "wait after a trial for packets in transit (RFC 2544, 23)")                  \
	X(resolution, "PERCENT", "1", "a search ends when the passing and the failing rate are this close")    \
	X(confirm, "N", "1", "a rate of a search fails when N consecutive trials fail")                        \
	X(step, "PERCENT", "10", "step of a loss curve (RFC 2544, 26.3)")                                      \
	X(burst, "N", "100000", "packets of the longest back-to-back burst")                                   \
	X(unicast, "LIST", "0,10,50", "shares of unicast in a mixed test, percent")                            \
	X(burden, "PERCENT", "50", "background load of a burdened test, of the throughput")                    \
	X(igmp, "2|3", "3", "version of the IGMP reports that join and leave")                                 \
	X(join_group, "GROUP", "239.254.0.1", "first group of the join tests; no mroute may cover it")         \
	X(join_wait, "SECONDS", "5", "longest wait for the effect of a join or a leave")                       \
	X(join_groups, "N", "1024", "groups that a capacity test joins")                                       \
	X(keep_ttl, "", "", "the forwarder does not decrement the inner TTL (a bridge)")                       \
	X(tx_lcores, "N", "1", "number of polling lcores that send; the others receive")                       \
	X(link_wait, "SECONDS", "10", "longest wait for the links")                                            \
	X(quick, "", "", "short times, for a first impression; not by the RFC, as the report notes")           \
	X(label, "TEXT", "dpdk-gremc", "name of the forwarder in the report")                                  \
	X(json, "FILE", "", "write the results as JSON")                                                       \
	X(csv, "FILE", "", "write the results as CSV")                                                         \
	X(report, "FILE", "", "write the report, one HTML file")                                               \
	X(quiet, "", "", "print no progress on stderr")                                                        \
	X(tunnels, "N", "17", "make-config, bench: number of tunnels")                                         \
	X(groups, "N", "64", "make-config, bench: number of groups, each an (S,G) from one tunnel")            \
	X(device, "NAME", "net_memif0", "make-config: device of the forwarder")                                \
	X(lan_device, "NAME", "", "make-config: add a second port with native multicast")                      \
	X(keys, "", "", "make-config, bench: tunnels have GRE keys")                                           \
	X(host, "", "", "make-config: the kernel has the ports and tunnels (`host: true`): ARP, unicast")      \
	X(querier, "", "", "make-config: tunnels on which IGMP reports join groups")                           \
	X(version, "", "", "print the versions of this program and of DPDK")                                   \
	X(help, "", "", "print this text")

enum gremc_option {
#define GREMC_X(name, argument, standard, meaning) GREMC_OPTION_##name,
	GREMC_OPTIONS(GREMC_X)
#undef GREMC_X
		GREMC_OPTION_COUNT
};

struct gremc_named_value { /* NAME=VALUE */
	const char *name;  /* NULL: no NAME= */
	size_t name_length;
	const char *value;
};

struct gremc_loadgen_options {
	const char *test;
	const char *given[GREMC_OPTION_COUNT]; /* the user's text; NULL: not given */
	bool shown_help, shown_version;
	int eal_argc;
	char **eal_argv;
	char **operand; /* arguments after the test's name that are no options */
	int operand_count;

	const char *dut_config;
	struct gremc_named_value port[GREMC_CONFIG_PORTS_MAX], tx_port[GREMC_CONFIG_PORTS_MAX],
		dut_mac[GREMC_CONFIG_PORTS_MAX];
	unsigned port_count, tx_port_count, dut_mac_count;
	struct gremc_mix mix[GREMC_MIXES_MAX];
	unsigned mix_count;
	struct gremc_rate rate, max_rate;
	double line; /* bits/s; 0: the speed of the link */
	uint32_t fanout[GREMC_FANOUTS_MAX], fanout_count, flows, senders, groups_per_route;
	double duration, latency_duration, warmup, settle, resolution, step, burden, join_wait, link_wait;
	double unicast[8];
	unsigned unicast_count, repeat, confirm, igmp, tx_lcores;
	uint64_t burst;
	rte_be32_t join_group;
	bool keep_ttl, quick, quiet, settle_whole, keys, host, querier;
	const char *label, *json, *csv, *report, *device, *lan_device;
	uint32_t tunnels, groups, join_groups, dut_cpu;
	bool tested_by_rfc; /* no time is shorter than that of the RFC */
};

/* Returns: whether the user gave the option; otherwise it has its default. */
static inline bool gremc_loadgen_option_is_given(const struct gremc_loadgen_options *options,
						 enum gremc_option option)
{
	return options->given[option] != NULL;
}

#endif
