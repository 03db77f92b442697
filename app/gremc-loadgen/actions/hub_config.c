/* SPDX-License-Identifier: BSD-3-Clause */
/* make-config: a configuration of any size, for the forwarder and the generator, on stdout. All sites are
 * behind one gateway, whose MAC address is configured, or resolved by ARP with --host. The addresses are
 * those that RFC 2544 reserves for benchmarks. */
#include <stdio.h>

#include "actions/actions.h"
#include "base/base.h"

#define FORWARDER "192.0.2.1"
#define GATEWAY   "192.0.2.254"
#define SITE_MAC  "02:00:5e:00:53:02"
#define SITE_NET  0xc6120000u /* 198.18.0.0/15 */
#define INNER_NET 0x0a000000u /* 10.0.0.0/8 */
#define INNER_OWN "10.0.0.1"  /* the forwarder's, in every tunnel */
#define GROUP_NET 0xef010000u /* from 239.1.0.0 on */

static const char *address_format(char *text, uint32_t value)
{
	return gremc_ipv4_format(text, rte_cpu_to_be_32(value));
}

static void hub_ports_print(const struct gremc_loadgen_options *options)
{
	printf("ethernets:\n"
	       "  wan:\n"
	       "    device: %s\n"
	       "    addresses: [" FORWARDER "/24]\n"
	       "    gateway4: " GATEWAY "\n"
	       "    %s\n",
	       options->device, options->host ? "host: true" : "neighbors: {" GATEWAY ": " SITE_MAC "}");
	if (options->lan_device)
		printf("  lan:\n"
		       "    device: %s\n"
		       "    addresses: [198.51.100.1/24]\n"
		       "    multicast: true\n",
		       options->lan_device);
}

static void hub_tunnels_print(const struct gremc_loadgen_options *options)
{
	char remote[GREMC_IPV4_TEXT], inner[GREMC_IPV4_TEXT];

	printf("tunnels:\n");
	for (uint32_t i = 0; i < options->tunnels; i++) {
		printf("  t%u: {mode: gre, local: " FORWARDER ", remote: %s", i,
		       address_format(remote, SITE_NET + 1 + i));
		if (options->keys)
			printf(", key: %u", i);
		if (options->host || options->querier)
			printf(", addresses: [" INNER_OWN "/32]");
		if (options->host)
			printf(", host: true");
		if (options->querier) /* the generator is the only host of the tunnel */
			printf(", igmp: {fast-leave: true}");
		printf(", peer: %s}\n", address_format(inner, INNER_NET + 256 + i));
	}
}

/* Print an (S,G) from one tunnel, another one for each group, to the next `fanout` tunnels. */
static void hub_group_print(const struct gremc_loadgen_options *options, uint32_t number, uint32_t fanout)
{
	uint32_t from = number % options->tunnels;
	char group[GREMC_IPV4_TEXT], source[GREMC_IPV4_TEXT];

	printf("  - {group: %s, source: %s, from: [t%u], to: [",
	       address_format(group, GROUP_NET + 256 + number),
	       address_format(source, INNER_NET + 256 + from), from);
	for (uint32_t k = 1; k <= fanout; k++)
		printf("%st%u", k > 1 ? ", " : "", (from + k) % options->tunnels);
	printf("]}\n");
}

/* Print a group from the LAN into tunnels, and one from a tunnel onto the LAN. */
static void hub_lan_groups_print(const struct gremc_loadgen_options *options, uint32_t fanout)
{
	printf("  - {group: 239.0.1.1, source: 198.51.100.2, from: [lan], to: [");
	for (uint32_t k = 0; k < RTE_MIN(fanout, options->tunnels); k++)
		printf("%st%u", k ? ", " : "", k);
	printf("]}\n  - {group: 239.0.2.1, source: 10.0.1.0, from: [t0], to: [lan]}\n");
}

int gremc_hub_config_print(const struct gremc_loadgen_options *options)
{
	uint32_t standard = RTE_MIN(16u, options->tunnels - 1), count = options->fanout_count;
	const uint32_t *fanout = count ? options->fanout : &standard;

	for (uint32_t i = 0; i < count; i++)
		if (fanout[i] >= options->tunnels) {
			fprintf(stderr,
				"gremc-loadgen: a fan-out of %u needs %u tunnels (split horizon): use --tunnels %u\n",
				fanout[i], fanout[i] + 1, fanout[i] + 1);
			return GREMC_EXIT_USAGE;
		}
	count = count ? count : 1;
	printf("# %u tunnels and %u groups; written by gremc-loadgen make-config. All sites are behind " GATEWAY
	       ".\n",
	       options->tunnels, options->groups);
	hub_ports_print(options);
	hub_tunnels_print(options);
	printf("mroutes:\n");
	for (uint32_t i = 0; i < options->groups; i++)
		hub_group_print(options, i, fanout[i % count]);
	if (options->lan_device)
		hub_lan_groups_print(options, fanout[count - 1]);
	return fflush(stdout) ? GREMC_EXIT_FAILURE : GREMC_EXIT_DONE;
}
