/* SPDX-License-Identifier: BSD-3-Clause */
#include "netlink/netlink.h"

void gremc_attribute_addr_put(struct nlmsghdr *request, uint16_t type, const struct gremc_addr *addr)
{
	gremc_assert(gremc_addr_is_set(addr));
	mnl_attr_put(request, type, gremc_family_bits(addr->family) / 8, addr->bytes);
}

struct gremc_addr gremc_attribute_addr_get(const struct nlattr *attribute)
{
	const uint16_t length = mnl_attr_get_payload_len(attribute);
	struct gremc_addr addr = {0};

	if (length == sizeof(addr.ipv4))
		addr.family = GREMC_FAMILY_IPV4;
	else if (length == sizeof(addr.bytes))
		addr.family = GREMC_FAMILY_IPV6;
	else
		return addr;
	memcpy(addr.bytes, mnl_attr_get_payload(attribute), length);
	return addr;
}
