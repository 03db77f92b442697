/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and prefixes. */
#include <string.h>

#include "base/base.h"
#include "test.h"

static void test_ipv4_parse_accepts_only_dotted_quads(void **state)
{
	static const char *const bad[] = {"",         "1.2.3",    "1.2.3.4.5", "256.1.1.1",
					  " 1.2.3.4", "1.2.3.4 ", "a.b.c.d"};
	char text[GREMC_IPV4_TEXT];
	rte_be32_t address = 7;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		assert_int_equal(gremc_ipv4_parse(bad[i], &address), -EINVAL);
		assert_int_equal(address, 7);
	}
	assert_int_equal(gremc_ipv4_parse("::1.2.3.4", &address), -EAFNOSUPPORT);
	assert_int_equal(address, 7);
	assert_int_equal(gremc_ipv4_parse("239.1.2.255", &address), 0);
	assert_int_equal(address, RTE_BE32(0xef0102ff));
	assert_string_equal(gremc_ipv4_format(text, address), "239.1.2.255");
}

static void test_mac_format_is_lower_case(void **state)
{
	const struct rte_ether_addr mac = {{0x02, 0x00, 0x5e, 0xab, 0xCD, 0x1f}};
	char text[GREMC_MAC_TEXT];

	(void)state;
	assert_string_equal(gremc_mac_format(text, &mac), "02:00:5e:ab:cd:1f");
}

static void test_address_classes_follow_their_prefixes(void **state)
{
	(void)state;
	assert_false(gremc_ipv4_is_multicast(RTE_BE32(0xdfffffff)));
	assert_true(gremc_ipv4_is_multicast(RTE_BE32(0xe0000000)));
	assert_true(gremc_ipv4_is_multicast(RTE_BE32(0xefffffff)));
	assert_false(gremc_ipv4_is_multicast(RTE_BE32(0xf0000000)));
	assert_true(gremc_ipv4_is_link_local_group(RTE_BE32(0xe00000ff)));
	assert_false(gremc_ipv4_is_link_local_group(RTE_BE32(0xe0000100)));
	assert_true(gremc_ipv4_is_ssm(RTE_BE32(0xe8ffffff)));
	assert_false(gremc_ipv4_is_ssm(RTE_BE32(0xe9000000)));
}

static struct gremc_addr addr_of(const char *text)
{
	struct gremc_addr addr;

	assert_int_equal(gremc_addr_parse(text, &addr), 0);
	return addr;
}

static void test_addr_parse_accepts_both_families(void **state)
{
	static const char *const good[] = {"0.0.0.0", "239.1.2.3", "::", "ff05::1:3", "2001:db8::192.0.2.1"};
	static const char *const bad[] = {"",     "1.2.3",   "1.2.3.4.5", " ::1",
					  "::1 ", "12345::", "::1%eth0",  "1.2.3.4/8"};
	struct gremc_addr addr = {.family = 7}, before = addr;
	char text[GREMC_ADDR_TEXT];

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		assert_int_equal(gremc_addr_parse(bad[i], &addr), -EINVAL);
		assert_memory_equal(&addr, &before, sizeof(addr));
	}
	for (unsigned i = 0; i < RTE_DIM(good); i++) {
		addr = addr_of(good[i]);
		assert_int_equal(addr.family, strchr(good[i], ':') ? GREMC_FAMILY_IPV6 : GREMC_FAMILY_IPV4);
		assert_string_equal(gremc_addr_format(text, &addr),
				    strcmp(good[i], "2001:db8::192.0.2.1") ? good[i] : "2001:db8::c000:201");
	}
	assert_string_equal(gremc_addr_format(text, &(struct gremc_addr){.family = 0}), "none");
	addr = gremc_addr_from_ipv4(RTE_BE32(0xef010203));
	before = addr_of("239.1.2.3");
	assert_true(gremc_addr_is_equal(&addr, &before));
}

static void test_addr_order_and_hash_follow_family_and_value(void **state)
{
	static const char *const ascending[] = {"0.0.0.0", "9.255.0.0", "10.0.0.0", "255.0.0.1",
						"::",      "::a00:0",   "ff02::1"};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(ascending); i++)
		for (unsigned j = 0; j < RTE_DIM(ascending); j++) {
			const struct gremc_addr a = addr_of(ascending[i]), b = addr_of(ascending[j]);

			assert_int_equal(gremc_addr_compare(&a, &b) > 0, i > j);
			assert_int_equal(gremc_addr_compare(&a, &b) < 0, i < j);
			assert_int_equal(gremc_addr_is_equal(&a, &b), i == j);
			assert_int_equal(gremc_addr_hash(&a, 5) == gremc_addr_hash(&b, 5), i == j);
			assert_int_not_equal(gremc_addr_hash(&a, 5), gremc_addr_hash(&b, 6));
			assert_int_equal(gremc_addr_is_multicast(&a), strcmp(ascending[i], "ff02::1") == 0);
		}
}

static void test_prefix_covers_its_range(void **state)
{
	static const struct {
		const char *text, *prefix, *inside, *outside;
		bool has_host_bits;
	} good[] = {
		{"239.1.2.3/8", "239.0.0.0/8", "239.255.255.255", "240.0.0.0", true},
		{"239.1.2.3", "239.1.2.3/32", "239.1.2.3", "239.1.2.2", false},
		{"0.0.0.0/0", "0.0.0.0/0", "255.1.1.1", "::", false},
		{"ff3e::8000:1/97", "ff3e::8000:0/97", "ff3e::ffff:ffff", "ff3e::7fff:ffff", true},
		{"ff00::/8", "ff00::/8", "ff05::2", "fe80::1", false},
		{"::/0", "::/0", "ff05::2", "1.2.3.4", false},
	};
	static const struct {
		const char *text;
		int rc;
	} bad[] = {{"", -EINVAL},
		   {"/8", -EINVAL},
		   {"1.2.3.4/", -EINVAL},
		   {"::/-1", -EINVAL},
		   {"::/8x", -EINVAL},
		   {"1.2.3.4/33", -ERANGE},
		   {"::/129", -ERANGE},
		   {"1.2.3.4/ 8", -EINVAL},
		   {"1.2.3/8", -EINVAL},
		   {"1.2.3.4/999", -ERANGE},
		   {"1111.2.3.4444/8", -EINVAL}};
	struct gremc_prefix prefix;
	char text[GREMC_PREFIX_TEXT];
	struct gremc_addr address;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(bad); i++)
		assert_int_equal(gremc_prefix_parse(bad[i].text, &prefix, NULL), bad[i].rc);
	for (unsigned i = 0; i < RTE_DIM(good); i++) {
		const struct gremc_addr inside = addr_of(good[i].inside), outside = addr_of(good[i].outside);

		assert_int_equal(gremc_prefix_parse(good[i].text, &prefix, &address), 0);
		assert_string_equal(gremc_prefix_format(text, &prefix), good[i].prefix);
		assert_int_equal(gremc_addr_is_equal(&address, &prefix.address), !good[i].has_host_bits);
		assert_true(gremc_prefix_covers(&prefix, &inside));
		assert_false(gremc_prefix_covers(&prefix, &outside));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4_parse_accepts_only_dotted_quads),
		cmocka_unit_test(test_mac_format_is_lower_case),
		cmocka_unit_test(test_address_classes_follow_their_prefixes),
		cmocka_unit_test(test_addr_parse_accepts_both_families),
		cmocka_unit_test(test_addr_order_and_hash_follow_family_and_value),
		cmocka_unit_test(test_prefix_covers_its_range),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
