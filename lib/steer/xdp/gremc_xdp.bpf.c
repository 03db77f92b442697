/* SPDX-License-Identifier: BSD-3-Clause */
/* The XDP program of a port with `interface:`. The kernel runs it for each frame that the interface receives:
 *
 *   taken   IPv4 in GRE or GRE-in-UDP of a tunnel in gremc_tunnels, except fragments (the forwarder does not
 * reassemble, RFC 7588); IPv4 multicast of gremc_flows and gremc_groups, except control traffic
 *           (proto/control.h)
 *   passed  all other frames: ARP, IPv6, SSH, ping, other GRE and UDP, other VLANs, malformed frames
 *
 * A taken frame goes to the AF_XDP socket of its queue. Without a socket, after the forwarder has ended, the
 * program passes it. The maps are empty after loading, so the program passes all frames until the forwarder
 * fills them. */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "proto/control.h"
#include "proto/gre.h"
#include "steer/xdp/maps.h"

#define VLAN_ID_MASK   0x0fff
#define FRAGMENT_BITS  0x3fff /* MF and offset */
#define ADDRESS_BITS   32
#define MULTICAST_MASK 0xf0000000
#define MULTICAST      0xe0000000

struct vlan_tag {
	__be16 control;
	__be16 type;
};

/* DPDK's driver stores its sockets in the map of this name. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, GREMC_XDP_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GREMC_XDP_TUNNELS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct gremc_xdp_tunnel);
	__type(value, __u32);
} GREMC_XDP_TUNNELS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, GREMC_XDP_GROUPS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct gremc_xdp_group);
	__type(value, __u32);
} GREMC_XDP_GROUPS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GREMC_XDP_GROUPS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct gremc_xdp_flow);
	__type(value, __u32);
} GREMC_XDP_FLOWS SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} GREMC_XDP_VLAN SEC(".maps");

/* Returns the IPv4 header behind Ethernet and at most one VLAN tag; NULL when there is none, or when the VLAN
 * is not the port's. */
static __always_inline const struct iphdr *frame_ip_header(const void *data, const void *end)
{
	const struct ethhdr *ether = data;
	const struct vlan_tag *tag = (const struct vlan_tag *)(ether + 1);
	const struct iphdr *ip = (const struct iphdr *)tag;
	__u32 vlan = 0, zero = 0, *port_vlan;
	__be16 type;

	if ((const void *)(ether + 1) > end)
		return NULL;
	type = ether->h_proto;
	if (type == bpf_htons(ETH_P_8021Q)) {
		if ((const void *)(tag + 1) > end)
			return NULL;
		/* VLAN 0 is a priority tag of an untagged frame (802.1Q) */
		vlan = bpf_ntohs(tag->control) & VLAN_ID_MASK;
		type = tag->type;
		ip = (const struct iphdr *)(tag + 1);
	}
	port_vlan = bpf_map_lookup_elem(&GREMC_XDP_VLAN, &zero);
	if (type != bpf_htons(ETH_P_IP) || !port_vlan || *port_vlan != vlan || (const void *)(ip + 1) > end)
		return NULL;
	return ip->version == 4 && ip->ihl >= 5 ? ip : NULL;
}

/* Control traffic is never forwarded; daemons on the kernel receive it. */
static __always_inline bool packet_is_control(const struct iphdr *ip)
{
	const __u32 group = bpf_ntohl(ip->daddr), protocol = ip->protocol;

#define GREMC_X(row_protocol, row_group, row_length, reason)                                                 \
	if (GREMC_CONTROL_MATCHES(row_protocol, row_group, row_length, protocol, group))                     \
		return true;
	GREMC_CONTROL_TABLE(GREMC_X)
#undef GREMC_X
	return false;
}

static __always_inline bool packet_is_own_group(const struct iphdr *ip)
{
	struct gremc_xdp_group key = {.length = ADDRESS_BITS, .address = ip->daddr};
	struct gremc_xdp_flow flow = {.source = ip->saddr, .group = ip->daddr};
	__u32 *state;

	if (packet_is_control(ip))
		return false;
	state = bpf_map_lookup_elem(&GREMC_XDP_FLOWS, &flow);
	if (state == NULL)
		state = bpf_map_lookup_elem(&GREMC_XDP_GROUPS, &key);
	if (state == NULL)
		return false;
	if (*state != GREMC_XDP_PASS_NEXT)
		return true;
	/* a race of two CPUs may pass two packets, which is harmless */
	*state = GREMC_XDP_TAKE;
	return false;
}

struct gre_header {
	__be16 flags, protocol;
};

/* Tunnels of the kernel and of other programs differ in addresses, key, protocol type (gretap, ERSPAN, IPv6)
 * or version (PPTP). */
static __always_inline bool packet_is_own_tunnel(const struct iphdr *ip, const void *end)
{
	const void *payload = (const void *)ip + ip->ihl * 4;
	struct gremc_xdp_tunnel tunnel = {.local = ip->daddr, .remote = ip->saddr};
	const struct gre_header *gre;
	const __be32 *key;
	__be16 flags;

	if (ip->frag_off & bpf_htons(FRAGMENT_BITS))
		return false;
	if (ip->protocol == IPPROTO_UDP) {
		const struct udphdr *udp = payload;

		if ((const void *)(udp + 1) > end)
			return false;
		tunnel.udp_port = udp->dest;
		payload = udp + 1;
	} else if (ip->protocol != IPPROTO_GRE) {
		return false;
	}
	gre = payload;
	key = (const __be32 *)(gre + 1);
	if ((const void *)(gre + 1) > end)
		return false;
	flags = gre->flags;
	if (flags & bpf_htons(GREMC_GRE_ROUTING | GREMC_GRE_MBZ | GREMC_GRE_VERSION) ||
	    gre->protocol != bpf_htons(GREMC_GRE_IPV4))
		return false;
	if (flags & bpf_htons(GREMC_GRE_KEY)) {
		if (flags & bpf_htons(GREMC_GRE_CHECKSUM))
			key++;
		if ((const void *)(key + 1) > end)
			return false;
		tunnel.key = *key;
		tunnel.has_key = 1;
	}
	return bpf_map_lookup_elem(&GREMC_XDP_TUNNELS, &tunnel) != NULL;
}

SEC("xdp")
int GREMC_XDP_PROGRAM(struct xdp_md *context)
{
	const void *data = (const void *)(long)context->data, *end = (const void *)(long)context->data_end;
	const struct iphdr *ip = frame_ip_header(data, end);

	if (ip == NULL)
		return XDP_PASS;
	if ((ip->daddr & bpf_htonl(MULTICAST_MASK)) == bpf_htonl(MULTICAST) ? !packet_is_own_group(ip)
									    : !packet_is_own_tunnel(ip, end))
		return XDP_PASS;
	return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

/* The helpers that this program calls are not restricted to GPL programs. */
char LICENSE[] SEC("license") = "BSD";
