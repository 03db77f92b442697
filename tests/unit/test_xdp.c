/* SPDX-License-Identifier: BSD-3-Clause */
/* The XDP program itself, run by the kernel on frames made here (BPF_PROG_TEST_RUN): which it takes. Needs
 * root. */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <rte_common.h>

#include "steer/xdp/maps.h"

#include "steer/xdp/gremc_xdp_object.h"

#define LOCAL    "192.0.2.1"
#define REMOTE   "198.51.100.7"
#define FRAME    128
#define NO_TAG   (-1)
#define MINIMUM  ETH_HLEN /* the shortest frame that a program runs on */
#define IP_BYTES 20
#define GRE_AT   IP_BYTES /* behind the start of the IP header */

static struct bpf_object *xdp_object;
static int program, tunnels, groups, flows, vlan, sockets, xdp_socket;

static int map_find(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(xdp_object, name);

	assert_true(fd >= 0);
	return fd;
}

static int map_set_vlan(uint32_t wanted)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(vlan, &zero, &wanted, BPF_ANY);
}

static struct gremc_xdp_tunnel tunnel_key_make(const char *local, const char *remote)
{
	return (struct gremc_xdp_tunnel){.local = inet_addr(local), .remote = inet_addr(remote)};
}

static int map_add_tunnel(const struct gremc_xdp_tunnel *tunnel)
{
	uint32_t one = 1;

	return bpf_map_update_elem(tunnels, tunnel, &one, BPF_ANY);
}

/* The tunnel from REMOTE without a key. */
static int map_add_local(const char *local)
{
	const struct gremc_xdp_tunnel tunnel = tunnel_key_make(local, REMOTE);

	return map_add_tunnel(&tunnel);
}

static int map_add_keyed(uint32_t key)
{
	struct gremc_xdp_tunnel tunnel = tunnel_key_make(LOCAL, REMOTE);

	tunnel.key = htonl(key);
	tunnel.has_key = 1;
	return map_add_tunnel(&tunnel);
}

static int map_add_group(const char *address, uint32_t length)
{
	struct gremc_xdp_group key = {.length = length, .address = inet_addr(address)};
	uint32_t one = 1;

	return bpf_map_update_elem(groups, &key, &one, BPF_ANY);
}

static int map_set_flow(const char *source, const char *group, uint32_t value)
{
	struct gremc_xdp_flow key = {.source = inet_addr(source), .group = inet_addr(group)};

	return bpf_map_update_elem(flows, &key, &value, BPF_ANY);
}

static int xdp_set_up(void **state)
{
	uint32_t zero = 0;

	RTE_SET_USED(state);
	xdp_object = bpf_object__open_mem(gremc_xdp_object, sizeof(gremc_xdp_object), NULL);
	assert_non_null(xdp_object);
	assert_int_equal(bpf_object__load(xdp_object), 0);
	program = bpf_program__fd(bpf_object__find_program_by_name(xdp_object, RTE_STR(GREMC_XDP_PROGRAM)));
	assert_true(program >= 0);
	tunnels = map_find(RTE_STR(GREMC_XDP_TUNNELS));
	groups = map_find(RTE_STR(GREMC_XDP_GROUPS));
	flows = map_find(RTE_STR(GREMC_XDP_FLOWS));
	vlan = map_find(RTE_STR(GREMC_XDP_VLAN));
	sockets = map_find("xsks_map"); /* DPDK's driver uses this name */
	/* a socket that accepts redirected frames */
	xdp_socket = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(xdp_socket >= 0);
	assert_int_equal(bpf_map_update_elem(sockets, &zero, &xdp_socket, BPF_ANY), 0);
	return 0;
}

static int xdp_tear_down(void **state)
{
	RTE_SET_USED(state);
	close(xdp_socket);
	bpf_object__close(xdp_object);
	return 0;
}

/* ---- frames ---- */

struct frame {
	uint8_t bytes[FRAME];
	uint32_t length, ip; /* ip: the offset of the IP header */
};

/* Make a GRE packet to LOCAL with a VLAN tag or without. */
static struct frame frame_make_tagged(int tag)
{
	struct frame frame = {.ip = tag == NO_TAG ? 14 : 18, .length = 100};
	uint8_t *ip = frame.bytes + frame.ip;
	in_addr_t local = inet_addr(LOCAL), remote = inet_addr(REMOTE);

	if (tag != NO_TAG) {
		frame.bytes[12] = 0x81;
		frame.bytes[14] = tag >> 8;
		frame.bytes[15] = tag;
	}
	frame.bytes[frame.ip - 2] = 0x08;
	ip[0] = 0x45;
	ip[3] = frame.length - frame.ip;
	ip[6] = 0x40; /* DF */
	ip[8] = 64;
	ip[9] = IPPROTO_GRE;
	memcpy(ip + 12, &remote, sizeof(remote));
	memcpy(ip + 16, &local, sizeof(local));
	ip[GRE_AT + 2] = 0x08; /* IPv4 */
	return frame;
}

static struct frame frame_make_to(const char *destination, uint8_t protocol)
{
	struct frame frame = frame_make_tagged(NO_TAG);
	in_addr_t address = inet_addr(destination);

	frame.bytes[frame.ip + 9] = protocol;
	memcpy(frame.bytes + frame.ip + 16, &address, sizeof(address));
	return frame;
}

/* Make a valid frame with another byte in its IP header. */
static struct frame frame_make_changed(uint32_t at, uint8_t byte)
{
	struct frame frame = frame_make_tagged(NO_TAG);

	frame.bytes[frame.ip + at] = byte;
	return frame;
}

static bool program_takes_length(const struct frame *frame, uint32_t length)
{
	uint8_t copy[FRAME];
	struct bpf_test_run_opts options = {.sz = sizeof(options), .data_in = copy, .data_size_in = length};

	memcpy(copy, frame->bytes, length);
	assert_int_equal(bpf_prog_test_run_opts(program, &options), 0);
	if (options.retval != XDP_REDIRECT)
		assert_int_equal(options.retval, XDP_PASS);
	return options.retval == XDP_REDIRECT;
}

static bool program_takes(struct frame frame)
{
	return program_takes_length(&frame, frame.length);
}

/* ---- tests ---- */

static void test_empty_maps_take_nothing(void **state)
{
	RTE_SET_USED(state);
	assert_false(program_takes(frame_make_tagged(NO_TAG)));
	assert_false(program_takes(frame_make_to("239.1.1.1", IPPROTO_UDP)));
}

static void test_tunnel_addresses_are_taken(void **state)
{
	const struct gremc_xdp_tunnel key = tunnel_key_make(LOCAL, REMOTE);

	RTE_SET_USED(state);
	assert_int_equal(map_add_local(LOCAL), 0);
	assert_true(program_takes(frame_make_tagged(NO_TAG)));
	assert_false(program_takes(frame_make_to("192.0.2.2", IPPROTO_GRE)));
	assert_false(program_takes(frame_make_to("1.2.0.192", IPPROTO_GRE)));
	assert_false(program_takes(frame_make_to("255.255.255.255", IPPROTO_GRE)));
	assert_int_equal(map_add_local("192.0.2.2"), 0);
	assert_true(program_takes(frame_make_to("192.0.2.2", IPPROTO_GRE)));
	assert_int_equal(bpf_map_delete_elem(tunnels, &key), 0);
	assert_false(program_takes(frame_make_tagged(NO_TAG)));
}

static void test_other_protocols_pass(void **state)
{
	RTE_SET_USED(state);
	assert_int_equal(map_add_local(LOCAL), 0);
	for (unsigned protocol = 0; protocol < 256; protocol++)
		assert_int_equal(program_takes(frame_make_to(LOCAL, protocol)), protocol == IPPROTO_GRE);
}

/* Make a frame with this GRE header behind IP options of a number of words. */
static struct frame frame_make_gre(unsigned options, const uint8_t *gre, uint32_t length)
{
	struct frame frame = frame_make_tagged(NO_TAG);
	uint8_t *at = frame.bytes + frame.ip + GRE_AT + options * 4;

	frame.bytes[frame.ip] += options;
	memset(frame.bytes + frame.ip + GRE_AT, 1, FRAME - frame.ip - GRE_AT);
	memcpy(at, gre, length);
	return frame;
}

/* RFC 8086: UDP is taken by its destination port, the addresses and the key. The length is not of interest.
 */
static void test_rfc8086_gre_in_udp_is_taken(void **state)
{
	static const uint8_t plain[] = {0xc3, 0x50, 0x12, 0x92, 0, 40, 0, 0, 0, 0, 0x08, 0},
			     keyed[] = {0xc3, 0x50, 0x12, 0x92, 0, 40, 0, 0, 0x20, 0, 0x08, 0, 0, 0, 0, 7};
	struct gremc_xdp_tunnel tunnel = tunnel_key_make(LOCAL, REMOTE);
	struct frame frame = frame_make_gre(0, plain, sizeof(plain));

	RTE_SET_USED(state);
	frame.bytes[frame.ip + 9] = IPPROTO_UDP;
	assert_int_equal(map_add_local(LOCAL), 0);
	assert_false(program_takes(frame));
	tunnel.udp_port = htons(4754);
	assert_int_equal(map_add_tunnel(&tunnel), 0);
	assert_true(program_takes(frame));
	assert_false(program_takes_length(&frame, frame.ip + GRE_AT + 11));
	frame.bytes[frame.ip + GRE_AT + 3]++; /* another port */
	assert_false(program_takes(frame));
	frame = frame_make_gre(0, keyed, sizeof(keyed));
	frame.bytes[frame.ip + 9] = IPPROTO_UDP;
	assert_false(program_takes(frame));
	tunnel.has_key = 1;
	tunnel.key = htonl(7);
	assert_int_equal(map_add_tunnel(&tunnel), 0);
	assert_true(program_takes(frame));
	frame.bytes[frame.ip + 6] = 0x20; /* a fragment */
	assert_false(program_takes(frame));
}

/* Headers with options are taken; the forwarder checks the rest of the header. */
static void test_ip_version_and_header_length_are_checked(void **state)
{
	static const uint8_t gre[4] = {0, 0, 0x08, 0};

	RTE_SET_USED(state);
	assert_int_equal(map_add_local(LOCAL), 0);
	for (unsigned byte = 0; byte < 256; byte++) {
		const unsigned words = byte & 15;
		struct frame frame = frame_make_gre(words > 5 ? words - 5 : 0, gre, sizeof(gre));

		frame.bytes[frame.ip] = byte;
		assert_int_equal(program_takes(frame), byte >> 4 == 4 && words >= 5);
	}
}

/* Only IPv4 in GRE with the addresses and the key of a tunnel is taken. Other tunnels between the same hosts,
 * gretap, ERSPAN, IPv6 and PPTP pass. */
static void test_gre_of_other_tunnels_passes(void **state)
{
	static const struct {
		uint8_t gre[12];
		bool plain, keyed; /* expected with a tunnel without a key, and with key 7 */
	} cases[] = {
		{{0x00, 0x00, 0x08, 0x00}, true, false},
		{{0x00, 0x78, 0x08, 0x00}, true, false}, /* reserved bits that receivers ignore (RFC 2784) */
		{{0x80, 0x00, 0x08, 0x00}, true, false}, /* checksum */
		{{0x10, 0x00, 0x08, 0x00}, true, false}, /* sequence */
		{{0x20, 0x00, 0x08, 0x00, 0, 0, 0, 7}, false, true}, /* key */
		{{0x30, 0x00, 0x08, 0x00, 0, 0, 0, 7}, false, true},
		{{0xa0, 0x00, 0x08, 0x00, 1, 2, 0, 0, 0, 0, 0, 7}, false, true},
		{{0xa0, 0x00, 0x08, 0x00, 0, 0, 0, 7, 0, 0, 0, 8}, false, false},
		{{0x20, 0x00, 0x08, 0x00, 0, 0, 0, 8}, false, false}, /* another key */
		{{0x20, 0x00, 0x08, 0x00, 7, 0, 0, 0}, false, false},
		{{0x20, 0x00, 0x08, 0x00, 0, 0, 0, 0}, false, false}, /* key 0 is a key */
		{{0x00, 0x00, 0x65, 0x58}, false, false},             /* gretap */
		{{0x20, 0x00, 0x65, 0x58, 0, 0, 0, 7}, false, false},
		{{0x10, 0x00, 0x88, 0xbe}, false, false}, /* ERSPAN */
		{{0x00, 0x00, 0x86, 0xdd}, false, false}, /* IPv6 */
		{{0x30, 0x01, 0x88, 0x0b}, false, false}, /* PPTP */
		{{0x00, 0x01, 0x08, 0x00}, false, false}, /* version 1 */
		{{0x40, 0x00, 0x08, 0x00}, false, false}, /* routing */
		{{0x08, 0x00, 0x08, 0x00}, false, false}, /* strict source route */
	};

	RTE_SET_USED(state);
	for (unsigned keyed = 0; keyed < 2; keyed++) {
		const struct gremc_xdp_tunnel plain = tunnel_key_make(LOCAL, REMOTE);

		assert_int_equal(keyed ? map_add_keyed(7) : map_add_local(LOCAL), 0);
		for (unsigned i = 0; i < RTE_DIM(cases) * 2; i++) {
			const unsigned at = i / 2;
			struct frame frame = frame_make_gre(i % 2 * 3, cases[at].gre, sizeof(cases[at].gre));

			assert_int_equal(program_takes(frame), keyed ? cases[at].keyed : cases[at].plain);
			/* from another peer */
			frame.bytes[frame.ip + 15]++;
			assert_false(program_takes(frame));
		}
		bpf_map_delete_elem(tunnels, &plain);
	}
}

static void test_fragments_pass(void **state)
{
	RTE_SET_USED(state);
	assert_int_equal(map_add_local(LOCAL), 0);
	assert_true(program_takes(frame_make_changed(6, 0x00)));
	assert_true(program_takes(frame_make_changed(6, 0x40)));  /* DF */
	assert_true(program_takes(frame_make_changed(6, 0x80)));  /* reserved */
	assert_false(program_takes(frame_make_changed(6, 0x20))); /* MF */
	assert_false(program_takes(frame_make_changed(6, 0x60)));
	assert_false(program_takes(frame_make_changed(6, 0x01))); /* offset */
	assert_false(program_takes(frame_make_changed(7, 0x01)));
	assert_false(program_takes(frame_make_changed(7, 0xff)));
}

static void test_other_vlans_pass(void **state)
{
	struct frame inner_tag = frame_make_tagged(5);

	RTE_SET_USED(state);
	assert_int_equal(map_add_local(LOCAL), 0);
	assert_true(program_takes(frame_make_tagged(0)));
	assert_true(program_takes(frame_make_tagged(0xe000))); /* priority 7, VLAN 0 */
	assert_false(program_takes(frame_make_tagged(5)));
	assert_int_equal(map_set_vlan(5), 0);
	assert_true(program_takes(frame_make_tagged(5)));
	assert_true(program_takes(frame_make_tagged(0xf005))); /* with a priority */
	assert_false(program_takes(frame_make_tagged(0)));
	assert_false(program_takes(frame_make_tagged(NO_TAG)));
	assert_false(program_takes(frame_make_tagged(0x105)));
	assert_int_equal(map_set_vlan(4094), 0);
	assert_true(program_takes(frame_make_tagged(4094)));
	/* two tags, and the service tag of 802.1ad */
	assert_int_equal(map_set_vlan(5), 0);
	inner_tag.bytes[16] = 0x81;
	inner_tag.bytes[17] = 0;
	assert_false(program_takes(inner_tag));
	inner_tag = frame_make_tagged(5);
	inner_tag.bytes[12] = 0x88;
	inner_tag.bytes[13] = 0xa8;
	assert_false(program_takes(inner_tag));
}

static void test_other_ethertypes_pass(void **state)
{
	static const uint16_t types[] = {0x0806, 0x86dd, 0x88cc, 0x8847, 0x0801, 0x0008, 0x0000, 0x05dc};
	struct frame frame = frame_make_tagged(NO_TAG);

	RTE_SET_USED(state);
	assert_int_equal(map_add_local(LOCAL), 0);
	for (unsigned i = 0; i < RTE_DIM(types); i++) {
		frame.bytes[12] = types[i] >> 8;
		frame.bytes[13] = types[i];
		assert_false(program_takes(frame));
	}
}

/* A frame of any length is decided without bytes behind its end. */
static void test_truncated_frames_pass(void **state)
{
	static const int tags[] = {NO_TAG, 0};

	RTE_SET_USED(state);
	assert_int_equal(map_add_local(LOCAL), 0);
	assert_int_equal(map_add_keyed(0), 0);
	assert_int_equal(map_add_group("224.0.0.0", 4), 0);
	for (unsigned i = 0; i < RTE_DIM(tags); i++) {
		struct frame frame = frame_make_tagged(tags[i]);

		for (uint32_t length = MINIMUM; length <= frame.length; length++)
			assert_int_equal(program_takes_length(&frame, length),
					 length >= frame.ip + GRE_AT + 4);
		frame.bytes[frame.ip + GRE_AT] = 0x20;
		for (uint32_t length = MINIMUM; length <= frame.length; length++)
			assert_int_equal(program_takes_length(&frame, length),
					 length >= frame.ip + GRE_AT + 8);
		frame.bytes[frame.ip + 16] = 239;
		for (uint32_t length = MINIMUM; length <= frame.length; length++)
			assert_int_equal(program_takes_length(&frame, length), length >= frame.ip + IP_BYTES);
	}
}

static void test_control_traffic_of_taken_groups_passes(void **state)
{
	RTE_SET_USED(state);
	assert_int_equal(map_add_group("239.1.0.0", 16), 0);
	assert_int_equal(map_add_group("232.1.1.1", 32), 0);
	assert_true(program_takes(frame_make_to("239.1.2.3", IPPROTO_UDP)));
	assert_true(program_takes(frame_make_to("232.1.1.1", IPPROTO_UDP)));
	assert_true(program_takes(frame_make_to("232.1.1.1", IPPROTO_TCP)));
	assert_false(program_takes(frame_make_to("239.2.2.3", IPPROTO_UDP)));
	assert_false(program_takes(frame_make_to("232.1.1.2", IPPROTO_UDP)));
	/* control traffic passes in every group */
	for (unsigned protocol = 0; protocol < 256; protocol++)
		assert_int_equal(program_takes(frame_make_to("239.1.2.3", protocol)),
				 protocol != IPPROTO_IGMP);
	/* GRE to a group is an ordinary flow */
	assert_true(program_takes(frame_make_to("239.1.2.3", IPPROTO_GRE)));
	/* tunnel addresses do not match groups, and groups do not match tunnel addresses */
	assert_int_equal(map_add_local("239.2.2.3"), 0);
	assert_false(program_takes(frame_make_to("239.2.2.3", IPPROTO_GRE)));
	assert_int_equal(map_add_group("0.0.0.0", 0), 0);
	assert_false(program_takes(frame_make_to("10.1.1.1", IPPROTO_GRE)));
	assert_true(program_takes(frame_make_to("224.0.1.1", IPPROTO_UDP)));
	assert_false(program_takes(frame_make_to("224.0.0.251", IPPROTO_UDP)));
	for (unsigned protocol = 0; protocol < 256; protocol++)
		assert_false(program_takes(frame_make_to("224.0.0.13", protocol)));
}

static struct frame frame_make_flow(const char *source, const char *group, uint8_t protocol)
{
	struct frame frame = frame_make_to(group, protocol);
	in_addr_t address = inet_addr(source);

	memcpy(frame.bytes + frame.ip + 12, &address, sizeof(address));
	return frame;
}

/* A flow takes one source of a group. On request one packet of it passes. */
static void test_flow_passes_one_packet_on_request(void **state)
{
	RTE_SET_USED(state);
	assert_int_equal(map_set_flow("10.1.1.1", "239.1.2.3", GREMC_XDP_TAKE), 0);
	assert_true(program_takes(frame_make_flow("10.1.1.1", "239.1.2.3", IPPROTO_UDP)));
	assert_false(program_takes(frame_make_flow("10.1.1.2", "239.1.2.3", IPPROTO_UDP)));
	assert_false(program_takes(frame_make_flow("10.1.1.1", "239.1.2.4", IPPROTO_UDP)));
	assert_int_equal(map_add_group("239.1.0.0", 16), 0);
	assert_true(program_takes(frame_make_flow("10.1.1.2", "239.1.2.3", IPPROTO_UDP)));
	assert_int_equal(map_set_flow("10.1.1.1", "239.1.2.3", GREMC_XDP_PASS_NEXT), 0);
	assert_true(program_takes(frame_make_flow("10.1.1.2", "239.1.2.3", IPPROTO_UDP)));
	assert_false(program_takes(frame_make_flow("10.1.1.1", "239.1.2.3", IPPROTO_UDP)));
	assert_true(program_takes(frame_make_flow("10.1.1.1", "239.1.2.3", IPPROTO_UDP)));
}

/* After the forwarder has been killed its sockets are closed, but the program and its maps stay. */
static void test_all_frames_pass_without_a_socket(void **state)
{
	RTE_SET_USED(state);
	assert_int_equal(map_add_local(LOCAL), 0);
	assert_true(program_takes(frame_make_tagged(NO_TAG)));
	close(xdp_socket);
	xdp_socket = -1;
	assert_false(program_takes(frame_make_tagged(NO_TAG)));
}

static void test_map_holds_the_maximum_of_tunnels(void **state)
{
	struct gremc_xdp_tunnel tunnel = tunnel_key_make(LOCAL, REMOTE);

	RTE_SET_USED(state);
	for (uint32_t i = 0; i < GREMC_XDP_TUNNELS_MAX; i++) {
		tunnel.remote = htonl(0x0a000000 + i);
		assert_int_equal(map_add_tunnel(&tunnel), 0);
	}
	assert_true(program_takes(frame_make_flow("10.3.255.255", LOCAL, IPPROTO_GRE)));
	tunnel.remote = htonl(0x0a000000 + GREMC_XDP_TUNNELS_MAX);
	assert_int_equal(map_add_tunnel(&tunnel), -E2BIG);
}

static int programs_are_permitted(void)
{
	struct bpf_prog_load_opts options = {.sz = sizeof(options)};
	const struct bpf_insn pass[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS},
					{.code = BPF_JMP | BPF_EXIT}};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "may", "BSD", pass, RTE_DIM(pass), &options);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty_maps_take_nothing, xdp_set_up, xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_tunnel_addresses_are_taken, xdp_set_up, xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_rfc8086_gre_in_udp_is_taken, xdp_set_up, xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_other_protocols_pass, xdp_set_up, xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_ip_version_and_header_length_are_checked, xdp_set_up,
						xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_gre_of_other_tunnels_passes, xdp_set_up, xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_fragments_pass, xdp_set_up, xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_other_vlans_pass, xdp_set_up, xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_other_ethertypes_pass, xdp_set_up, xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_truncated_frames_pass, xdp_set_up, xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_control_traffic_of_taken_groups_passes, xdp_set_up,
						xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_flow_passes_one_packet_on_request, xdp_set_up,
						xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_all_frames_pass_without_a_socket, xdp_set_up,
						xdp_tear_down),
		cmocka_unit_test_setup_teardown(test_map_holds_the_maximum_of_tunnels, xdp_set_up,
						xdp_tear_down),
	};

	if (!programs_are_permitted()) {
		print_message("no right to load a BPF program: run this as root\n");
		return 77; /* skipped, to meson */
	}
	return cmocka_run_group_tests_name("xdp", tests, NULL, NULL);
}
