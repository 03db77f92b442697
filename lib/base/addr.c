/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

int gremc_ipv4_parse(const char *text, rte_be32_t *address)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return -EINVAL;
	*address = in.s_addr;
	return 0;
}

char *gremc_ipv4_format(char *text, rte_be32_t address)
{
	struct in_addr in = {.s_addr = address};

	inet_ntop(AF_INET, &in, text, GREMC_IPV4_TEXT);
	return text;
}

int gremc_prefix_parse(const char *text, struct gremc_prefix *prefix, rte_be32_t *host_bits)
{
	const char *slash = strchr(text, '/');
	char address_text[GREMC_IPV4_TEXT];
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long bits = 32;
	rte_be32_t address;

	if (length >= sizeof(address_text))
		return -EINVAL;
	memcpy(address_text, text, length);
	address_text[length] = '\0';
	if (gremc_ipv4_parse(address_text, &address))
		return -EINVAL;
	if (slash) {
		/* digits only: strtoul alone would take a sign, spaces and an empty text */
		if (slash[1] == '\0' || strspn(slash + 1, "0123456789") != strlen(slash + 1))
			return -EINVAL;
		bits = strtoul(slash + 1, NULL, 10);
		if (bits > 32)
			return -ERANGE;
	}
	prefix->length = bits;
	prefix->address = address & gremc_netmask(bits);
	if (host_bits)
		*host_bits = address & ~gremc_netmask(bits);
	return 0;
}

char *gremc_prefix_format(char *text, const struct gremc_prefix *prefix)
{
	char address[GREMC_IPV4_TEXT];

	snprintf(text, GREMC_PREFIX_TEXT, "%s/%u", gremc_ipv4_format(address, prefix->address),
		 prefix->length & 0x3f);
	return text;
}

char *gremc_mac_format(char *text, const struct rte_ether_addr *mac)
{
	rte_ether_format_addr(text, GREMC_MAC_TEXT, mac);
	/* upper case in DPDK, lower case everywhere else a user meets it */
	for (char *c = text; *c; c++)
		*c |= *c >= 'A' && *c <= 'F' ? 0x20 : 0;
	return text;
}
