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

/* ---- both families ---- */

int gremc_addr_parse(const char *text, struct gremc_addr *addr)
{
	struct gremc_addr parsed = {.bytes = {0}};

	if (inet_pton(AF_INET, text, parsed.bytes) == 1)
		parsed.family = GREMC_FAMILY_IPV4;
	else if (inet_pton(AF_INET6, text, parsed.bytes) == 1)
		parsed.family = GREMC_FAMILY_IPV6;
	else
		return -EINVAL;
	*addr = parsed;
	return 0;
}

char *gremc_addr_format(char *text, const struct gremc_addr *addr)
{
	const int family = addr->family == GREMC_FAMILY_IPV6 ? AF_INET6 : AF_INET;

	if (addr->family == GREMC_FAMILY_NONE ||
	    inet_ntop(family, addr->bytes, text, GREMC_ADDR_TEXT) == NULL)
		snprintf(text, GREMC_ADDR_TEXT, "none");
	return text;
}

int gremc_addr_compare(const struct gremc_addr *a, const struct gremc_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool gremc_addr_equal(const struct gremc_addr *a, const struct gremc_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

uint64_t gremc_addr_hash(const struct gremc_addr *addr, uint64_t seed)
{
	uint64_t words[2], hash = seed ^ (uint64_t)addr->family << 56;

	memcpy(words, addr->bytes, sizeof(words));
	for (unsigned i = 0; i < RTE_DIM(words); i++) {
		hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash;
}

bool gremc_addr_is_multicast(const struct gremc_addr *addr)
{
	return addr->family == GREMC_FAMILY_IPV4
		       ? gremc_ipv4_is_multicast(addr->ipv4)
		       : addr->family == GREMC_FAMILY_IPV6 && addr->bytes[0] == 0xff;
}

/* Clear the bits from `length` on.
 * Returns: whether one was set. */
static bool addr_clear_host_bits(struct gremc_addr *addr, uint32_t length)
{
	bool was_set = false;

	for (uint32_t i = 0; i < RTE_DIM(addr->bytes); i++) {
		const uint32_t kept = length > 8 * i ? RTE_MIN(length - 8 * i, 8u) : 0;
		const uint8_t mask = (uint8_t)(0xff00 >> kept);

		was_set |= (addr->bytes[i] & (uint8_t)~mask) != 0;
		addr->bytes[i] &= mask;
	}
	return was_set;
}

int gremc_addr_prefix_parse(const char *text, struct gremc_addr_prefix *prefix, bool *has_host_bits)
{
	const size_t length = strcspn(text, "/");
	const char *digits = text[length] ? text + length + 1 : NULL;
	struct gremc_addr_prefix parsed;
	char address[GREMC_ADDR_TEXT];
	bool was_set;

	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	if (gremc_addr_parse(address, &parsed.address))
		return -EINVAL;
	parsed.length = gremc_family_bits(parsed.address.family);
	if (digits) {
		unsigned long bits;

		if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
			return -EINVAL;
		bits = strtoul(digits, NULL, 10);
		if (bits > parsed.length)
			return -ERANGE;
		parsed.length = (uint32_t)bits;
	}
	was_set = addr_clear_host_bits(&parsed.address, parsed.length);
	if (has_host_bits)
		*has_host_bits = was_set;
	*prefix = parsed;
	return 0;
}

char *gremc_addr_prefix_format(char *text, const struct gremc_addr_prefix *prefix)
{
	char address[GREMC_ADDR_TEXT];

	snprintf(text, GREMC_ADDR_PREFIX_TEXT, "%s/%u", gremc_addr_format(address, &prefix->address),
		 RTE_MIN(prefix->length, 128u));
	return text;
}

bool gremc_addr_prefix_covers(const struct gremc_addr_prefix *prefix, const struct gremc_addr *addr)
{
	struct gremc_addr network = *addr;

	(void)addr_clear_host_bits(&network, prefix->length);
	return gremc_addr_equal(&network, &prefix->address);
}
