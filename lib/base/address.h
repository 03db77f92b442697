/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and prefixes: text, comparison and classes. The data path and its tables use IPv4 addresses of 4
 * bytes; code that has to hold either family uses struct gremc_addr. */
#ifndef GREMC_BASE_ADDRESS_H
#define GREMC_BASE_ADDRESS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

/* ---- IPv4, the family of the data path ---- */

/* An IPv4 prefix or group range. */
struct gremc_prefix {
	rte_be32_t address; /* host bits are zero */
	uint8_t length;     /* 0 to 32 */
};

#define GREMC_IPV4_TEXT   16 /* "255.255.255.255" and its NUL */
#define GREMC_PREFIX_TEXT 19 /* "255.255.255.255/32" and its NUL */
#define GREMC_MAC_TEXT    18 /* "00:00:00:00:00:00" and its NUL */

/* Parse a dotted quad and nothing else.
 * Errors:  -EINVAL: *address is unchanged. */
int gremc_ipv4_parse(const char *text, rte_be32_t *address);
/* Write at most GREMC_IPV4_TEXT bytes.
 * Returns: text. */
char *gremc_ipv4_format(char *text, rte_be32_t address);
/* Parse ADDRESS/LENGTH, or ADDRESS with a length of 32.
 * Returns: 0; the host bits in *host_bits unless that is NULL, and *prefix without them.
 * Errors:  -EINVAL: not a prefix; -ERANGE: length over 32. */
int gremc_prefix_parse(const char *text, struct gremc_prefix *prefix, rte_be32_t *host_bits);
/* Write at most GREMC_PREFIX_TEXT bytes.
 * Returns: text. */
char *gremc_prefix_format(char *text, const struct gremc_prefix *prefix);
/* Write GREMC_MAC_TEXT bytes, with digits in lower case.
 * Returns: text. */
char *gremc_mac_format(char *text, const struct rte_ether_addr *mac);

/* The netmask of a prefix length of 0 to 32. */
static inline rte_be32_t gremc_netmask(uint8_t length)
{
	return length ? rte_cpu_to_be_32(UINT32_MAX << (32 - length)) : 0;
}

/* Whether address and length are equal. */
static inline bool gremc_prefix_is_equal(const struct gremc_prefix *a, const struct gremc_prefix *b)
{
	return a->address == b->address && a->length == b->length;
}

/* Whether the address is inside the prefix. */
static inline bool gremc_prefix_covers(const struct gremc_prefix *prefix, rte_be32_t address)
{
	return (address & gremc_netmask(prefix->length)) == prefix->address;
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

/* ---- both families ---- */

enum gremc_family { GREMC_FAMILY_NONE, GREMC_FAMILY_IPV4, GREMC_FAMILY_IPV6 };

/* An address of either family. Bytes beyond those of the family are 0, so that it is compared and hashed as a
 * whole. */
struct gremc_addr {
	union {
		rte_be32_t ipv4;
		uint8_t bytes[16]; /* in network order */
	};
	uint32_t family; /* enum gremc_family */
};

static_assert(sizeof(struct gremc_addr) == 16 + sizeof(uint32_t), "an address has no padding");

/* A prefix of either family, or a range of groups. Bits behind the length are 0. */
struct gremc_addr_prefix {
	struct gremc_addr address;
	uint32_t length; /* 0 to 32, or 0 to 128 */
};

static_assert(sizeof(struct gremc_addr_prefix) == sizeof(struct gremc_addr) + sizeof(uint32_t),
	      "a prefix has no padding");

#define GREMC_ADDR_TEXT        46 /* the longest IPv6 address and its NUL */
#define GREMC_ADDR_PREFIX_TEXT 50 /* "/128" more */

/* Make an address of an IPv4 address. */
static inline struct gremc_addr gremc_addr_from_ipv4(rte_be32_t address)
{
	struct gremc_addr addr = {.bytes = {0}, .family = GREMC_FAMILY_IPV4};

	addr.ipv4 = address;
	return addr;
}

/* Bits of an address of the family; 0 without one. */
static inline uint32_t gremc_family_bits(uint32_t family)
{
	return family == GREMC_FAMILY_IPV4 ? 32 : family == GREMC_FAMILY_IPV6 ? 128 : 0;
}

/* Parse an IPv4 or IPv6 address and nothing else.
 * Errors:  -EINVAL: *addr is unchanged. */
int gremc_addr_parse(const char *text, struct gremc_addr *addr);
/* Write at most GREMC_ADDR_TEXT bytes; "none" without a family.
 * Returns: text. */
char *gremc_addr_format(char *text, const struct gremc_addr *addr);
/* Returns: a number below, equal to or above 0, by family and then by value. */
int gremc_addr_compare(const struct gremc_addr *a, const struct gremc_addr *b);
/* Whether both are equal, family included. */
bool gremc_addr_equal(const struct gremc_addr *a, const struct gremc_addr *b);
/* A hash of the address; the same address has the same hash for one seed. */
uint64_t gremc_addr_hash(const struct gremc_addr *addr, uint64_t seed);
/* Whether the address is multicast: 224.0.0.0/4 or ff00::/8. */
bool gremc_addr_is_multicast(const struct gremc_addr *addr);
/* Parse ADDRESS/LENGTH, or ADDRESS with all bits of its family.
 * Returns: 0; in *has_host_bits, unless NULL, whether bits behind the length were set and are cleared.
 * Errors:  -EINVAL: not a prefix; -ERANGE: the length exceeds the family's. */
int gremc_addr_prefix_parse(const char *text, struct gremc_addr_prefix *prefix, bool *has_host_bits);
/* Write at most GREMC_ADDR_PREFIX_TEXT bytes.
 * Returns: text. */
char *gremc_addr_prefix_format(char *text, const struct gremc_addr_prefix *prefix);
/* Whether the address has the prefix's family and is inside it. */
bool gremc_addr_prefix_covers(const struct gremc_addr_prefix *prefix, const struct gremc_addr *addr);

#endif
