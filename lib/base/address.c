/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* ---- addresses ---- */

int gremc_addr_parse(const char *text, struct gremc_addr *addr)
{
	struct gremc_addr parsed = {.family = GREMC_FAMILY_NONE};

	if (inet_pton(AF_INET, text, parsed.bytes) == 1)
		parsed.family = GREMC_FAMILY_IPV4;
	else if (inet_pton(AF_INET6, text, parsed.bytes) == 1)
		parsed.family = GREMC_FAMILY_IPV6;
	else
		return -EINVAL;
	*addr = parsed;
	return 0;
}

/* Write the text of an address with a family, and a NUL, if it has less than `size` bytes. */
static char *addr_format(char *text, size_t size, const struct gremc_addr *addr)
{
	const int family = addr->family == GREMC_FAMILY_IPV6 ? AF_INET6 : AF_INET;

	if (addr->family == GREMC_FAMILY_NONE || inet_ntop(family, addr->bytes, text, size) == NULL)
		snprintf(text, size, "none");
	return text;
}

char *gremc_addr_format(char *text, const struct gremc_addr *addr)
{
	return addr_format(text, GREMC_ADDR_TEXT, addr);
}

int gremc_ipv4_parse(const char *text, rte_be32_t *address)
{
	struct gremc_addr addr;

	if (gremc_addr_parse(text, &addr))
		return -EINVAL;
	if (addr.family != GREMC_FAMILY_IPV4)
		return -EAFNOSUPPORT;
	*address = addr.ipv4;
	return 0;
}

char *gremc_ipv4_format(char *text, rte_be32_t address)
{
	const struct gremc_addr addr = gremc_addr_from_ipv4(address);

	return addr_format(text, GREMC_IPV4_TEXT, &addr);
}

char *gremc_mac_format(char *text, const struct rte_ether_addr *mac)
{
	rte_ether_format_addr(text, GREMC_MAC_TEXT, mac);
	/* upper case in DPDK, lower case everywhere else a user meets it */
	for (char *c = text; *c; c++)
		*c |= *c >= 'A' && *c <= 'F' ? 0x20 : 0;
	return text;
}

int gremc_addr_compare(const struct gremc_addr *a, const struct gremc_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool gremc_addr_is_multicast(const struct gremc_addr *addr)
{
	return addr->family == GREMC_FAMILY_IPV4
		       ? gremc_ipv4_is_multicast(addr->ipv4)
		       : addr->family == GREMC_FAMILY_IPV6 && addr->bytes[0] == 0xff;
}

bool gremc_addr_is_ssm(const struct gremc_addr *addr)
{
	return addr->family == GREMC_FAMILY_IPV4
		       ? gremc_ipv4_is_ssm(addr->ipv4)
		       : addr->family == GREMC_FAMILY_IPV6 &&
				 (addr->words[0] & RTE_BE32(0xfff0ffff)) == RTE_BE32(0xff300000);
}

/* ---- prefixes ---- */

/* The netmask of word `i` of an address. */
static rte_be32_t word_mask(uint32_t length, uint32_t i)
{
	return gremc_ipv4_mask(length > 32 * i ? RTE_MIN(length - 32 * i, 32u) : 0);
}

struct gremc_prefix gremc_prefix_of(const struct gremc_addr *address, uint32_t length)
{
	struct gremc_prefix prefix = {*address, length};

	gremc_assert(length <= gremc_family_bits(address->family));
	for (uint32_t i = 0; i < RTE_DIM(prefix.address.words); i++)
		prefix.address.words[i] &= word_mask(length, i);
	return prefix;
}

/* Parse the digits of a length. A sign, spaces and an empty text, which strtoul() accepts, are errors. */
static int length_parse(const char *digits, uint32_t most, uint32_t *length)
{
	unsigned long bits;

	if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
		return -EINVAL;
	bits = strtoul(digits, NULL, 10);
	if (bits > most)
		return -ERANGE;
	*length = (uint32_t)bits;
	return 0;
}

int gremc_prefix_parse(const char *text, struct gremc_prefix *prefix, struct gremc_addr *address)
{
	const size_t size = strcspn(text, "/");
	char address_text[GREMC_ADDR_TEXT];
	struct gremc_addr parsed;
	uint32_t length;
	int rc = 0;

	if (size >= sizeof(address_text))
		return -EINVAL;
	memcpy(address_text, text, size);
	address_text[size] = '\0';
	if (gremc_addr_parse(address_text, &parsed))
		return -EINVAL;
	length = gremc_family_bits(parsed.family);
	if (text[size])
		rc = length_parse(text + size + 1, length, &length);
	if (rc)
		return rc;
	*prefix = gremc_prefix_of(&parsed, length);
	if (address)
		*address = parsed;
	return 0;
}

char *gremc_prefix_format(char *text, const struct gremc_prefix *prefix)
{
	char address[GREMC_ADDR_TEXT];

	snprintf(text, GREMC_PREFIX_TEXT, "%s/%u", gremc_addr_format(address, &prefix->address),
		 RTE_MIN(prefix->length, 128u));
	return text;
}

bool gremc_prefix_covers(const struct gremc_prefix *prefix, const struct gremc_addr *addr)
{
	rte_be32_t difference = prefix->address.family ^ addr->family;

	for (uint32_t i = 0; i < RTE_DIM(addr->words); i++)
		difference |= (prefix->address.words[i] ^ addr->words[i]) & word_mask(prefix->length, i);
	return difference == 0;
}
