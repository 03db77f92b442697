/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_eal.h>
#include <rte_ip.h>

#include "test.h"
#include "vif/vif.h"

static const struct rte_ether_addr source = {{0x02, 0, 0, 0, 0, 1}};
static const struct rte_ether_addr gateway = {{0x02, 0, 0, 0, 0, 2}};
static const struct rte_ether_addr other_gateway = {{0x02, 0, 0, 0, 0, 3}};

struct fixture {
	struct gremc_rcu *rcu;
	struct gremc_vifs *vifs;
};

/* The second node may be absent: then its table is a copy in other memory. */
static const struct gremc_nodes two_nodes = {.count = 2, .socket = {0, 1}};

static int vif_fixture_create(void **state, const struct gremc_nodes *nodes)
{
	static struct fixture f;

	f.rcu = gremc_rcu_create();
	f.vifs = f.rcu ? gremc_vifs_create(0, nodes, f.rcu) : NULL;
	*state = &f;
	return f.vifs == NULL;
}

static int vif_fixture_set_up(void **state)
{
	return vif_fixture_create(state, &gremc_nodes_any);
}

static int vif_fixture_set_up_two_nodes(void **state)
{
	return vif_fixture_create(state, &two_nodes);
}

static void adjacency_equal(const struct gremc_adjacency *a, const struct gremc_adjacency *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a == NULL)
		return;
	assert_ptr_not_equal(a, b);
	assert_memory_equal(a, b, sizeof(*a));
}

/* The second node has equal tables in its own memory. */
static void second_node_expect_equal(const struct gremc_vifs *vifs)
{
	const struct gremc_vifs *other = gremc_vifs_on_socket(vifs, 1);

	if (other == vifs)
		return;
	assert_ptr_not_equal(other->encap, vifs->encap);
	assert_ptr_not_equal(other->adjacency, vifs->adjacency);
	assert_ptr_not_equal(gremc_pointer_load(&other->tunnels), gremc_pointer_load(&vifs->tunnels));
	assert_ptr_not_equal(gremc_pointer_load(&other->tunnels)->bucket,
			     gremc_pointer_load(&vifs->tunnels)->bucket);
	assert_int_equal(gremc_pointer_load(&other->tunnels)->count,
			 gremc_pointer_load(&vifs->tunnels)->count);
	assert_int_equal(gremc_vifs_limit(other), gremc_vifs_limit(vifs));
	assert_memory_equal(other->encap, vifs->encap, gremc_vifs_limit(vifs) * sizeof(*vifs->encap));
	for (uint32_t i = 0; i < gremc_adjacency_limit(vifs); i++)
		adjacency_equal(gremc_adjacency_load(vifs, i), gremc_adjacency_load(other, i));
	assert_memory_equal(other->port_vif, vifs->port_vif, sizeof(vifs->port_vif));
	assert_memory_equal(other->port_punt, vifs->port_punt, sizeof(vifs->port_punt));
}

static int vif_fixture_tear_down(void **state)
{
	struct fixture *f = *state;

	second_node_expect_equal(f->vifs);
	gremc_rcu_synchronize(f->rcu);
	second_node_expect_equal(f->vifs);
	gremc_vifs_destroy(f->vifs);
	gremc_rcu_destroy(f->rcu);
	return 0;
}

/* Tunnel number n: 10.0.0.1 to 10.1.x.y. */
static struct gremc_vif_info tunnel_info_make(uint32_t n)
{
	struct gremc_vif_info info = {
		.kind = GREMC_VIF_TUNNEL,
		.port = 0,
		.options.local = RTE_BE32(0x0a000001),
		.options.remote = rte_cpu_to_be_32(0x0a010000 + n),
		.next_hop = RTE_BE32(0x0a0000fe),
		.mtu = 1476,
		.options.ttl = 64,
	};

	snprintf(info.name, sizeof(info.name), "gre%u", n);
	return info;
}

static uint32_t tunnel_add_published(struct gremc_vifs *vifs, const struct gremc_vif_info *info)
{
	uint32_t adjacency, vif;

	assert_int_equal(gremc_adjacency_get(vifs, 0, info->next_hop, &source, 0, &adjacency), 0);
	assert_int_equal(gremc_tunnel_add(vifs, info, adjacency, &vif), 0);
	return vif;
}

/* Look up on both nodes; the results are equal. */
static uint32_t tunnel_key_look_up(const struct gremc_vifs *vifs, const struct gremc_tunnel_key *key)
{
	uint32_t vif, other;

	gremc_tunnel_lookup_bulk(vifs, key, 1, &vif);
	gremc_tunnel_lookup_bulk(gremc_vifs_on_socket(vifs, 1), key, 1, &other);
	assert_int_equal(vif, other);
	return vif;
}

/* Look up a packet without a key between the addresses of `info`. */
static uint32_t tunnel_look_up(const struct gremc_vifs *vifs, const struct gremc_vif_info *info)
{
	const struct gremc_tunnel_key key = {info->options.local, info->options.remote, 0, false};

	return tunnel_key_look_up(vifs, &key);
}

/* Look up a packet with this key. */
static uint32_t tunnel_look_up_key(const struct gremc_vifs *vifs, const struct gremc_vif_info *info,
				   uint32_t number)
{
	const struct gremc_tunnel_key key = {info->options.local, info->options.remote, number, true};

	return tunnel_key_look_up(vifs, &key);
}

/* The template, completed as the data path completes it, has a valid checksum. */
static void test_template_holds_outer_header(void **state)
{
	struct fixture *f = *state;
	struct gremc_vif_info info = tunnel_info_make(1);
	const struct gremc_encap *encap = &f->vifs->encap[tunnel_add_published(f->vifs, &info)];
	struct rte_ipv4_hdr ip;
	uint16_t word[10];
	uint32_t sum = 0;

	memcpy(&ip, encap->header, sizeof(ip));
	memcpy(word, encap->header, sizeof(word));
	assert_int_equal(ip.version_ihl, 0x45);
	assert_int_equal(ip.time_to_live, 64);
	assert_int_equal(ip.next_proto_id, 47);
	assert_int_equal(ip.fragment_offset, RTE_BE16(0x4000));
	assert_int_equal(ip.src_addr, info.options.local);
	assert_int_equal(ip.dst_addr, info.options.remote);
	for (unsigned i = 2; i < 10; i++)
		sum += word[i];
	assert_int_equal(encap->sum, (sum & 0xffff) + (sum >> 16));
	assert_int_equal(encap->header_length, 24);
	assert_memory_equal(encap->header + 20, "\x00\x00\x08\x00", 4);
	assert_int_equal(encap->mtu, 1476);
	assert_int_equal(encap->flags, 0);
	assert_int_equal(encap->tos_mask, 3);
}

static void test_template_follows_options(void **state)
{
	struct fixture *f = *state;
	struct gremc_vif_info info = tunnel_info_make(2);
	const struct gremc_encap *encap;

	info.options.has_output_key = true;
	info.options.output_key = 0x01020304;
	info.options.ttl = 0;
	info.options.tos = 0xb8;
	info.options.df = GREMC_DF_CLEAR;
	encap = &f->vifs->encap[tunnel_add_published(f->vifs, &info)];
	assert_int_equal(encap->header_length, 28);
	assert_memory_equal(encap->header + 20, "\x20\x00\x08\x00\x01\x02\x03\x04", 8);
	assert_int_equal(encap->flags, GREMC_ENCAP_TTL_INHERIT | GREMC_ENCAP_ID);
	assert_int_equal(encap->tos, 0xb8);
	info = tunnel_info_make(3);
	info.options.tos_inherit = true;
	info.options.df = GREMC_DF_INHERIT;
	encap = &f->vifs->encap[tunnel_add_published(f->vifs, &info)];
	assert_int_equal(encap->tos_mask, 0xff);
	assert_int_equal(encap->flags, GREMC_ENCAP_DF_INHERIT | GREMC_ENCAP_ID);
	assert_memory_equal(encap->header + 6, "\x00\x00", 2);
}

/* Key 0 is a key: a tunnel with it and a tunnel without a key can have the same two addresses. */
static void test_lookup_matches_keys_exactly(void **state)
{
	struct fixture *f = *state;
	struct gremc_vif_info plain = tunnel_info_make(1), zero = tunnel_info_make(1),
			      seven = tunnel_info_make(1);
	uint32_t vif[3];

	zero.options.has_input_key = seven.options.has_input_key = true;
	seven.options.input_key = 7;
	vif[0] = tunnel_add_published(f->vifs, &plain);
	vif[1] = tunnel_add_published(f->vifs, &zero);
	vif[2] = tunnel_add_published(f->vifs, &seven);
	assert_int_equal(tunnel_look_up(f->vifs, &plain), GREMC_VIF_NONE);
	assert_false(gremc_tunnel_peer_known(f->vifs, plain.options.local, plain.options.remote));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(gremc_tunnel_publish(f->vifs, vif[i]), 0);
	assert_int_equal(tunnel_look_up(f->vifs, &plain), vif[0]);
	assert_int_equal(tunnel_look_up_key(f->vifs, &plain, 0), vif[1]);
	assert_int_equal(tunnel_look_up_key(f->vifs, &plain, 7), vif[2]);
	assert_int_equal(tunnel_look_up_key(f->vifs, &plain, 8), GREMC_VIF_NONE);
	assert_true(gremc_tunnel_peer_known(f->vifs, plain.options.local, plain.options.remote));
	assert_false(gremc_tunnel_peer_known(f->vifs, plain.options.remote, plain.options.local));
	for (unsigned i = 0; i < 3; i++) {
		assert_true(gremc_tunnel_peer_known(f->vifs, plain.options.local, plain.options.remote));
		gremc_vif_remove(f->vifs, vif[i]);
	}
	assert_false(gremc_tunnel_peer_known(f->vifs, plain.options.local, plain.options.remote));
}

/* One store passes the packets of a tunnel to its successor; the removal of the old one keeps the new one's
 * key. */
static void test_publish_replaces_tunnel_with_same_key(void **state)
{
	struct fixture *f = *state;
	struct gremc_vif_info info = tunnel_info_make(1);
	uint32_t old = tunnel_add_published(f->vifs, &info), new = tunnel_add_published(f->vifs, &info);

	assert_int_equal(gremc_tunnel_publish(f->vifs, old), 0);
	assert_int_equal(gremc_tunnel_publish(f->vifs, new), 0);
	assert_int_equal(tunnel_look_up(f->vifs, &info), new);
	gremc_vif_remove(f->vifs, old);
	assert_int_equal(tunnel_look_up(f->vifs, &info), new);
	assert_null(gremc_vif_info_load(f->vifs, old));
	assert_int_equal(gremc_vif_find(f->vifs, "gre1"), new);
	gremc_vif_remove(f->vifs, new);
	assert_int_equal(tunnel_look_up(f->vifs, &info), GREMC_VIF_NONE);
	assert_int_equal(gremc_vif_find(f->vifs, "gre1"), GREMC_VIF_NONE);
}

/* The index and the encap of a removed vif are not reused before the grace period ends. */
static void test_index_is_reused_after_grace_period(void **state)
{
	struct fixture *f = *state;
	struct gremc_vif_info info = tunnel_info_make(1);
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(f->rcu);
	int reader = gremc_rcu_reader_register(f->rcu);
	uint32_t vif = tunnel_add_published(f->vifs, &info), first = gremc_vif_serial(f->vifs, vif), serial;

	assert_true(reader >= 0);
	assert_true(gremc_vif_is(f->vifs, vif, first));
	rte_rcu_qsbr_thread_online(qsbr, reader);
	gremc_vif_remove(f->vifs, vif);
	gremc_rcu_commit(f->rcu);
	assert_true(gremc_rcu_reclaim(f->rcu) > 0);
	assert_int_not_equal(tunnel_add_published(f->vifs, &info), vif);
	assert_non_null(gremc_adjacency_load(f->vifs, f->vifs->encap[vif].adjacency));
	/* the serial number distinguishes the two */
	serial = gremc_vif_serial(f->vifs, vif);
	assert_false(gremc_vif_is(f->vifs, vif, serial));
	assert_false(gremc_vif_is(f->vifs, vif, first));
	rte_rcu_qsbr_quiescent(qsbr, reader);
	assert_int_equal(gremc_rcu_reclaim(f->rcu), 0);
	assert_int_equal(tunnel_add_published(f->vifs, &info), vif);
	assert_false(gremc_vif_is(f->vifs, vif, serial));
	assert_false(gremc_vif_is(f->vifs, vif, first));
	assert_true(gremc_vif_is(f->vifs, vif, gremc_vif_serial(f->vifs, vif)));
	rte_rcu_qsbr_thread_offline(qsbr, reader);
	gremc_rcu_reader_unregister(f->rcu, reader);
}

static void test_adjacencies_are_shared(void **state)
{
	struct fixture *f = *state;
	struct gremc_vif_info one = tunnel_info_make(1), two = tunnel_info_make(2);
	uint32_t a = tunnel_add_published(f->vifs, &one), b = tunnel_add_published(f->vifs, &two);
	uint32_t index = f->vifs->encap[a].adjacency;

	assert_int_equal(f->vifs->encap[b].adjacency, index);
	assert_false(gremc_adjacency_load(f->vifs, index)->resolved);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, index, &gateway), 0);
	assert_true(gremc_adjacency_load(f->vifs, index)->resolved);
	assert_int_equal(gremc_adjacency_load(f->vifs, index)->l2_length, 14);
	assert_memory_equal(gremc_adjacency_load(f->vifs, index)->l2 + 18,
			    "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 14);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, index, &other_gateway), 0);
	assert_memory_equal(gremc_adjacency_load(f->vifs, index)->l2 + 18, "\x02\0\0\0\0\x03", 6);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, index, NULL), 0);
	assert_false(gremc_adjacency_load(f->vifs, index)->resolved);
	gremc_vif_remove(f->vifs, a);
	gremc_rcu_synchronize(f->rcu);
	assert_non_null(gremc_adjacency_load(f->vifs, index));
	gremc_vif_remove(f->vifs, b);
	gremc_rcu_synchronize(f->rcu);
	assert_null(gremc_adjacency_load(f->vifs, index));
}

static void test_adjacency_has_vlan_tag(void **state)
{
	struct fixture *f = *state;
	const struct gremc_adjacency *adjacency;
	uint32_t index;

	assert_int_equal(gremc_adjacency_get(f->vifs, 3, RTE_BE32(0x0a0000fd), &source, 100, &index), 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, index, &gateway), 0);
	adjacency = gremc_adjacency_load(f->vifs, index);
	assert_int_equal(adjacency->port, 3);
	assert_int_equal(adjacency->l2_length, 18);
	assert_memory_equal(adjacency->l2 + 14, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x81\0\0\x64\x08\0", 18);
}

static void test_port_vifs_send_without_outer_header(void **state)
{
	struct fixture *f = *state;
	uint32_t adjacency, vif;

	assert_int_equal(gremc_u32_load(&f->vifs->port_vif[5]), GREMC_VIF_NONE);
	assert_int_equal(gremc_adjacency_get(f->vifs, 5, 0, &source, 0, &adjacency), 0);
	assert_true(gremc_adjacency_load(f->vifs, adjacency)->resolved);
	assert_int_equal(gremc_port_vif_add(f->vifs, "lan0", 5, 1500, adjacency, &vif), 0);
	assert_int_equal(gremc_u32_load(&f->vifs->port_vif[5]), vif);
	assert_int_equal(f->vifs->encap[vif].header_length, 0);
	assert_int_equal(f->vifs->encap[vif].flags, GREMC_ENCAP_NATIVE);
	assert_int_equal(gremc_vif_find(f->vifs, "lan0"), vif);
	gremc_vif_remove(f->vifs, vif);
	assert_int_equal(gremc_u32_load(&f->vifs->port_vif[5]), GREMC_VIF_NONE);
}

/* The table grows while it has readers, and finds each tunnel at all times. */
static void test_table_grows(void **state)
{
	struct fixture *f = *state;
	const uint32_t count = 5000;
	static uint32_t vif[5000];

	for (uint32_t i = 0; i < count; i++) {
		struct gremc_vif_info info = tunnel_info_make(i), first = tunnel_info_make(0);

		vif[i] = tunnel_add_published(f->vifs, &info);
		assert_int_equal(gremc_tunnel_publish(f->vifs, vif[i]), 0);
		assert_int_equal(tunnel_look_up(f->vifs, &first), vif[0]);
	}
	for (uint32_t i = 0; i < count; i++) {
		struct gremc_vif_info info = tunnel_info_make(i);

		assert_int_equal(tunnel_look_up(f->vifs, &info), vif[i]);
		if (i % 2)
			gremc_vif_remove(f->vifs, vif[i]);
	}
	for (uint32_t i = 0; i < count; i++) {
		struct gremc_vif_info info = tunnel_info_make(i);

		assert_int_equal(tunnel_look_up(f->vifs, &info), i % 2 ? GREMC_VIF_NONE : vif[i]);
	}
	assert_int_equal(gremc_vifs_limit(f->vifs), count);
}

/* Without quiescent states, removed keys keep their entries: the table grows and refuses nothing. */
static void test_removed_keys_come_back_after_grace_period(void **state)
{
	struct fixture *f = *state;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(f->rcu);
	int reader = gremc_rcu_reader_register(f->rcu);

	assert_true(reader >= 0);
	rte_rcu_qsbr_thread_online(qsbr, reader);
	for (uint32_t i = 0; i < 5000; i++) {
		struct gremc_vif_info info = tunnel_info_make(i);
		uint32_t vif = tunnel_add_published(f->vifs, &info);

		assert_int_equal(gremc_tunnel_publish(f->vifs, vif), 0);
		assert_int_equal(tunnel_look_up(f->vifs, &info), vif);
		gremc_vif_remove(f->vifs, vif);
	}
	rte_rcu_qsbr_thread_offline(qsbr, reader);
	gremc_rcu_reader_unregister(f->rcu, reader);
}

/* Each kind of change; tear_down() compares both nodes. */
static void test_changes_reach_every_node(void **state)
{
	struct fixture *f = *state;
	const struct gremc_vifs *other = gremc_vifs_on_socket(f->vifs, 1);
	struct gremc_vif_info info = tunnel_info_make(1);
	uint32_t vif = tunnel_add_published(f->vifs, &info), old = f->vifs->encap[vif].adjacency, new,
		 port_vif, port_adjacency;

	assert_ptr_not_equal(other, f->vifs);
	assert_ptr_equal(gremc_vifs_on_socket(f->vifs, 0), f->vifs);
	assert_ptr_equal(gremc_vifs_on_socket(f->vifs, 7), f->vifs);
	assert_ptr_equal(gremc_vifs_on_socket(other, 0), f->vifs);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, old, &gateway), 0);
	second_node_expect_equal(f->vifs);
	assert_true(gremc_adjacency_load(other, old)->resolved);
	assert_int_equal(gremc_adjacency_get(f->vifs, 1, RTE_BE32(0x0a0000fd), &source, 7, &new), 0);
	gremc_tunnel_reroute(f->vifs, vif, new);
	assert_int_equal(other->encap[vif].adjacency, new);
	gremc_tunnel_mtu_set(f->vifs, vif, 1234);
	assert_int_equal(other->encap[vif].mtu, 1234);
	gremc_rcu_synchronize(f->rcu);
	assert_null(gremc_adjacency_load(other, old));
	assert_int_equal(gremc_adjacency_get(f->vifs, 5, 0, &source, 0, &port_adjacency), 0);
	assert_int_equal(gremc_port_vif_add(f->vifs, "lan0", 5, 1500, port_adjacency, &port_vif), 0);
	assert_int_equal(gremc_u32_load(&other->port_vif[5]), port_vif);
	gremc_port_punt_set(f->vifs, 5, GREMC_VIF_PUNT_FRAMES);
	assert_int_equal(gremc_u8_load(&other->port_punt[5]), GREMC_VIF_PUNT_FRAMES);
	gremc_vif_punt_set(f->vifs, vif, GREMC_VIF_PUNT_CONTROL);
	assert_int_equal(gremc_u8_load(&other->punt[vif]), GREMC_VIF_PUNT_CONTROL);
	second_node_expect_equal(f->vifs);
}

static int vif_tests_start_eal(void **state)
{
	char *arguments[] = {"test",        "--no-huge",      "-m", "256", "--no-pci",
			     "--no-shconf", "--no-telemetry", "-l", "0"};

	(void)state;
	return rte_eal_init(RTE_DIM(arguments), arguments) < 0;
}

static int vif_tests_stop_eal(void **state)
{
	(void)state;
	return rte_eal_cleanup();
}

static void test_source_filter_covers_its_ranges(void **state)
{
	const struct gremc_prefix prefixes[] = {
		GREMC_PREFIX_IPV4(RTE_BE32(0x0a020202), 32), GREMC_PREFIX_IPV4(RTE_BE32(0x0a010000), 16),
		GREMC_PREFIX_IPV4(RTE_BE32(0xc0000000), 2), GREMC_PREFIX_IPV4(RTE_BE32(0x0a020204), 30)};
	static const struct {
		uint32_t source;
		bool taken;
	} cases[] = {{0x0a010000, true},  {0x0a01ffff, true},  {0x0a00ffff, false}, {0x0a020000, false},
		     {0x0a020202, true},  {0x0a020203, false}, {0x0a020204, true},  {0x0a020207, true},
		     {0x0a020208, false}, {0x01010101, false}, {0xc0000000, true},  {0xffffffff, true},
		     {0xbfffffff, false}};
	struct fixture *f = *state;
	struct gremc_vif_info info = tunnel_info_make(0);
	uint32_t vif = tunnel_add_published(f->vifs, &info);

	assert_false(gremc_vif_accepts_source(f->vifs, vif, RTE_BE32(0x0a010101)));
	assert_int_equal(gremc_vif_sources_set(f->vifs, vif, prefixes, RTE_DIM(prefixes)), 0);
	for (unsigned i = 0; i < RTE_DIM(cases); i++)
		assert_int_equal(gremc_vif_accepts_source(f->vifs, vif, rte_cpu_to_be_32(cases[i].source)),
				 cases[i].taken);
	assert_int_equal(gremc_vif_sources_set(f->vifs, vif, prefixes, 1), 0);
	assert_true(gremc_vif_accepts_source(f->vifs, vif, RTE_BE32(0x0a020202)));
	assert_false(gremc_vif_accepts_source(f->vifs, vif, RTE_BE32(0x0a010101)));
	/* the next vif with this index does not get them */
	gremc_vif_remove(f->vifs, vif);
	gremc_rcu_synchronize(f->rcu);
	assert_int_equal(tunnel_add_published(f->vifs, &info), vif);
	assert_false(gremc_vif_accepts_source(f->vifs, vif, RTE_BE32(0x0a020202)));
}

/* A lookup returns a tunnel that is down as down. Changes while it is down are kept. */
static void test_down_vif_neither_sends_nor_receives(void **state)
{
	struct fixture *f = *state;
	struct gremc_vif_info info = tunnel_info_make(1);
	const uint32_t vif = tunnel_add_published(f->vifs, &info);
	uint32_t adjacency;

	/* also before it is published */
	gremc_vif_down_set(f->vifs, vif, true);
	assert_int_equal(gremc_tunnel_publish(f->vifs, vif), 0);
	assert_true(tunnel_look_up(f->vifs, &info) >= GREMC_VIFS_MAX);
	assert_int_not_equal(tunnel_look_up(f->vifs, &info), GREMC_VIF_NONE);
	assert_int_equal(gremc_tunnel_find(f->vifs, &info.options), vif);
	assert_true(gremc_vif_is_down(f->vifs, vif));
	assert_int_equal(gremc_adjacency_get(f->vifs, 0, RTE_BE32(0x0a0000fd), &source, 0, &adjacency), 0);
	assert_int_equal(gremc_adjacency_resolve(f->vifs, adjacency, &gateway), 0);
	gremc_tunnel_reroute(f->vifs, vif, adjacency);
	gremc_tunnel_mtu_set(f->vifs, vif, 1400);
	info.options.ttl = 7;
	assert_int_equal(gremc_adjacency_get(f->vifs, 0, RTE_BE32(0x0a0000fd), &source, 0, &adjacency), 0);
	assert_int_equal(gremc_tunnel_change(f->vifs, vif, &info, adjacency), 0);
	assert_true(gremc_adjacency_load(f->vifs, f->vifs->encap[vif].adjacency)->down);
	gremc_rcu_synchronize(f->rcu);
	assert_true(gremc_adjacency_load(f->vifs, f->vifs->encap[vif].adjacency)->down);
	gremc_vif_down_set(f->vifs, vif, false);
	assert_int_equal(tunnel_look_up(f->vifs, &info), vif);
	assert_int_equal(f->vifs->encap[vif].adjacency, adjacency);
	assert_int_equal(f->vifs->encap[vif].mtu, 1400);
	assert_int_equal(f->vifs->encap[vif].header[8], 7);
	/* it stays down when the table grows */
	gremc_vif_down_set(f->vifs, vif, true);
	for (uint32_t n = 2; n < 3000; n++) {
		const struct gremc_vif_info other = tunnel_info_make(n);

		assert_int_equal(gremc_tunnel_publish(f->vifs, tunnel_add_published(f->vifs, &other)), 0);
	}
	assert_int_not_equal(tunnel_look_up(f->vifs, &info), GREMC_VIF_NONE);
	assert_true(tunnel_look_up(f->vifs, &info) >= GREMC_VIFS_MAX);
	gremc_vif_remove(f->vifs, vif);
	assert_int_equal(tunnel_look_up(f->vifs, &info), GREMC_VIF_NONE);
}

/* A change of a template does not write to the next vif with the same index. */
static void test_removal_during_change_is_safe(void **state)
{
	struct fixture *f = *state;
	struct gremc_vif_info info = tunnel_info_make(1), other = tunnel_info_make(2);
	const uint32_t vif = tunnel_add_published(f->vifs, &info);
	uint32_t adjacency;

	assert_int_equal(gremc_tunnel_publish(f->vifs, vif), 0);
	info.options.ttl = 9;
	assert_int_equal(gremc_adjacency_get(f->vifs, 0, info.next_hop, &source, 0, &adjacency), 0);
	assert_int_equal(gremc_tunnel_change(f->vifs, vif, &info, adjacency), 0);
	gremc_vif_remove(f->vifs, vif);
	gremc_rcu_synchronize(f->rcu);
	assert_int_equal(tunnel_add_published(f->vifs, &other), vif);
	gremc_rcu_synchronize(f->rcu);
	assert_int_equal(f->vifs->encap[vif].header[8], 64);
	assert_int_equal(f->vifs->encap[vif].flags, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, vif_fixture_set_up, vif_fixture_tear_down)
#define TWO(function)                                                                                        \
	{                                                                                                    \
#		function " on two nodes", function, vif_fixture_set_up_two_nodes, vif_fixture_tear_down,    \
			NULL                                                                                 \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_template_holds_outer_header),
		TEST(test_template_follows_options),
		TEST(test_lookup_matches_keys_exactly),
		TEST(test_publish_replaces_tunnel_with_same_key),
		TEST(test_index_is_reused_after_grace_period),
		TEST(test_adjacencies_are_shared),
		TEST(test_adjacency_has_vlan_tag),
		TEST(test_port_vifs_send_without_outer_header),
		TEST(test_source_filter_covers_its_ranges),
		TEST(test_down_vif_neither_sends_nor_receives),
		TWO(test_down_vif_neither_sends_nor_receives),
		TEST(test_removal_during_change_is_safe),
		TEST(test_table_grows),
		TEST(test_removed_keys_come_back_after_grace_period),
		TWO(test_template_holds_outer_header),
		TWO(test_lookup_matches_keys_exactly),
		TWO(test_publish_replaces_tunnel_with_same_key),
		TWO(test_index_is_reused_after_grace_period),
		TWO(test_adjacencies_are_shared),
		TWO(test_port_vifs_send_without_outer_header),
		TWO(test_table_grows),
		TWO(test_changes_reach_every_node),
	};

	return cmocka_run_group_tests_name("vif", tests, vif_tests_start_eal, vif_tests_stop_eal);
}
