/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts that fail, or are killed, at each of their requests to the kernel, with and without a takeover. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/if_tun.h>

#include "base/annotate.h"
#include "base/clock.h"
#include "host/host_priv.h"
#include "host_fixture.h"
#include "nexthop/nexthop_priv.h"

/* With or without `--takeover wan0`. */
enum start_kind { START_PLAIN, START_TAKEOVER };

/* ---- faults ---- */

/* The Nth request to the kernel, by netlink or by an ioctl of a device, fails or ends the process. */
static struct {
	unsigned at; /* 0: none of them */
	bool kills;
	unsigned count;
	jmp_buf end; /* continues here after a start is killed */
} fault;

static bool fault_is_due(void)
{
	if (fault.at == 0 || ++fault.count != fault.at)
		return false;
	if (fault.kills)
		longjmp(fault.end, 1);
	return true;
}

/* Replaces the C library's function, for libmnl as well. The header declares the address as a union. */
ssize_t faulty_sendto(int fd, const void *message, size_t length, int flags, const struct sockaddr *address,
		      socklen_t size) __asm__("sendto");

ssize_t faulty_sendto(int fd, const void *message, size_t length, int flags, const struct sockaddr *address,
		      socklen_t size)
{
	if (fault_is_due()) {
		errno = ENOBUFS;
		return -1;
	}
	return syscall(SYS_sendto, fd, message, length, flags, address, size);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if ((request == TUNSETIFF || request == TUNSETPERSIST || request == TUNSETVNETHDRSZ) &&
	    fault_is_due()) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_ioctl, fd, request, argument);
}

/* ---- starts that fail or are killed ---- */

/* The kernel's network as text: links, addresses, routes. */
struct picture {
	char text[4096];
};

static void kernel_picture_draw(struct picture *picture, const char *format, ...) __rte_format_printf(2, 3);
static void kernel_picture_draw(struct picture *picture, const char *format, ...)
{
	size_t length = strlen(picture->text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(picture->text + length, sizeof(picture->text) - length, format, arguments);
	va_end(arguments);
}

static void address_draw(void *argument, const struct gremc_link_address *address, uint8_t protocol)
{
	char text[GREMC_ADDR_TEXT], peer[GREMC_ADDR_TEXT];

	kernel_picture_draw(argument, " address %s/%u peer %s proto %u\n",
			    gremc_addr_format(text, &address->address), address->length,
			    gremc_addr_format(peer, &address->peer), protocol);
}

static void route_draw(void *argument, const struct gremc_kernel_route *route)
{
	char to[GREMC_PREFIX_TEXT], via[GREMC_ADDR_TEXT];

	kernel_picture_draw(argument, "route %s dev %u via %s metric %u proto %u\n",
			    gremc_prefix_format(to, &route->to), route->ifindex,
			    gremc_addr_format(via, &route->via), route->metric, route->protocol);
}

static struct picture kernel_picture_take(struct host_fixture *f)
{
	struct if_nameindex *links = if_nameindex();
	struct picture picture = {0};
	struct gremc_link link;

	for (unsigned i = 0; links[i].if_index; i++) {
		assert_int_equal(gremc_link_get(&f->netlink, links[i].if_name, &link), 0);
		kernel_picture_draw(&picture, "link %u %s %s%s\n", link.ifindex, link.name, link.kind,
				    link.flags & IFF_UP ? " up" : "");
		assert_int_equal(gremc_address_each(&f->netlink, link.ifindex, address_draw, &picture), 0);
	}
	if_freenameindex(links);
	assert_int_equal(gremc_route_each(&f->netlink, 0, 0, route_draw, &picture), 0);
	return picture;
}

/* The steps of a start that change the kernel's network. */
static int host_start(struct host_fixture *f, enum start_kind kind)
{
	const struct gremc_host_context context = host_context(f);
	struct gremc_errors errors = {0};
	int rc = -1;

	f->host = gremc_host_create(&context, &errors);
	if (f->host == NULL)
		goto out;
	rc = kind == START_TAKEOVER ? gremc_host_takeover_begin(f->host, &f->config, "wan0", &errors) : 0;
	if (rc == 0)
		rc = gremc_host_reserve(f->host, &f->config);
	if (rc == 0)
		rc = -(int)gremc_host_apply(f->host, &f->config, f->vif, &errors);
	if (rc == 0)
		rc = gremc_host_commit(f->host, &errors);
	if (rc)
		gremc_host_destroy(f->host, false);
out:
	gremc_errors_fini(&errors);
	return rc;
}

/* Create the interfaces, addresses and routes that a takeover finds. */
static void interface_furnish(struct host_fixture *f)
{
	const struct gremc_prefix far = GREMC_PREFIX_IPV4(RTE_BE32(0xc6120000), 15);
	unsigned wan0 = kernel_veth_create(f, "wan0"), mgmt = kernel_veth_create(f, "mgmt");

	kernel_address_add(f, wan0, LOCAL, 24, 0);
	kernel_address_add(f, wan0, RTE_BE32(0xc0000207), 32, 0);
	kernel_route_change(f, RTM_NEWROUTE, &far, GATEWAY2, wan0);
	kernel_address_add(f, mgmt, MGMT, 24, 0);
	kernel_route_change(f, RTM_NEWROUTE, DEFAULT, MGMT_GW, mgmt);
}

static void kernel_clear(struct host_fixture *f)
{
	static const char *const names[] = {"wan0", "wan0_k", "gre1", "mgmt"};

	for (unsigned i = 0; i < RTE_DIM(names); i++)
		if (if_nametoindex(names[i]))
			kernel_link_remove(f, names[i]);
}

static bool journal_exists(void)
{
	/* rmdir() succeeds if the folder is empty */
	bool is_empty = rmdir(host_state_directory()) == 0;

	assert_true(!is_empty || mkdir(host_state_directory(), 0700) == 0);
	return !is_empty;
}

/* Each request fails in turn: either the start succeeds, or the kernel is unchanged. */
static void each_step_fails(struct host_fixture *f, enum start_kind kind)
{
	struct picture before = kernel_picture_take(f), after;
	unsigned failed = 0;

	for (unsigned at = 1;; at++) {
		int rc;

		fault.at = at;
		fault.kills = false;
		fault.count = 0;
		rc = host_start(f, kind);
		fault.at = 0;
		if (rc == 0)
			gremc_host_destroy(f->host, true);
		f->host = NULL;
		if (rc == 0) {
			if (fault.count < at)
				break;
			kernel_clear(f);
			if (kind == START_TAKEOVER)
				interface_furnish(f);
			before = kernel_picture_take(f);
			continue;
		}
		failed++;
		after = kernel_picture_take(f);
		assert_string_equal(after.text, before.text);
		assert_false(journal_exists());
	}
	f->host = NULL;
	/* some requests are fatal */
	assert_true(failed >= (kind == START_TAKEOVER ? 10 : 5));
}

/* Emulate the end of the process: its files are closed. A forked process could not free DPDK's memory. */
#define FILES_MAX 256

static void process_end(struct host_fixture *f, const bool *was_open)
{
	for (int fd = 0; fd < FILES_MAX; fd++)
		if (!was_open[fd])
			close(fd);
	rte_hash_free(rte_hash_find_existing("gremc_neighbors"));
	close(f->epoll);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	f->host = NULL;
}

/* The memory of a killed process is not a leak. */
#ifdef GREMC_ASAN
#	include <sanitizer/lsan_interface.h>
#else
#	define __lsan_disable() RTE_SET_USED(fault)
#	define __lsan_enable()  RTE_SET_USED(fault)
#endif

/* Returns: whether the start was killed at this request; false: it succeeded before. */
static bool start_kill_at(struct host_fixture *f, unsigned at, enum start_kind kind)
{
	volatile bool killed = true;
	bool was_open[FILES_MAX];

	for (int fd = 0; fd < FILES_MAX; fd++)
		was_open[fd] = fcntl(fd, F_GETFD) >= 0;
	fault.kills = true;
	fault.count = 0;
	__lsan_disable();
	if (setjmp(fault.end) == 0) {
		fault.at = at;
		assert_int_equal(host_start(f, kind), 0);
		killed = false;
	}
	__lsan_enable();
	fault.at = 0;
	if (killed)
		process_end(f, was_open);
	return killed;
}

/* The process is killed at each request in turn: the next start restores the kernel's network, or the killed
 * start had finished. */
static void each_step_is_killed(struct host_fixture *f, enum start_kind kind)
{
	struct picture before = kernel_picture_take(f), after;
	unsigned undone = 0;

	for (unsigned at = 1; start_kill_at(f, at, kind); at++) {
		/* a start with any configuration recovers a killed takeover */
		host_create(f);
		gremc_host_destroy(f->host, false);
		f->host = NULL;
		after = kernel_picture_take(f);
		assert_false(journal_exists());
		if (strcmp(after.text, before.text) == 0) {
			undone++;
			continue;
		}
		/* the devices were persistent already */
		assert_non_null(strstr(after.text, " gre1 tun"));
		assert_int_equal(strstr(after.text, " wan0 veth") != NULL, kind == START_TAKEOVER);
		kernel_link_remove(f, "gre1");
		if (kind == START_PLAIN && if_nametoindex("wan0"))
			kernel_link_remove(f, "wan0");
		after = kernel_picture_take(f);
		assert_string_equal(after.text, before.text);
	}
	gremc_host_destroy(f->host, true);
	f->host = NULL;
	assert_true(undone >= 5);
}

static void each_step_run(struct host_fixture *f, void (*test)(struct host_fixture *, enum start_kind))
{
	gremc_host_destroy(f->host, true);
	f->host = NULL;
	/* the log has lines for each step */
	log_capture_begin();
	test(f, START_PLAIN);
	kernel_clear(f);
	interface_furnish(f);
	test(f, START_TAKEOVER);
	kernel_clear(f);
	log_capture_end();
}

static void test_failed_start_changes_nothing(void **state)
{
	NEEDS_ROOT(state);
	each_step_run(*state, each_step_fails);
}

static void test_killed_start_is_undone_by_the_next(void **state)
{
	NEEDS_ROOT(state);
	each_step_run(*state, each_step_is_killed);
}

static void test_failed_start_keeps_existing_devices(void **state)
{
	struct picture before, after;
	struct host_fixture *f = *state;
	struct gremc_config_tunnel tunnels[2];

	NEEDS_ROOT(state);
	config_apply(f);
	kernel_address_add(f, if_nametoindex("gre1"), RTE_BE32(0xcb007105), 32, 0);
	gremc_host_destroy(f->host, false);
	f->host = NULL;
	kernel_veth_create(f, "gre2");
	before = kernel_picture_take(f);
	tunnels[0] = tunnels[1] = f->tunnel;
	strcpy(tunnels[1].name, "gre2");
	f->config.tunnels = tunnels;
	f->config.tunnel_count = 2;
	f->vif[1] = f->vif[0];
	f->route.via = gremc_addr_from_ipv4(GATEWAY2);
	assert_int_not_equal(host_start(f, START_PLAIN), 0);
	f->host = NULL;
	after = kernel_picture_take(f);
	assert_string_equal(after.text, before.text);
	kernel_link_remove(f, "gre2");
	kernel_clear(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_failed_start_changes_nothing),
		TEST(test_killed_start_is_undone_by_the_next),
		TEST(test_failed_start_keeps_existing_devices),
	};

	return cmocka_run_group_tests_name("takeover", tests, host_group_set_up, host_group_tear_down);
}
