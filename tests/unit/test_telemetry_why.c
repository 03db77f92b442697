/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/why: the reason for the treatment of a packet. */

#include "telemetry_query.h"

static void why_expect(const char *iif, const char *source, const char *group, const char *verdict,
		       const char *reason, const char *detail)
{
	query_expect_reply("/gremc/why,%s,%s,%s", iif, source, group);
	assert_string_equal(reply_text("iif"), iif);
	assert_string_equal(reply_text("source"), source);
	assert_string_equal(reply_text("group"), group);
	assert_string_equal(reply_text("verdict"), verdict);
	assert_string_equal(reply_text("reason"), reason);
	assert_string_equal(reply_text("text"), "");
	if (strstr(reply_text("detail"), detail) == NULL)
		fail_msg("'%s' does not contain '%s'", reply_text("detail"), detail);
}

static void why_expect_drop(const char *iif, const char *source, const char *group, enum gremc_drop reason,
			    const char *detail)
{
	query_expect_reply("/gremc/why,%s,%s,%s", iif, source, group);
	assert_string_equal(reply_text("verdict"), "drop");
	assert_string_equal(reply_text("reason"), gremc_drop_name(reason));
	assert_string_equal(reply_text("text"), gremc_drop_text(reason));
	assert_int_equal(reply_number("wanted"), 0);
	if (strstr(reply_text("detail"), detail) == NULL)
		fail_msg("'%s' does not contain '%s'", reply_text("detail"), detail);
}

static void test_why_explains_forwarding(void **unused __rte_unused)
{
	why_expect("gre0", "10.1.1.1", "239.1.1.1", "forward", "",
		   "1 of 3 replicas would be lost now: no_adjacency");
	assert_int_equal(reply_number("wanted"), 3);
	assert_int_equal(reply_number("no_adjacency"), 1);
	assert_int_equal(reply_number("smallest_mtu"), 1472);
	assert_string_equal(reply_text("mroute.source"), "10.1.1.1");
	assert_string_equal(reply_text("mroute.group"), "239.1.1.1");
	assert_int_equal(reply_number("mroute.iifs"), 1);
	assert_string_equal(reply_text("iif_names[0]"), "gre0");
	assert_string_equal(reply_text("oif_names[0]"), "gre1");
	assert_string_equal(reply_text("oif_names[2]"), "lan0");
	/* split horizon: the iif is in the oil of four */
	why_expect("gre1", "10.7.7.7", "239.2.9.9", "forward", "", "");
	assert_int_equal(reply_number("wanted"), 3);
	assert_int_equal(reply_number("no_adjacency"), 0);
	assert_string_equal(reply_text("mroute.group"), "239.2.0.0/16");
	assert_string_equal(reply_text("oif_names[0]"), "gre0");
	assert_string_equal(reply_text("oif_names[1]"), "gre3");
	/* from a native port */
	why_expect("lan0", "10.7.7.7", "239.2.9.9", "forward", "", "");
	assert_int_equal(reply_number("wanted"), 3);
	why_expect("gre0", "10.9.9.9", "232.1.1.1", "forward", "", "");
}

static void test_why_explains_drops(void **unused __rte_unused)
{
	why_expect_drop("gre1", "10.1.1.1", "239.1.1.1", GREMC_DROP_rpf, "does not accept packets from gre1");
	assert_string_equal(reply_text("iif_names[0]"), "gre0");
	assert_string_equal(reply_text("mroute.group"), "239.1.1.1");
	why_expect_drop("gre2", "10.1.1.1", "239.3.1.1", GREMC_DROP_rpf, "does not accept packets from gre2");
	why_expect_drop("gre0", "10.1.1.1", "239.9.9.9", GREMC_DROP_no_mroute, "/gremc/mroutes");
	assert_null(reply_find_text(&reply, "mroute.group"));
	why_expect_drop("gre0", "10.9.9.8", "232.1.1.1", GREMC_DROP_no_mroute, "RFC 4607");
	why_expect_drop("gre0", "10.1.1.1", "239.4.4.4", GREMC_DROP_empty_oil,
			"gre0, by which it arrived, is the only");
	why_expect_drop("gre0", "10.1.1.1", "239.5.5.5", GREMC_DROP_empty_oil, "no outgoing interface");
	why_expect_drop("gre0", "10.1.1.1", "224.0.0.5", GREMC_DROP_inner_link_local, "");
	why_expect_drop("gre0", "10.1.1.1", "10.2.2.2", GREMC_DROP_inner_unicast, "");
	why_expect_drop("gre0", "127.0.0.1", "239.1.1.1", GREMC_DROP_bad_source, "");
	why_expect_drop("gre0", "239.1.1.1", "239.1.1.1", GREMC_DROP_bad_source, "");
	why_expect_drop("lan0", "10.1.1.1", "10.2.2.2", GREMC_DROP_not_gre, "");
	why_expect_drop("wan1", "10.1.1.1", "239.1.1.1", GREMC_DROP_not_gre, "port wan1 accepts GRE only");
}

static void why_expect_punt(const char *iif, const char *group, const char *verdict, const char *reason,
			    const char *host)
{
	query_expect_reply("/gremc/why,%s,10.1.1.1,%s", iif, group);
	assert_string_equal(reply_text("verdict"), verdict);
	assert_string_equal(reply_text("reason"), reason);
	if (host)
		assert_string_equal(reply_text("host"), host);
	assert_int_equal(reply_number("wanted"), 0);
}

/* Vifs with a host interface or IGMP punt instead of dropping. */
static void test_why_explains_punts(void **unused __rte_unused)
{
	struct gremc_vifs *vifs = world->vifs;
	const uint8_t all = GREMC_VIF_PUNT_CONTROL | GREMC_VIF_PUNT_UNICAST | GREMC_VIF_PUNT_MULTICAST;

	gremc_vif_punt_set(vifs, world->vif[GRE1], all);
	gremc_vif_punt_set(vifs, world->vif[GRE2], GREMC_VIF_PUNT_CONTROL);
	why_expect_punt("gre1", "224.0.0.5", "punt", "control", "gre1");
	assert_string_equal(reply_text("text"), gremc_punt_text(GREMC_PUNT_control));
	why_expect_punt("gre1", "10.2.2.2", "punt", "traffic", "gre1");
	why_expect_punt("gre1", "239.9.9.9", "punt", "multicast", "gre1");
	if (strstr(reply_text("detail"), "/gremc/mroutes") == NULL)
		fail_msg("'%s' does not contain why there is no mroute", reply_text("detail"));
	why_expect_punt("gre1", "239.1.1.1", "drop", "rpf", NULL);
	/* with IGMP but without a host interface: control traffic only */
	why_expect_punt("gre2", "224.0.0.22", "punt", "control", "");
	why_expect_punt("gre2", "10.2.2.2", "drop", "inner_unicast", NULL);
	why_expect_punt("gre0", "224.0.0.5", "drop", "inner_link_local", NULL);
	/* ports */
	gremc_port_punt_set(vifs, WAN0, GREMC_VIF_PUNT_FRAMES);
	gremc_port_punt_set(vifs, LAN0, GREMC_VIF_PUNT_FRAMES);
	why_expect_punt("wan0", "10.2.2.2", "punt", "traffic", "wan0");
	why_expect_punt("wan0", "224.0.0.5", "punt", "control", "wan0");
	why_expect_punt("lan0", "224.0.0.5", "punt", "control", "");
	why_expect_punt("wan1", "10.2.2.2", "drop", "not_gre", NULL);
	gremc_port_punt_set(vifs, WAN0, 0);
	gremc_port_punt_set(vifs, LAN0, 0);
	gremc_vif_punt_set(vifs, world->vif[GRE1], 0);
	gremc_vif_punt_set(vifs, world->vif[GRE2], 0);
}

/* With IGMP, a missing mroute has several reasons; the reply names the right one. */
static void test_why_explains_missing_memberships(void **unused __rte_unused)
{
	uint8_t packet[GREMC_IGMP_PACKET_MIN];
	size_t length =
		gremc_igmp_v1v2_build(packet, GREMC_IGMP_V2_REPORT, IP(10, 9, 0, 2), IP(239, 9, 9, 8));

	why_expect_drop("gre0", "10.1.1.1", "239.9.9.9", GREMC_DROP_no_mroute, "no interface has joined it");
	/* a member whose request is not in the rib */
	why_expect_drop(
		"gre0", "10.1.1.1", "239.7.7.7", GREMC_DROP_no_mroute,
		"joined at 1 interface (gre1 first), but there is no capacity for its mroute; tried again every "
		"second");
	why_expect_drop("gre0", "10.1.1.2", "239.7.7.7", GREMC_DROP_no_mroute, "no interface has joined it");
	gremc_igmp_budget_set(world->igmp, 0, 3000);
	gremc_igmp_input(world->igmp, GRE2, packet, length, 3000);
	why_expect_drop(
		"gre0", "10.1.1.1", "239.9.9.8", GREMC_DROP_no_mroute,
		"not joined now; 1 interface had joins refused or given up: all memberships are at their limit "
		"(/gremc/igmp)");
	query_expect_reply("/gremc/igmp");
	assert_int_equal(reply_number("budget.limit"), 0);
	assert_int_equal(reply_number("budget.used"), 3 * 9); /* the static joins */
	gremc_igmp_budget_set(world->igmp, 1000, 3000);
}

static void test_why_rejects_wrong_parameters(void **unused __rte_unused)
{
	query_expect_error("/gremc/why", "parameters given: 0; right would be /gremc/why,IIF,SOURCE,GROUP");
	query_expect_error("/gremc/why,gre0,10.1.1.1", "parameters given: 2; right would be");
	query_expect_error("/gremc/why,gre0,10.1.1.1,239.1.1.1,0", "parameters given: 4; right would be");
	query_expect_error("/gremc/why,eth9,10.1.1.1,239.1.1.1",
			   "IIF 'eth9' is neither a tunnel (/gremc/tunnels) nor a port");
	query_expect_error("/gremc/why,gre0,*,239.1.1.1", "SOURCE '*' is not an IPv4 address");
	query_expect_error("/gremc/why,gre0,10.1.1.1,239.1.1.1/32",
			   "GROUP '239.1.1.1/32' is not an IPv4 address");
	query_expect_error("/gremc/why,,10.1.1.1,239.1.1.1", "IIF '' is neither");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_why_explains_forwarding),
		cmocka_unit_test(test_why_explains_drops),
		cmocka_unit_test(test_why_explains_punts),
		cmocka_unit_test(test_why_explains_missing_memberships),
		cmocka_unit_test(test_why_rejects_wrong_parameters),
	};

	return cmocka_run_group_tests_name("telemetry_why", tests, telemetry_set_up, telemetry_tear_down);
}
