/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "host/host_priv.h"

bool gremc_link_address_is_equal(const struct gremc_link_address *a, const struct gremc_link_address *b)
{
	return a->length == b->length && gremc_addr_is_equal(&a->address, &b->address) &&
	       gremc_addr_is_equal(&a->peer, &b->peer);
}

/* A search for an address of the device with the same local part and length. */
struct address_search {
	const struct gremc_link_address *configured;
	struct gremc_link_address found; /* with the same peer if is_same, else with another one */
	uint8_t protocol;
	bool is_same, is_there;
};

static void address_search_match(void *argument, const struct gremc_link_address *address, uint8_t protocol)
{
	struct address_search *search = argument;

	search->is_same |= gremc_link_address_is_equal(address, search->configured);
	if (!gremc_addr_is_equal(&address->address, &search->configured->address) ||
	    address->length != search->configured->length)
		return;
	search->found = *address;
	search->protocol = protocol;
	search->is_there = true;
}

static void device_peer_warn(const struct gremc_device *device, const struct gremc_link_address *configured,
			     const struct gremc_link_address *found)
{
	const struct gremc_prefix prefix = {configured->address, configured->length};
	const bool has_peer = gremc_addr_is_set(&found->peer);
	char text[GREMC_PREFIX_TEXT], peer[GREMC_ADDR_TEXT];

	GREMC_LOG(
		WARNING,
		"%s: the address %s is not set as configured: it is there with %s %s, which the configuration "
		"did not give; `ip addr del` removes it",
		device->name, gremc_prefix_format(text, &prefix), has_peer ? "the peer" : "no peer",
		has_peer ? gremc_addr_format(peer, &found->peer) : "");
}

void gremc_device_address_add(struct gremc_host *host, const struct gremc_device *device,
			      const struct gremc_link_address *address)
{
	const struct gremc_prefix prefix = {address->address, address->length};
	struct address_search search = {.configured = address};
	int rc = gremc_address_set(&host->netlink, device->ifindex, address, true);

	if (rc == -EEXIST) {
		rc = gremc_address_each(&host->netlink, device->ifindex, address_search_match, &search);
		if (rc == 0 && search.is_same)
			return;
		if (rc == 0 && search.is_there && search.protocol != GREMC_RTPROT) {
			device_peer_warn(device, address, &search.found);
			return;
		}
		if (rc == 0 && search.is_there)
			rc = gremc_address_set(&host->netlink, device->ifindex, &search.found, false);
		if (rc == 0)
			rc = gremc_address_set(&host->netlink, device->ifindex, address, true);
	}
	gremc_device_prefix_warn(device, "add the address", &prefix, rc);
}
