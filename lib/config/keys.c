/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of keys. */
#include <limits.h>
#include <string.h>

#include "config/config_priv.h"

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define PORT(member)        FIELD(struct port_draft, port.member)
#define TUNNEL(member)      FIELD(struct tunnel_draft, tunnel.member)
#define SETTING(member)     FIELD(struct gremc_config_settings, member)
#define TIMING(member)      FIELD(struct gremc_config_igmp_timing, member)
#define MROUTE(member)      FIELD(struct gremc_config_mroute, member)
#define IGMP(member)        FIELD(struct gremc_config_igmp, member)
#define POLICY(member)      FIELD(struct gremc_config_policy, member)
#define RATE(member)        FIELD(struct gremc_config_rate, member)
#define SCALAR(reader)      .scalar = gremc_config_read_##reader
#define LIST(reader)        .node = gremc_config_read_##reader, .node_type = YAML_SEQUENCE_NODE
#define MAPPING(reader)     .node = gremc_config_read_##reader, .node_type = YAML_MAPPING_NODE

#define PORTS   (IN(ETHERNET) | IN(BOND))
#define BOOLEAN "`true` or `false`"
#define UNICAST "an IPv4 address"

/* clang-format off */
/* A row a key, in the order of enum key_id. */
const struct key gremc_config_keys[KEY_COUNT] = {
	[KEY_NETWORK] = {"network", IN(TOP), "a mapping of the other keys",
		.meaning = "the wrapper of netplan, accepted and not needed: it may contain the other keys."},
	[KEY_VERSION] = {"version", IN(TOP), .minimum = 2, .maximum = 2, SCALAR(version),
		.meaning = "the version of netplan's format, accepted and not needed."},
	[KEY_ETHERNETS] = {"ethernets", IN(TOP), "a mapping of NAME to Ethernet", MAPPING(ethernets),
		.meaning = "the Ethernet ports, at most " RTE_STR(GREMC_CONFIG_PORTS_MAX) " together with the bonds."},
	[KEY_BONDS] = {"bonds", IN(TOP), "a mapping of NAME to bond", MAPPING(bonds),
		.meaning = "several Ethernets that act as one."},
	[KEY_TUNNELS] = {"tunnels", IN(TOP), "a mapping of NAME to tunnel", MAPPING(tunnels),
		.meaning = "the GRE tunnels, at most " RTE_STR(GREMC_CONFIG_TUNNELS_MAX) "."},
	[KEY_MROUTES] = {"mroutes", IN(TOP), "a list of mroutes, or `kernel`", SCALAR(origin), LIST(mroutes),
		.meaning = "the multicast routes, at most " RTE_STR(GREMC_CONFIG_MROUTES_MAX) ". `kernel`, alone or "
			"in the list, adds the multicast routes of the kernel."},
	[KEY_TIMING] = {"igmp", IN(TOP), "a mapping of intervals", MAPPING(timing),
		.meaning = "the timers of IGMP, for all vifs (RFC 3376, 8)."},
	[KEY_SETTINGS] = {"settings", IN(TOP), "a mapping of settings", MAPPING(settings),
		.meaning = "settings of the forwarder itself."},

	[KEY_ETHERNET_DEVICE] = {"device", IN(ETHERNET), "the EAL's name of a device, 1 to 63 characters",
		SCALAR(device), PORT(device),
		.needs_restart = true,
		.meaning = "a PCI address such as 0000:01:00.0, or a virtual device such as net_af_packet0. An "
			"Ethernet has this or `interface`."},
	[KEY_INTERFACE] = {"interface", IN(ETHERNET), "the name of a network interface of the kernel",
		SCALAR(interface), PORT(interface),
		.needs_restart = true,
		.meaning = "instead of `device`: the kernel keeps this interface, and AF_XDP redirects only the "
			"packets of the forwarder: those of the tunnels, and with `multicast` the groups of "
			"mroutes from the port. See docs/operations.md."},
	[KEY_ISOLATE] = {"isolate", IN(ETHERNET), BOOLEAN, .fallback = "false", SCALAR(boolean),
		PORT(isolate),
		.needs_restart = true,
		.meaning = "the kernel keeps the device (NICs with a bifurcated driver, such as mlx5). Flow rules "
			"direct the same packets as with `interface` to the forwarder."},
	[KEY_INTERFACES] = {"interfaces", IN(BOND), "a list of names of Ethernets", LIST(interfaces),
		.needs_restart = true,
		.meaning = "the members, 1 to " RTE_STR(GREMC_CONFIG_MEMBERS_MAX) ". A member has only the key `device`."},
	[KEY_PARAMETERS] = {"parameters", IN(BOND), "a mapping with `mode`", MAPPING(parameters),
		.meaning = "required with `interfaces`."},
	[KEY_BOND_DEVICE] = {"device", IN(BOND), "the EAL's name of a device, 1 to 63 characters",
		SCALAR(device), PORT(device),
		.needs_restart = true,
		.meaning = "instead of `interfaces` and `parameters`: a bond that the EAL made, such as "
			"net_bonding0."},
	[KEY_ADDRESSES] = {"addresses", PORTS, "a list of ADDRESS/LENGTH", LIST(addresses),
		.meaning = "the port's own addresses. The `local` of a tunnel is one of them."},
	[KEY_GATEWAY4] = {"gateway4", PORTS, UNICAST, SCALAR(gateway),
		.meaning = "the default route's next hop, inside a network of the port."},
	[KEY_ROUTES] = {"routes", PORTS, "a list of mappings with `to` and `via`", LIST(routes),
		.meaning = "the routes to other networks. The longest prefix wins."},
	[KEY_NEIGHBORS] = {"neighbors", PORTS, "a mapping of ADDRESS to MAC", MAPPING(neighbors),
		.meaning = "MAC addresses of next hops: of `gateway4`, of a `via`, and of a remote in a network "
			"of the port. Without `host` each next hop needs one; with it an entry overrides the "
			"kernel's."},
	[KEY_MTU] = {"mtu", PORTS, .minimum = 68, .maximum = 65535, SCALAR(number), PORT(mtu),
		.needs_restart = true,
		.meaning = "bytes of the largest IP packet. Without it: the MTU of the device."},
	[KEY_VLAN] = {"vlan", PORTS, .minimum = 1, .maximum = 4094, SCALAR(number), PORT(vlan),
		.needs_restart = true,
		.meaning = "the 802.1Q tag of all frames of the port. Without it: untagged."},
	[KEY_PCP] = {"pcp", PORTS, "`dscp`, or a mapping of DSCP to a number from 0 to 7", 0, 7,
		.fallback = "0", SCALAR(pcp), MAPPING(pcp_map),
		.meaning = "the priority in the `vlan` tag of frames that the port sends, by the DSCP of the outer "
			"header: one number for all; or the upper three bits of the DSCP (`dscp`); or a number "
			"for each DSCP, 0 for those that the mapping does not have."},
	[KEY_MULTICAST] = {"multicast", PORTS, BOOLEAN, .fallback = "false", SCALAR(boolean),
		PORT(multicast),
		.needs_restart = true,
		.meaning = "native multicast enters and leaves by the port: mroutes may name it."},
	[KEY_PORT_IGMP] = {"igmp", PORTS, "a mapping", .keywords = &gremc_igmp_mode_keywords, .fallback = "off",
		SCALAR(igmp_word), MAPPING(igmp), PORT(igmp),
		.meaning = "hosts join groups by IGMP on the port. Needs `multicast: true`."},
	[KEY_PORT_POLICY] = {"policy", PORTS, "a mapping", MAPPING(policy), PORT(policy),
		.meaning = "limits of the native multicast of the port. Needs `multicast: true`."},
	[KEY_HOST] = {"host", PORTS, BOOLEAN, .fallback = "false", SCALAR(boolean), PORT(host),
		.meaning = "the kernel gets the port as a TAP device of its name: packets that are not forwarded "
			"go to it, and its routes and neighbours give the next hops of the tunnels."},

	[KEY_BOND_MODE] = {"mode", IN(PARAMETERS), .keywords = &gremc_bond_mode_keywords, .required = true,
		SCALAR(mode), PORT(mode),
		.needs_restart = true,
		.meaning = "the bonding mode."},

	[KEY_ROUTE_TO] = {"to", IN(ROUTE), "ADDRESS/LENGTH, or `default`", .required = true,
		SCALAR(route_to),
		.meaning = "the destination network."},
	[KEY_ROUTE_VIA] = {"via", IN(ROUTE), UNICAST, SCALAR(address),
		FIELD(struct gremc_config_route, via),
		.meaning = "the next hop, inside a network of the port, or any with `on-link`."},
	[KEY_ROUTE_ON_LINK] = {"on-link", IN(ROUTE), BOOLEAN, .fallback = "false", SCALAR(boolean),
		FIELD(struct gremc_config_route, on_link),
		.meaning = "`via` is on the port's link although it is in no network of the port."},

	[KEY_TUNNEL_MODE] = {"mode", IN(TUNNEL), .keywords = &gremc_tunnel_mode_keywords, .fallback = "gre",
		SCALAR(tunnel_mode),
		.meaning = "`gre`: GRE over IPv4. `gre-udp`: GRE in UDP over IPv4 (RFC 8086)."},
	[KEY_UDP_PORT] = {"port", IN(TUNNEL), .minimum = 1, .maximum = 65535, SCALAR(udp_port),
		TUNNEL(options.udp_port),
		.meaning = "UDP destination port of `gre-udp`, in both directions. Without it: "
			RTE_STR(GREMC_UDP_GRE_PORT) "."},
	[KEY_UDP_CHECKSUM] = {"udp-checksum", IN(TUNNEL), BOOLEAN, SCALAR(udp_checksum),
		TUNNEL(options.udp_checksum),
		.meaning = "sent packets of `gre-udp` have a UDP checksum. Without it: false (RFC 8086, 6.1). "
			"That of a received packet is verified in any case."},
	[KEY_LOCAL] = {"local", IN(TUNNEL), UNICAST, .required = true, SCALAR(endpoint), TUNNEL(options.local),
		.meaning = "outer address of this end: an address of a port."},
	[KEY_REMOTE] = {"remote", IN(TUNNEL), UNICAST, .required = true, SCALAR(endpoint), TUNNEL(options.remote),
		.meaning = "outer address of the other end."},
	[KEY_KEY] = {"key", IN(TUNNEL),
		"a number from 0 to 4294967295, a dotted quad, or a mapping with `input` and `output`",
		SCALAR(key), MAPPING(key_pair),
		.meaning = "GRE key. Without it packets have no key, which differs from the key 0."},
	[KEY_TTL] = {"ttl", IN(TUNNEL), "`inherit`", 1, 255, .fallback = "64", SCALAR(ttl),
		.meaning = "outer TTL; `inherit` copies the inner one."},
	[KEY_TOS] = {"tos", IN(TUNNEL), "divisible by 4 (for ECN see `ecn`), or `inherit`", 0, 252,
		.fallback = "0", SCALAR(tos),
		.meaning = "outer DSCP, shifted left by 2; `inherit` copies the inner one."},
	[KEY_DSCP_MAP] = {"dscp-map", IN(TUNNEL), "a mapping of DSCP to DSCP", MAPPING(dscp_map),
		.meaning = "outer DSCP by inner DSCP, such as `{af41: ef, 46: 46}`: names, or numbers from 0 to 63. "
			"`tos` has the outer DSCP of packets whose DSCP the mapping does not have."},
	[KEY_ECN] = {"ecn", IN(TUNNEL), .keywords = &gremc_ecn_mode_keywords, .fallback = "normal",
		SCALAR(keyword), TUNNEL(options.ecn),
		.meaning = "the outer ECN field: `normal` copies the inner one; `compatibility` clears it, for a "
			"peer that discards the outer field (RFC 6040). That of received packets is merged into "
			"the inner one in any case."},
	[KEY_DF] = {"df", IN(TUNNEL), .keywords = &gremc_df_keywords, .fallback = "true", SCALAR(df),
		.meaning = "outer Don't Fragment bit; `inherit` copies the inner one."},
	[KEY_CHECKSUM] = {"checksum", IN(TUNNEL), BOOLEAN, .fallback = "false", SCALAR(boolean),
		TUNNEL(options.checksum),
		.meaning = "sent packets have a GRE checksum (RFC 2784). That of a received packet is verified "
			"in any case."},
	[KEY_SEQUENCE] = {"sequence", IN(TUNNEL), .keywords = &gremc_sequence_keywords, .fallback = "off",
		SCALAR(keyword), TUNNEL(options.sequence),
		.meaning = "sent packets have a GRE sequence number (RFC 2890). `count` counts loss, reordering "
			"and duplicates of received packets; `strict` drops packets that are not above the "
			"last number or have none."},
	[KEY_TUNNEL_MTU] = {"mtu", IN(TUNNEL), .minimum = 68, .maximum = 65535, SCALAR(number), TUNNEL(options.mtu),
		.meaning = "bytes of the largest inner packet. Without it: the port's MTU less 24, and less "
			"4 more for each of output key, checksum and sequence number, and 8 more for `gre-udp`."},
	[KEY_IGNORE_DF] = {"ignore-df", IN(TUNNEL), BOOLEAN, .fallback = "false", SCALAR(boolean),
		TUNNEL(ignore_df),
		.meaning = "fragment inner packets above `mtu` although their DF is set. Those with DF clear are "
			"fragmented in any case."},
	[KEY_TUNNEL_ADDRESSES] = {"addresses", IN(TUNNEL), "a list of one ADDRESS or ADDRESS/LENGTH",
		LIST(tunnel_addresses),
		.meaning = "inner address of this end."},
	[KEY_PEER] = {"peer", IN(TUNNEL), UNICAST, SCALAR(address), TUNNEL(peer),
		.meaning = "inner address of the other end."},
	[KEY_TUNNEL_ROUTES] = {"routes", IN(TUNNEL), "a list of mappings with `to` and `via`",
		LIST(tunnel_routes),
		.meaning = "routes of the kernel by the tunnel's interface. Needs `host: true`."},
	[KEY_TUNNEL_IGMP] = {"igmp", IN(TUNNEL), "a mapping", .keywords = &gremc_igmp_mode_keywords,
		.fallback = "off", SCALAR(igmp_word), MAPPING(igmp), TUNNEL(igmp),
		.meaning = "hosts at the other end join groups by IGMP."},
	[KEY_TUNNEL_POLICY] = {"policy", IN(TUNNEL), "a mapping", MAPPING(policy), TUNNEL(policy),
		.meaning = "limits of the multicast of the tunnel."},
	[KEY_TUNNEL_HOST] = {"host", IN(TUNNEL), BOOLEAN, .fallback = "false", SCALAR(boolean),
		TUNNEL(host),
		.meaning = "the kernel gets the tunnel as a TUN device of its name: unicast, link-local multicast "
			"and multicast without an mroute go to it."},

	[KEY_KEEPALIVE] = {"keepalive", IN(TUNNEL), "a mapping with `interval` and `retries`", MAPPING(keepalive),
		.meaning = "send GRE keepalives, as routers of Cisco, Huawei and MikroTik do. Those of the peer "
			"are answered in any case."},
	[KEY_LIVENESS] = {"liveness", IN(TUNNEL), .keywords = &gremc_liveness_keywords, SCALAR(liveness),
		.meaning = "the sign of life of the peer: an answer to a keepalive, or any packet (`traffic`). "
			"Without one for `retries` intervals the peer is dead, and no replicas are sent to it. "
			"Without this key: `keepalive` where `keepalive` is set, else `off`."},

	[KEY_INPUT] = {"input", IN(KEY), "a number from 0 to 4294967295, or a dotted quad",
		SCALAR(key_number),
		.meaning = "the key of received packets. Without it: none."},
	[KEY_OUTPUT] = {"output", IN(KEY), "a number from 0 to 4294967295, or a dotted quad",
		SCALAR(key_number),
		.meaning = "the key of packets sent. Without it: none."},

	[KEY_KEEPALIVE_INTERVAL] = {"interval", IN(KEEPALIVE), NULL, 1, 32767, "10", SCALAR(number),
		TUNNEL(liveness.interval),
		.meaning = "seconds between two keepalives, with a jitter of a tenth."},
	[KEY_KEEPALIVE_RETRIES] = {"retries", IN(KEEPALIVE), NULL, 1, 255, "3", SCALAR(number),
		TUNNEL(liveness.retries),
		.meaning = "intervals without a sign of life after which the peer is dead."},

	[KEY_BOUNDARY] = {"boundary", IN(POLICY), "a mapping with `in` and `out`", MAPPING(boundary),
		.meaning = "groups that do not cross the vif."},
	[KEY_POLICY_SOURCES] = {"sources", IN(POLICY), "a mapping with `in` and `out`", MAPPING(policy_sources),
		.meaning = "the only senders whose packets cross the vif."},
	[KEY_TTL_THRESHOLD] = {"ttl-threshold", IN(POLICY), NULL, 0, 254, "0", SCALAR(number),
		POLICY(ttl_threshold),
		.meaning = "packets leave only if their TTL, as received, is greater."},
	[KEY_MAX_FANOUT] = {"max-fanout", IN(POLICY), NULL, 0, 65535, "0", SCALAR(number), POLICY(max_fanout),
		.meaning = "replicas that a packet from the vif may have; those with more are dropped. 0: no limit."},
	[KEY_POLICE] = {"police", IN(POLICY), "a mapping with `in` and `out`", MAPPING(police),
		.meaning = "the largest rate of multicast; packets beyond it are dropped."},

	[KEY_BOUNDARY_IN] = {"in", IN(BOUNDARY), "a list of multicast ADDRESS or ADDRESS/LENGTH",
		LIST(boundary_groups), POLICY(in),
		.meaning = "received packets to these groups are dropped."},
	[KEY_BOUNDARY_OUT] = {"out", IN(BOUNDARY), "a list of multicast ADDRESS or ADDRESS/LENGTH",
		LIST(boundary_groups), POLICY(out),
		.meaning = "packets to these groups do not leave."},

	[KEY_SOURCES_IN] = {"in", IN(SOURCES), "a list of unicast ADDRESS or ADDRESS/LENGTH", LIST(source_list),
		POLICY(in),
		.meaning = "received packets of other senders are dropped. Without it: all pass."},
	[KEY_SOURCES_OUT] = {"out", IN(SOURCES), "a list of unicast ADDRESS or ADDRESS/LENGTH",
		LIST(source_list), POLICY(out),
		.meaning = "packets of other senders do not leave. Without it: all pass."},

	[KEY_POLICE_IN] = {"in", IN(POLICE), "a mapping with `pps`, `kbps` and `burst`", MAPPING(rate),
		POLICY(in.rate),
		.meaning = "the rate of received packets."},
	[KEY_POLICE_OUT] = {"out", IN(POLICE), "a mapping with `pps`, `kbps` and `burst`", MAPPING(rate),
		POLICY(out.rate),
		.meaning = "the rate of replicas."},

	[KEY_PPS] = {"pps", IN(RATE), NULL, 1, 1000000000, NULL, SCALAR(number), RATE(pps),
		.meaning = "packets a second. Without it: no limit of packets."},
	[KEY_KBPS] = {"kbps", IN(RATE), NULL, 1, 1000000000, NULL, SCALAR(number), RATE(kbps),
		.meaning = "1,000 bits a second, of inner IP packets. Without it: no limit of bits."},
	[KEY_BURST] = {"burst", IN(RATE), NULL, 1, 10000, "50", SCALAR(number), RATE(burst),
		.meaning = "milliseconds of the rate that may pass at once: the CBS of RFC 2697, as a time."},

	[KEY_GROUP] = {"group", IN(MROUTE), "a multicast ADDRESS or ADDRESS/LENGTH", .required = true,
		SCALAR(group),
		.meaning = "the destination. The longest prefix wins; a route with a source wins over one "
			"without."},
	[KEY_SOURCE] = {"source", IN(MROUTE), UNICAST, SCALAR(source),
		.meaning = "the sender; `group` is then a single group. Without it: any sender."},
	[KEY_FROM] = {"from", IN(MROUTE), "a name, a list of names, or `any`", .required = true,
		SCALAR(vif), LIST(vifs),
		.meaning = "the tunnels, multicast ports and `host` from which packets are accepted."},
	[KEY_TO] = {"to", IN(MROUTE), "a name, a list of names, or `all`", .required = true, SCALAR(vif),
		LIST(vifs),
		.meaning = "the tunnels, multicast ports and `host` to which packets are sent; never the one by which "
			"a packet arrived."},
	[KEY_ORDER] = {"order", IN(MROUTE), .keywords = &gremc_order_keywords, .fallback = "fixed", SCALAR(keyword),
		MROUTE(order),
		.meaning = "the order in which the interfaces of `to` get a packet. `rotate`: each packet begins with "
			"another one, so that each is the first one equally often."},

	[KEY_COPY_THRESHOLD] = {"copy-threshold", IN(SETTINGS), NULL, 0, 9000, "256", SCALAR(number),
		SETTING(copy_threshold),
		.meaning = "inner packets of up to so many bytes are copied for each replica; replicas of larger "
			"ones share the data."},
	[KEY_SHARD_THRESHOLD] = {"shard-threshold", IN(SETTINGS), NULL, 0, 65535, "512", SCALAR(number),
		SETTING(shard_threshold),
		.meaning = "from so many replicas of one packet on, the workers share the replication, each a part "
			"of the interfaces; 0: never."},
	[KEY_SPREAD] = {"spread", IN(SETTINGS), BOOLEAN, .fallback = "false", SCALAR(boolean), SETTING(spread),
		.meaning = "distribute received flows to workers by inner source and group, for devices that hash "
			"only the outer header and so direct a tunnel to one queue."},
	[KEY_TX_RETRIES] = {"tx-retries", IN(SETTINGS), NULL, 0, 1000, "1000", SCALAR(number),
		SETTING(tx_retries),
		.meaning = "consecutive attempts without a sent packet after which a worker stops waiting for a "
			"port. It then holds up to 512 replicas for the port; further ones are lost as "
			"`tx_full`."},
	[KEY_RX_DESCRIPTORS] = {"rx-descriptors", IN(SETTINGS), NULL, 64, 32768, "1024", SCALAR(number),
		SETTING(rx_descriptors),
		.needs_restart = true,
		.meaning = "requested per receive queue; the device may adjust it."},
	[KEY_TX_DESCRIPTORS] = {"tx-descriptors", IN(SETTINGS), NULL, 64, 32768, "1024", SCALAR(number),
		SETTING(tx_descriptors),
		.needs_restart = true,
		.meaning = "requested per transmit queue; the device may adjust it."},
	[KEY_MAX_SLEEP] = {"max-sleep", IN(SETTINGS), NULL, 1, 20000, "2000", SCALAR(number),
		SETTING(max_sleep),
		.meaning = "microseconds of the longest sleep of an idle thread."},
	[KEY_IDLE] = {"idle", IN(SETTINGS), BOOLEAN, .fallback = "true", SCALAR(boolean), SETTING(idle),
		.meaning = "sleep when idle; `false` polls without pause."},
	[KEY_HOST_PERSIST] = {"host-persist", IN(SETTINGS), BOOLEAN, .fallback = "true", SCALAR(boolean),
		SETTING(host_persist),
		.meaning = "host interfaces, with their addresses and routes, stay when the program stops; "
			"`false` removes them."},

	[KEY_PATH_MTU_MINIMUM] = {"path-mtu-minimum", IN(SETTINGS), NULL, 68, 65535, "552", SCALAR(number),
		SETTING(path_mtu_minimum),
		.meaning = "bytes of an outer packet: ICMP of a router does not lower the MTU of a tunnel below it."},

	[KEY_REASSEMBLE] = {"reassemble", IN(SETTINGS), BOOLEAN, .fallback = "false", SCALAR(boolean),
		SETTING(reassemble),
		.meaning = "reassemble fragmented outer packets of tunnels; without it they are dropped as "
			"`outer_fragment`."},

	[KEY_ROBUSTNESS] = {"robustness", IN(TIMING), NULL, 1, 7, "2", SCALAR(number), TIMING(robustness),
		.meaning = "IGMP Robustness Variable: `robustness` - 1 consecutive losses are tolerated."},
	[KEY_QUERY_INTERVAL] = {"query-interval", IN(TIMING), NULL, 1, 31744, "125", SCALAR(number),
		TIMING(query_interval),
		.meaning = "seconds between general queries."},
	[KEY_RESPONSE_INTERVAL] = {"query-response-interval", IN(TIMING), NULL, 100, 3174400, "10000",
		SCALAR(number), TIMING(response_interval),
		.meaning = "milliseconds in which members answer a general query; less than the query "
			"interval."},
	[KEY_LAST_MEMBER_INTERVAL] = {"last-member-interval", IN(TIMING), NULL, 100, 25500, "1000",
		SCALAR(number), TIMING(last_member_interval),
		.meaning = "milliseconds between the queries after a leave."},
	[KEY_LAST_MEMBER_COUNT] = {"last-member-count", IN(TIMING), NULL, 1, 7, NULL, SCALAR(number),
		TIMING(last_member_count),
		.meaning = "queries after a leave before a member is removed. Without it: `robustness`."},

	[KEY_IGMP_MODE] = {"mode", IN(IGMP), .keywords = &gremc_igmp_mode_keywords, .first_keyword = GREMC_IGMP_QUERIER,
		.fallback = "querier",
		SCALAR(igmp_mode), IGMP(mode),
		.meaning = "`querier` queries hosts for their groups; `upstream`, on at most one vif, reports the "
			"groups of all other vifs to the querier there, as a host does (RFC 4605)."},
	[KEY_IGMP_VERSION] = {"version", IN(IGMP), NULL, 1, 3, "3", SCALAR(number), IGMP(version),
		.meaning = "the version of queries and the newest accepted one; members may use older ones."},
	[KEY_FAST_LEAVE] = {"fast-leave", IN(IGMP), BOOLEAN, .fallback = "false", SCALAR(boolean),
		IGMP(fast_leave),
		.meaning = "apply a leave without a query: for a single host behind the vif."},
	[KEY_ROUTER_ALERT] = {"router-alert", IN(IGMP), BOOLEAN, .fallback = "false", SCALAR(boolean),
		IGMP(router_alert),
		.meaning = "reject messages without the Router Alert option."},
	[KEY_MAX_GROUPS] = {"max-groups", IN(IGMP), NULL, 1, 1048576, "1024", SCALAR(number), IGMP(max_groups),
		.meaning = "memberships that the vif may have at once."},
	[KEY_MAX_SOURCES] = {"max-sources", IN(IGMP), NULL, 0, 65535, "64", SCALAR(number), IGMP(max_sources),
		.meaning = "sources that one membership may have."},
	[KEY_REPORT_RATE] = {"report-rate", IN(IGMP), NULL, 0, 1000000, "1000", SCALAR(number),
		IGMP(report_rate),
		.meaning = "group records a second that may change memberships; 0: no limit. Repetitions do not "
			"count."},
	[KEY_IGMP_GROUPS] = {"groups", IN(IGMP), "a list of multicast ADDRESS or ADDRESS/LENGTH",
		LIST(igmp_groups),
		.meaning = "the groups that may be joined. Without it: all."},
	[KEY_IGMP_SOURCES] = {"sources", IN(IGMP), "a list of unicast ADDRESS or ADDRESS/LENGTH",
		LIST(igmp_sources),
		.meaning = "the senders from which members may receive, at most " RTE_STR(GREMC_CONFIG_SOURCES_MAX)
			". Without it: all."},
	[KEY_JOIN] = {"join", IN(IGMP), "a list of mappings with `group` and `source`", LIST(joins),
		.meaning = "permanent memberships."},

	[KEY_JOIN_GROUP] = {"group", IN(JOIN), "a multicast address", .required = true, SCALAR(join_group),
		FIELD(struct gremc_config_join, group),
		.meaning = "the group."},
	[KEY_JOIN_SOURCE] = {"source", IN(JOIN), UNICAST, SCALAR(address),
		FIELD(struct gremc_config_join, source),
		.meaning = "the sender. Without it: any; in 232.0.0.0/8 it is required."},
};
/* clang-format on */

/* Keys of netplan without effect here, in the order of netplan's reference. */
static const struct netplan_key {
	const char *name;
	unsigned sections;
} netplan_keys[] = {
	{"renderer", IN(TOP) | PORTS | IN(TUNNEL)},
	{"dummy-devices", IN(TOP)},
	{"modems", IN(TOP)},
	{"nm-devices", IN(TOP)},
	{"openvswitch", IN(TOP) | PORTS},
	{"bridges", IN(TOP)},
	{"virtual-ethernets", IN(TOP)},
	{"vlans", IN(TOP)},
	{"vrfs", IN(TOP)},
	{"wifis", IN(TOP)},
	{"accept-ra", PORTS | IN(TUNNEL)},
	{"activation-mode", PORTS | IN(TUNNEL)},
	{"auth", IN(ETHERNET)},
	{"critical", PORTS | IN(TUNNEL)},
	{"delay-virtual-functions-rebind", IN(ETHERNET)},
	{"dhcp-identifier", PORTS | IN(TUNNEL)},
	{"dhcp4", PORTS | IN(TUNNEL)},
	{"dhcp4-overrides", PORTS | IN(TUNNEL)},
	{"dhcp6", PORTS | IN(TUNNEL)},
	{"dhcp6-overrides", PORTS | IN(TUNNEL)},
	{"embedded-switch-mode", IN(ETHERNET)},
	{"emit-lldp", IN(ETHERNET)},
	{"gateway4", IN(TUNNEL)},
	{"gateway6", PORTS | IN(TUNNEL)},
	{"generic-receive-offload", IN(ETHERNET)},
	{"generic-segmentation-offload", IN(ETHERNET)},
	{"ignore-carrier", PORTS | IN(TUNNEL)},
	{"infiniband-mode", IN(ETHERNET)},
	{"ipv6-address-generation", PORTS | IN(TUNNEL)},
	{"ipv6-address-token", PORTS | IN(TUNNEL)},
	{"ipv6-mtu", PORTS | IN(TUNNEL)},
	{"ipv6-privacy", PORTS | IN(TUNNEL)},
	{"large-receive-offload", IN(ETHERNET)},
	{"link", IN(ETHERNET)},
	{"link-local", PORTS | IN(TUNNEL)},
	{"macaddress", PORTS | IN(TUNNEL)},
	{"match", IN(ETHERNET)},
	{"nameservers", PORTS | IN(TUNNEL)},
	{"networkmanager", PORTS | IN(TUNNEL)},
	{"optional", PORTS | IN(TUNNEL)},
	{"optional-addresses", PORTS | IN(TUNNEL)},
	{"receive-checksum-offload", IN(ETHERNET)},
	{"routing-policy", PORTS | IN(TUNNEL)},
	{"set-name", IN(ETHERNET)},
	{"tcp-segmentation-offload", IN(ETHERNET)},
	{"tcp6-segmentation-offload", IN(ETHERNET)},
	{"transmit-checksum-offload", IN(ETHERNET)},
	{"virtual-function-count", IN(ETHERNET)},
	{"wakeonlan", PORTS},
	{"ad-select", IN(PARAMETERS)},
	{"all-members-active", IN(PARAMETERS)},
	{"all-slaves-active", IN(PARAMETERS)},
	{"arp-all-targets", IN(PARAMETERS)},
	{"arp-interval", IN(PARAMETERS)},
	{"arp-ip-targets", IN(PARAMETERS)},
	{"arp-validate", IN(PARAMETERS)},
	{"down-delay", IN(PARAMETERS)},
	{"fail-over-mac-policy", IN(PARAMETERS)},
	{"gratuitious-arp", IN(PARAMETERS)}, /* netplan's older spelling */
	{"gratuitous-arp", IN(PARAMETERS)},
	{"lacp-rate", IN(PARAMETERS)},
	{"learn-packet-interval", IN(PARAMETERS)},
	{"mii-monitor-interval", IN(PARAMETERS)},
	{"min-links", IN(PARAMETERS)},
	{"packets-per-member", IN(PARAMETERS)},
	{"packets-per-slave", IN(PARAMETERS)},
	{"primary", IN(PARAMETERS)},
	{"primary-reselect-policy", IN(PARAMETERS)},
	{"resend-igmp", IN(PARAMETERS)},
	{"transmit-hash-policy", IN(PARAMETERS)},
	{"up-delay", IN(PARAMETERS)},
	{"advertised-mss", IN(ROUTE)},
	{"advertised-receive-window", IN(ROUTE)},
	{"congestion-window", IN(ROUTE)},
	{"from", IN(ROUTE)},
	{"metric", IN(ROUTE)},
	{"mtu", IN(ROUTE)},
	{"scope", IN(ROUTE)}, /* these three: see route_netplan_reason() */
	{"table", IN(ROUTE)},
	{"type", IN(ROUTE)},
};

bool gremc_config_key_is_netplans(enum section section, const char *name)
{
	for (size_t i = 0; i < RTE_DIM(netplan_keys); i++)
		if (netplan_keys[i].sections & (1u << section) && strcmp(netplan_keys[i].name, name) == 0)
			return true;
	return false;
}

const struct key *gremc_config_key_find(enum section section, const char *name)
{
	/* netplan accepts both spellings */
	if (section == SECTION_TUNNEL && strcmp(name, "keys") == 0)
		name = "key";
	for (const struct key *key = gremc_config_keys; key < gremc_config_keys + KEY_COUNT; key++)
		if (key->sections & (1u << section) && strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

char *gremc_config_key_suggest(char *text, size_t size, enum section section, const char *name)
{
	const char *nearest = NULL;
	unsigned least = UINT_MAX, listed = 0;
	size_t length;

	length = snprintf(text, size, "it may be");
	for (const struct key *key = gremc_config_keys; key < gremc_config_keys + KEY_COUNT; key++) {
		unsigned distance;

		if (!(key->sections & (1u << section)))
			continue;
		distance = gremc_config_text_distance(name, key->name);
		if (distance < least) {
			least = distance;
			nearest = key->name;
		}
		if (length < size)
			length += snprintf(text + length, size - length, "%s `%s`", listed++ ? "," : "",
					   key->name);
	}
	if (gremc_config_distance_is_near(least, name))
		snprintf(text, size, "did you mean `%s`?", nearest);
	return text;
}

char *gremc_config_key_type(char *text, size_t size, const struct key *key)
{
	char words[GREMC_KEYWORD_TEXT];

	if (key->keywords)
		snprintf(text, size, "%s%s%s",
			 gremc_keywords_format(words, sizeof(words), key->keywords, key->first_keyword),
			 key->type ? ", or " : "", key->type ? key->type : "");
	else if (key->maximum == 0)
		gremc_text_copy(text, size, key->type);
	else if (key->minimum == key->maximum)
		snprintf(text, size, "the number %u", key->minimum);
	else if (key->type && *key->type == '`')
		snprintf(text, size, "a number from %u to %u, or %s", key->minimum, key->maximum, key->type);
	else
		snprintf(text, size, "a number from %u to %u%s%s", key->minimum, key->maximum,
			 key->type ? " " : "", key->type ? key->type : "");
	return text;
}

/* ---- help ---- */

#define HELP_INDENT 18
#define HELP_WIDTH  100

/* Words after the indent, broken before the width. */
static void help_print_wrapped(FILE *out, const char *text)
{
	size_t column = HELP_INDENT;

	fprintf(out, "%*s", HELP_INDENT, "");
	while (*text) {
		size_t word = strcspn(text, " ");

		if (column + word > HELP_WIDTH && column > HELP_INDENT) {
			fprintf(out, "\n%*s", HELP_INDENT, "");
			column = HELP_INDENT;
		}
		fprintf(out, "%s%.*s", column > HELP_INDENT ? " " : "", (int)word, text);
		column += word + 1;
		text += word + (text[word] == ' ');
	}
	fputc('\n', out);
}

static void help_print_key(FILE *out, const struct key *key)
{
	char type[KEY_TEXT], first[KEY_TEXT + 64];

	gremc_config_key_type(type, sizeof(type), key);
	snprintf(first, sizeof(first), "%s%s%s%s%s", type, key->required ? "; required" : "",
		 key->fallback ? "; default " : "", key->fallback ? key->fallback : "",
		 key->needs_restart ? "; needs a restart" : "");
	/* a space follows a name that is longer than its column */
	fprintf(out, "  %-*s %s\n", HELP_INDENT - 3, key->name, first);
	help_print_wrapped(out, key->meaning);
}

static void help_print_netplan_keys(FILE *out)
{
	size_t column = HELP_WIDTH;

	fprintf(out, "\nKeys of netplan that load and have no effect; --check lists them");
	for (size_t i = 0; i < RTE_DIM(netplan_keys); i++) {
		size_t word = strlen(netplan_keys[i].name);

		if (column + 1 + word > HELP_WIDTH) {
			fprintf(out, "\n ");
			column = 1;
		}
		fprintf(out, " %s", netplan_keys[i].name);
		column += 1 + word;
	}
	fputc('\n', out);
}

static void help_print_limits(FILE *out)
{
	static const struct {
		const char *what;
		unsigned long maximum;
	} limits[] = {
		{"ports (Ethernets and bonds together)", GREMC_CONFIG_PORTS_MAX},
		{"members of a bond", GREMC_CONFIG_MEMBERS_MAX},
		{"tunnels", GREMC_CONFIG_TUNNELS_MAX},
		{"mroutes", GREMC_CONFIG_MROUTES_MAX},
		{"vifs in `from` or `to` of an mroute", GREMC_CONFIG_VIFS_MAX},
		{"mroutes of memberships", GREMC_CONFIG_MEMBER_ROUTES},
		{"entries of `sources`, and of `boundary`", GREMC_CONFIG_SOURCES_MAX},
		{"different `dscp-map` of all tunnels", GREMC_CONFIG_DSCP_MAPS_MAX},
		{"characters of a name", GREMC_NAME_SIZE - 1},
		{"bytes of a file", GREMC_CONFIG_FILE_MAX},
	};

	fprintf(out, "\nLimits\n");
	for (size_t i = 0; i < RTE_DIM(limits); i++)
		fprintf(out, "  %10lu  %s\n", limits[i].maximum, limits[i].what);
}

void gremc_config_help(FILE *out)
{
	static const char *const headings[SECTION_COUNT] = {
		[SECTION_TOP] = "Top level",
		[SECTION_ETHERNET] = "ethernets: NAME:",
		[SECTION_BOND] = "bonds: NAME:",
		[SECTION_PARAMETERS] = "bonds: NAME: parameters:",
		[SECTION_ROUTE] = "each of routes:",
		[SECTION_TUNNEL] = "tunnels: NAME:",
		[SECTION_KEY] = "tunnels: NAME: key:",
		[SECTION_KEEPALIVE] = "tunnels: NAME: keepalive:",
		[SECTION_POLICY] = "policy: of a tunnel, Ethernet or bond:",
		[SECTION_BOUNDARY] = "policy: boundary:",
		[SECTION_SOURCES] = "policy: sources:",
		[SECTION_POLICE] = "policy: police:",
		[SECTION_RATE] = "policy: police: in: and out:",
		[SECTION_MROUTE] = "each of mroutes:",
		[SECTION_SETTINGS] = "settings:",
		[SECTION_TIMING] = "igmp:",
		[SECTION_IGMP] = "igmp: of a tunnel, Ethernet or bond:",
		[SECTION_JOIN] = "each of join:",
	};

	for (size_t section = 0; section < SECTION_COUNT; section++) {
		fprintf(out, "%s%s\n", section ? "\n" : "", headings[section]);
		for (const struct key *key = gremc_config_keys; key < gremc_config_keys + KEY_COUNT; key++)
			if (key->sections & (1u << section) &&
			    !(section == SECTION_BOND && key->sections == PORTS))
				help_print_key(out, key);
		if (section == SECTION_BOND)
			fprintf(out, "  and every key of ethernets: NAME: from `addresses` to `host`\n");
	}
	help_print_netplan_keys(out);
	help_print_limits(out);
}
