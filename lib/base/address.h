/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and prefixes of both families: text, comparison, hash and classes.
 *
 * The data path and its tables use IPv4 addresses of 4 bytes in network byte order. Everything else uses
 * struct gremc_addr, and converts it once, by gremc_addr_to_ipv4(), where it fills such a table. */
#ifndef GREMC_BASE_ADDRESS_H
#define GREMC_BASE_ADDRESS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

#include "base/assert.h"

enum gremc_family { GREMC_FAMILY_NONE, GREMC_FAMILY_IPV4, GREMC_FAMILY_IPV6 };

/* An address. Bytes beyond those of the family are 0. Without a family all bytes are 0: no address, or any.
 */
struct gremc_addr {
	union {
		rte_be32_t words[4];
		rte_be32_t ipv4;
		uint8_t bytes[16];
	};
	uint32_t family; /* enum gremc_family */
};

static_assert(sizeof(struct gremc_addr) == 16 + sizeof(uint32_t), "an address has no padding");

/* A prefix, or a range of groups. Bits behind the length are 0. */
struct gremc_prefix {
	struct gremc_addr address;
	uint32_t length; /* 0 to 32, or 0 to 128 */
};

static_assert(sizeof(struct gremc_prefix) == sizeof(struct gremc_addr) + sizeof(uint32_t),
	      "a prefix has no padding");

#define GREMC_IPV4_TEXT   16 /* "255.255.255.255" and its NUL */
#define GREMC_ADDR_TEXT   46 /* the longest IPv6 address and its NUL */
#define GREMC_PREFIX_TEXT 50 /* "/128" more */
#define GREMC_MAC_TEXT    18 /* "00:00:00:00:00:00" and its NUL */

/* Initializers of constants. */
#define GREMC_ADDR_IPV4(address)                                                                             \
	{                                                                                                    \
		.words = {(address)}, .family = GREMC_FAMILY_IPV4                                            \
	}
#define GREMC_PREFIX_IPV4(address, length)                                                                   \
	{                                                                                                    \
		GREMC_ADDR_IPV4(address), (length)                                                           \
	}

/* ---- classes of IPv4 addresses ---- */

/* The netmask of a prefix length of 0 to 32. */
static inline rte_be32_t gremc_ipv4_mask(uint32_t length)
{
	return length ? rte_cpu_to_be_32(UINT32_MAX << (32 - length)) : 0;
}

/* Whether the address is in 224.0.0.0/4. */
static inline bool gremc_ipv4_is_multicast(rte_be32_t address)
{
	return (address & RTE_BE32(0xf0000000)) == RTE_BE32(0xe0000000);
}

/* Whether the address is in 224.0.0.0/24, which is never forwarded (RFC 5771, 4). */
static inline bool gremc_ipv4_is_link_local_group(rte_be32_t address)
{
	return (address & RTE_BE32(0xffffff00)) == RTE_BE32(0xe0000000);
}

/* 232.0.0.0/8, source-specific only (RFC 4607) */
#define GREMC_SSM_GROUPS RTE_BE32(0xe8000000)
#define GREMC_SSM_LENGTH 8

/* Whether the group is source-specific (RFC 4607). */
static inline bool gremc_ipv4_is_ssm(rte_be32_t address)
{
	return (address & RTE_BE32(0xff000000)) == GREMC_SSM_GROUPS;
}

/* ---- addresses ---- */

/* Make an address of an IPv4 address; 0.0.0.0 is one, too. */
static inline struct gremc_addr gremc_addr_from_ipv4(rte_be32_t address)
{
	return (struct gremc_addr)GREMC_ADDR_IPV4(address);
}

/* Make an address of an IPv4 address; without a family if it is 0.0.0.0. */
static inline struct gremc_addr gremc_addr_from_ipv4_or_none(rte_be32_t address)
{
	return address ? gremc_addr_from_ipv4(address) : (struct gremc_addr){.family = GREMC_FAMILY_NONE};
}

/* The IPv4 address; 0 without a family.
 * Input:   not an IPv6 address. */
static inline rte_be32_t gremc_addr_to_ipv4(const struct gremc_addr *addr)
{
	gremc_assert(addr->family != GREMC_FAMILY_IPV6);
	return addr->ipv4;
}

/* Whether this is an address. */
static inline bool gremc_addr_is_set(const struct gremc_addr *addr)
{
	return addr->family != GREMC_FAMILY_NONE;
}

/* Bits of an address of the family; 0 without one. */
static inline uint32_t gremc_family_bits(uint32_t family)
{
	return family == GREMC_FAMILY_IPV4 ? 32 : family == GREMC_FAMILY_IPV6 ? 128 : 0;
}

/* Parse an IPv4 or IPv6 address and nothing else.
 * Errors:  -EINVAL: *addr is unchanged. */
__rte_warn_unused_result int gremc_addr_parse(const char *text, struct gremc_addr *addr);
/* Write at most GREMC_ADDR_TEXT bytes; "none" without a family.
 * Returns: text. */
char *gremc_addr_format(char *text, const struct gremc_addr *addr);
/* Returns: a number below, equal to or above 0, by family and then by value. */
int gremc_addr_compare(const struct gremc_addr *a, const struct gremc_addr *b);

/* Whether both are equal, family included. */
static inline bool gremc_addr_is_equal(const struct gremc_addr *a, const struct gremc_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* A hash of the address; the same address has the same hash for one seed. */
static inline uint64_t gremc_addr_hash(const struct gremc_addr *addr, uint64_t seed)
{
	uint64_t words[2], hash = seed ^ (uint64_t)addr->family << 56;

	memcpy(words, addr->bytes, sizeof(words));
	for (unsigned i = 0; i < 2; i++) {
		hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash;
}

/* Whether the address is multicast: 224.0.0.0/4 or ff00::/8. */
bool gremc_addr_is_multicast(const struct gremc_addr *addr);
/* Whether the group is source-specific: 232.0.0.0/8 or ff3x::/32 (RFC 4607). */
bool gremc_addr_is_ssm(const struct gremc_addr *addr);

/* Parse a dotted quad and nothing else.
 * Errors:  -EAFNOSUPPORT: an IPv6 address; -EINVAL: not an address; *address is unchanged. */
__rte_warn_unused_result int gremc_ipv4_parse(const char *text, rte_be32_t *address);
/* Write at most GREMC_IPV4_TEXT bytes.
 * Returns: text. */
char *gremc_ipv4_format(char *text, rte_be32_t address);
/* Write GREMC_MAC_TEXT bytes, with digits in lower case.
 * Returns: text. */
char *gremc_mac_format(char *text, const struct rte_ether_addr *mac);

/* ---- prefixes ---- */

/* Parse ADDRESS/LENGTH, or ADDRESS with all bits of its family.
 * Returns: 0; in *address, unless NULL, the address with the bits behind the length.
 * Errors:  -EINVAL: not a prefix; -ERANGE: the length exceeds the family's; *prefix is unchanged. */
__rte_warn_unused_result int gremc_prefix_parse(const char *text, struct gremc_prefix *prefix,
						struct gremc_addr *address);
/* Write at most GREMC_PREFIX_TEXT bytes.
 * Returns: text. */
char *gremc_prefix_format(char *text, const struct gremc_prefix *prefix);
/* Returns: the prefix of this length that the address is inside.
 * Input:   length is at most that of the address's family. */
struct gremc_prefix gremc_prefix_of(const struct gremc_addr *address, uint32_t length);
/* Whether the address has the prefix's family and is inside it. */
bool gremc_prefix_covers(const struct gremc_prefix *prefix, const struct gremc_addr *addr);

/* Whether both are equal, family included. */
static inline bool gremc_prefix_is_equal(const struct gremc_prefix *a, const struct gremc_prefix *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Whether the prefix is a single address. */
static inline bool gremc_prefix_is_single(const struct gremc_prefix *prefix)
{
	return prefix->length == gremc_family_bits(prefix->address.family);
}

#endif
