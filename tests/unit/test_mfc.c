/* SPDX-License-Identifier: BSD-3-Clause */
/* Netlink messages as a Linux 6 kernel sent them when smcroute 2.5.6 set, used and removed routes. */
#include <arpa/inet.h>
#include <linux/mroute.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mfc/mfc.h"
#include "test.h"

#define IP(a, b, c, d) RTE_BE32((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* smcroutectl add v0 10.0.0.9 239.1.1.1 v1 v2: of the ifindexes 3 to 5 and 7 */
static const char set[] =
	"7800000018000000000000000000000080202000fd1100050000000008000f00fd000000080002000a000009"
	"08000100ef010101080003000300000014000900080000010500000008000001070000001c00110000000000"
	"00000000000000000000000000000000000000000c0017000000000000000000";
static const char removed[] =
	"7800000019000000000000000000000080202000fd1100050000000008000f00fd000000080002000a000009"
	"08000100ef010101080003000300000014000900080000010500000008000001070000001c00110000000000"
	"00000000000000000000000000000000000000000c0017009201000000000000";
/* a packet to 239.2.2.2, which no route covers */
static const char unresolved[] =
	"3400000018000000000000000000000080202000fd1100052000000008000f00fd0000000800"
	"02000a00000708000100ef020202";
/* a route without OIFs */
static const char nowhere[] =
	"6800000018000000000000000000000080202000fd1100050000000008000f00fd000000080002000a000007"
	"08000100ef0202030800030003000000040009001c00110001000000000000001c0000000000000000000000"
	"000000000c0017000000000000000000";
/* the same in a dump */
static const char dumped[] =
	"6800000018000200010000008f1d678880202000fd1100050000000008000f00fd000000080002000a000007"
	"08000100ef0202030800030003000000040009001c00110001000000000000001c0000000000000000000000"
	"000000000c001700c900000000000000";

/* Copy the bytes to a heap buffer of their length. */
static uint8_t *message_bytes(const char *hex, size_t *length)
{
	uint8_t *bytes = malloc(strlen(hex) / 2);

	*length = strlen(hex) / 2;
	for (size_t i = 0; i < *length; i++)
		bytes[i] = (uint8_t)strtoul((char[]){hex[2 * i], hex[2 * i + 1], '\0'}, NULL, 16);
	return bytes;
}

static enum gremc_mfc_message_kind message_parse(const char *hex, struct gremc_mfc_message *message)
{
	size_t length;
	uint8_t *bytes = message_bytes(hex, &length);
	enum gremc_mfc_message_kind kind;

	assert_int_equal(((struct nlmsghdr *)bytes)->nlmsg_len, length);
	kind = gremc_mfc_message_parse((const struct nlmsghdr *)bytes, message);
	free(bytes);
	return kind;
}

static void test_set_and_removed_routes_are_parsed(void **state)
{
	struct gremc_mfc_message message;

	(void)state;
	assert_int_equal(message_parse(set, &message), GREMC_MFC_SET);
	assert_int_equal(message.source.ipv4, IP(10, 0, 0, 9));
	assert_int_equal(message.group.ipv4, IP(239, 1, 1, 1));
	assert_int_equal(message.iif, 3);
	assert_int_equal(message.oif_count, 2);
	assert_int_equal(message.oifs[0], 5);
	assert_int_equal(message.oifs[1], 7);
	assert_int_equal(message.thresholds[0], 1);
	assert_int_equal(message_parse(removed, &message), GREMC_MFC_REMOVED);
	assert_int_equal(message.group.ipv4, IP(239, 1, 1, 1));
}

static void test_routes_without_oifs_are_parsed(void **state)
{
	struct gremc_mfc_message message;

	(void)state;
	assert_int_equal(message_parse(unresolved, &message), GREMC_MFC_UNRESOLVED);
	assert_int_equal(message.source.ipv4, IP(10, 0, 0, 7));
	assert_int_equal(message_parse(nowhere, &message), GREMC_MFC_SET);
	assert_int_equal(message.oif_count, 0);
	assert_int_equal(message_parse(dumped, &message), GREMC_MFC_SET);
	assert_int_equal(message.group.ipv4, IP(239, 2, 2, 3));
}

/* A cut or changed message causes no read beyond its end, and no route that is not multicast. */
static void test_damaged_messages_are_safe(void **state)
{
	struct gremc_mfc_message message;
	size_t length;
	uint8_t *bytes = message_bytes(set, &length);

	(void)state;
	for (size_t at = sizeof(struct nlmsghdr); at <= length; at += 4) {
		uint8_t *cut = malloc(at);

		memcpy(cut, bytes, at);
		((struct nlmsghdr *)cut)->nlmsg_len = (uint32_t)at;
		gremc_mfc_message_parse((const struct nlmsghdr *)cut, &message);
		assert_true(message.oif_count <= 2);
		free(cut);
	}
	for (size_t at = sizeof(struct nlmsghdr); at < length; at++) {
		for (unsigned value = 0; value < 256; value += 17) {
			uint8_t before = bytes[at];

			bytes[at] = (uint8_t)value;
			if (gremc_mfc_message_parse((const struct nlmsghdr *)bytes, &message) ==
			    GREMC_MFC_SET)
				assert_true(!gremc_addr_is_set(&message.group) ||
					    gremc_addr_is_multicast(&message.group));
			assert_true(message.oif_count <= GREMC_MFC_OIFS_MAX);
			bytes[at] = before;
		}
	}
	bytes[16] = 2; /* AF_INET: a unicast route */
	assert_int_equal(gremc_mfc_message_parse((const struct nlmsghdr *)bytes, &message), GREMC_MFC_OTHER);
	bytes[16] = 128;
	bytes[32] = 10; /* RTA_TABLE */
	assert_int_equal(gremc_mfc_message_parse((const struct nlmsghdr *)bytes, &message),
			 GREMC_MFC_OTHER_TABLE);
	free(bytes);
}

/* A message with `count` OIFs. The caller frees it. */
static struct nlmsghdr *message_make(uint32_t count)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(calloc(1, 4096));
	struct rtmsg *route = mnl_nlmsg_put_extra_header(header, sizeof(*route));
	struct nlattr *list;

	header->nlmsg_type = RTM_NEWROUTE;
	route->rtm_family = RTNL_FAMILY_IPMR;
	route->rtm_type = RTN_MULTICAST;
	route->rtm_table = RT_TABLE_DEFAULT;
	mnl_attr_put_u32(header, RTA_SRC, IP(10, 0, 0, 9));
	mnl_attr_put_u32(header, RTA_DST, IP(239, 1, 1, 1));
	mnl_attr_put_u32(header, RTA_IIF, 3);
	list = mnl_attr_nest_start(header, RTA_MULTIPATH);
	for (uint32_t i = 0; i < count; i++) {
		struct rtnexthop *hop = mnl_nlmsg_get_payload_tail(header);

		*hop = (struct rtnexthop){
			.rtnh_len = sizeof(*hop), .rtnh_hops = 1, .rtnh_ifindex = (int)i + 10};
		header->nlmsg_len += sizeof(*hop);
	}
	mnl_attr_nest_end(header, list);
	return header;
}

static void test_too_many_oifs_are_an_error(void **state)
{
	struct gremc_mfc_message message;
	struct nlmsghdr *header;

	(void)state;
	header = message_make(GREMC_MFC_OIFS_MAX);
	assert_int_equal(gremc_mfc_message_parse(header, &message), GREMC_MFC_SET);
	assert_int_equal(message.oif_count, GREMC_MFC_OIFS_MAX);
	free(header);
	header = message_make(GREMC_MFC_OIFS_MAX + 1);
	assert_int_equal(gremc_mfc_message_parse(header, &message), GREMC_MFC_TOO_MANY_OIFS);
	assert_int_equal(message.source.ipv4, IP(10, 0, 0, 9));
	assert_int_equal(message.group.ipv4, IP(239, 1, 1, 1));
	header->nlmsg_type = RTM_DELROUTE;
	assert_int_equal(gremc_mfc_message_parse(header, &message), GREMC_MFC_REMOVED);
	free(header);
}

/* ---- the running kernel, in a namespace of the test ---- */

#define LO        7u /* the number of `lo` */
#define ROUTES    400u
#define PATIENCE  5000 /* milliseconds */
#define THRESHOLD 9

/* The routes that the callbacks have reported, by the low 16 bits of the source. */
static struct {
	bool there[ROUTES], seen[ROUTES];
	uint32_t syncs, oifs;
} mirrored;

static uint32_t source_number(const struct gremc_addr *source)
{
	uint32_t number = rte_be_to_cpu_32(gremc_addr_to_ipv4(source)) & 0xffff;

	assert_true(number < ROUTES);
	return number;
}

static uint32_t on_name(void *argument, const char *name)
{
	(void)argument;
	return strcmp(name, "lo") ? GREMC_MFC_NONE : LO;
}

static void on_set(void *argument, const struct gremc_addr *source, const struct gremc_addr *group,
		   uint32_t iif, const uint32_t *oifs, const uint8_t *thresholds, uint32_t oif_count)
{
	(void)argument;
	assert_int_equal(gremc_addr_to_ipv4(group), IP(239, 1, 1, 1));
	assert_int_equal(iif, LO);
	assert_int_equal(oif_count, 1);
	assert_int_equal(oifs[0], LO);
	assert_int_equal(thresholds[0], THRESHOLD);
	mirrored.there[source_number(source)] = mirrored.seen[source_number(source)] = true;
}

/* Record the number of OIFs of any route. */
static void on_any_set(void *argument, const struct gremc_addr *source, const struct gremc_addr *group,
		       uint32_t iif, const uint32_t *oifs, const uint8_t *thresholds, uint32_t oif_count)
{
	(void)argument;
	(void)source;
	(void)group;
	(void)iif;
	(void)oifs;
	(void)thresholds;
	mirrored.oifs = oif_count;
}

static void on_remove(void *argument, const struct gremc_addr *source, const struct gremc_addr *group)
{
	(void)argument;
	(void)group;
	mirrored.there[source_number(source)] = false;
}

static void on_begin(void *argument)
{
	(void)argument;
	memset(mirrored.seen, 0, sizeof(mirrored.seen));
	mirrored.oifs = 0;
}

static void on_end(void *argument)
{
	(void)argument;
	mirrored.syncs++;
	for (unsigned i = 0; i < ROUTES; i++)
		mirrored.there[i] &= mirrored.seen[i];
}

/* Open the socket of a routing daemon, with `lo` as its only interface. Returns: -1: not permitted. */
static int daemon_open(void)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK};
	struct vifctl vif = {.vifc_flags = VIFF_USE_IFINDEX, .vifc_threshold = 1};
	int on = 1, fd;

	if (unshare(CLONE_NEWNET))
		return -1;
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IGMP);
	if (fd < 0)
		return -1;
	vif.vifc_lcl_ifindex = (int)if_nametoindex("lo");
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &up), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, MRT_INIT, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, MRT_ADD_VIF, &vif, sizeof(vif)), 0);
	return fd;
}

static void daemon_route(int fd, uint32_t number, int option)
{
	struct mfcctl route = {.mfcc_origin.s_addr = htonl(0x0a010000 + number),
			       .mfcc_mcastgrp.s_addr = IP(239, 1, 1, 1),
			       .mfcc_ttls = {THRESHOLD}};

	assert_int_equal(setsockopt(fd, IPPROTO_IP, option, &route, sizeof(route)), 0);
}

static void run_until_synced(struct gremc_mfc *mfc, uint32_t syncs)
{
	struct pollfd waiting = {.fd = gremc_mfc_fd_get(mfc), .events = POLLIN};

	while (mirrored.syncs < syncs) {
		assert_int_equal(poll(&waiting, 1, PATIENCE), 1);
		gremc_mfc_events_read(mfc);
	}
}

/* More messages than the socket holds, while routes change: the mirror counts it, and a dump completes it. */
static void test_overrun_causes_a_dump(void **state)
{
	const struct gremc_mfc_callbacks callbacks = {on_name, on_set, on_remove, on_begin, on_end, NULL};
	const int small = 4096;
	struct gremc_mfc_info info;
	struct gremc_mfc *mfc;
	int fd = daemon_open();

	if (fd < 0) {
		print_message("no namespace to test in\n");
		skip();
	}
	(void)state;
	for (uint32_t i = 0; i < ROUTES; i += 3)
		daemon_route(fd, i, MRT_ADD_MFC);
	mfc = gremc_mfc_open(&callbacks);
	assert_non_null(mfc);
	run_until_synced(mfc, 1);
	assert_int_equal(setsockopt(gremc_mfc_fd_get(mfc), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	for (uint32_t i = 0; i < ROUTES; i++)
		daemon_route(fd, i, i % 3 ? MRT_ADD_MFC : MRT_DEL_MFC);
	for (uint32_t i = 1; i < ROUTES; i += 3)
		daemon_route(fd, i, MRT_DEL_MFC);
	run_until_synced(mfc, 2);
	for (uint32_t i = 0; i < ROUTES; i++)
		assert_int_equal(mirrored.there[i], i % 3 == 2);
	gremc_mfc_info(mfc, &info);
	assert_true(info.overruns >= 1);
	assert_true(info.resyncs >= 2);
	/* later events arrive */
	daemon_route(fd, 0, MRT_ADD_MFC);
	gremc_mfc_events_read(mfc);
	assert_true(mirrored.there[0]);
	gremc_mfc_close(mfc);
	close(fd);
}

/* MRT_DEL_VIF takes the interface out of a route without a message about the route. */
static void test_removed_interface_causes_a_dump(void **state)
{
	const struct gremc_mfc_callbacks callbacks = {on_name, on_any_set, on_remove, on_begin, on_end, NULL};
	struct pollfd waiting;
	struct gremc_mfc *mfc;
	int fd = daemon_open();
	vifi_t vif = 0;

	(void)state;
	if (fd < 0) {
		print_message("no namespace to test in\n");
		skip();
	}
	memset(&mirrored, 0, sizeof(mirrored));
	daemon_route(fd, 0, MRT_ADD_MFC);
	mfc = gremc_mfc_open(&callbacks);
	assert_non_null(mfc);
	run_until_synced(mfc, 1);
	assert_int_equal(mirrored.oifs, 1);
	assert_int_equal(gremc_mfc_resync_poll(mfc, 1000), GREMC_MFC_DUMP_INTERVAL);
	assert_int_equal(gremc_mfc_resync_poll(mfc, 5000), GREMC_MFC_DUMP_INTERVAL - 4000);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, MRT_DEL_VIF, &(struct vifctl){.vifc_vifi = vif},
				    sizeof(struct vifctl)),
			 0);
	waiting = (struct pollfd){.fd = gremc_mfc_fd_get(mfc), .events = POLLIN};
	assert_int_equal(poll(&waiting, 1, PATIENCE), 1);
	gremc_mfc_events_read(mfc);
	assert_int_equal(gremc_mfc_resync_poll(mfc, 5000), GREMC_MFC_DUMP_INTERVAL);
	run_until_synced(mfc, 2);
	assert_int_equal(mirrored.oifs, 0);
	/* the periodic dump needs no message */
	assert_int_equal(gremc_mfc_resync_poll(mfc, 14999), 1);
	assert_int_equal(gremc_mfc_resync_poll(mfc, 15000), GREMC_MFC_DUMP_INTERVAL);
	run_until_synced(mfc, 3);
	gremc_mfc_close(mfc);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_and_removed_routes_are_parsed),
		cmocka_unit_test(test_routes_without_oifs_are_parsed),
		cmocka_unit_test(test_damaged_messages_are_safe),
		cmocka_unit_test(test_too_many_oifs_are_an_error),
		cmocka_unit_test(test_overrun_causes_a_dump),
		cmocka_unit_test(test_removed_interface_causes_a_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
