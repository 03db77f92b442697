/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens to devices while ports are open: events of virtual devices, raised as a driver raises them. */
#include <sys/epoll.h>

#include "port_world.h"

/* The library exports both to drivers, and no header of an application has them. */
struct rte_eth_dev;
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
int rte_eth_dev_callback_process(struct rte_eth_dev *device, enum rte_eth_event_type event, void *result);

static bool own_network;
static int loop; /* epoll */
static unsigned told[GREMC_CONFIG_PORTS_MAX];
static uint64_t now;

static int begin(void **state)
{
	loop = epoll_create1(EPOLL_CLOEXEC);
	memset(told, 0, sizeof(told));
	return setup(state);
}

static int end(void **state)
{
	close(loop);
	return teardown(state);
}

static void listener(void *argument, uint16_t port)
{
	assert_ptr_equal(argument, told);
	told[port]++;
}

static struct gremc_ports *open_and_watch(unsigned workers)
{
	struct gremc_ports *open = open_ports(workers);

	assert_int_equal(gremc_ports_watch(open, loop, listener, told), 0);
	for (uint16_t i = 0; i < open->count; i++)
		assert_int_equal(told[i], open->port[i] != NULL);
	return open;
}

static void raise_event(const char *device, enum rte_eth_event_type event)
{
	rte_eth_dev_callback_process(rte_eth_dev_allocated(device), event, NULL);
}

/* A turn of the control loop. Returns whether an event had woken it. */
static bool turn(struct gremc_ports *open)
{
	struct epoll_event event;
	int n = epoll_wait(loop, &event, 1, 0);

	if (n == 1)
		((struct gremc_watch *)event.data.ptr)
			->ready(((struct gremc_watch *)event.data.ptr)->argument);
	gremc_ports_run(open, now, -1);
	return n == 1;
}

static void set_link(const struct gremc_port *port, bool up)
{
	assert_int_equal(up ? rte_eth_dev_set_link_up(port->id) : rte_eth_dev_set_link_down(port->id), 0);
}

/* ---- links ---- */

/* An event is taken at once; a device that raises none is looked at each second. */
static void a_link_is_followed(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	plug("net_ring0", NULL);
	plug("net_ring1", NULL);
	add_port("a", "net_ring0");
	add_port("b", "net_ring1");
	p = open_and_watch(1);
	turn(p);
	assert_int_equal(p->port[0]->status, GREMC_PORT_UP);
	set_link(p->port[0], false);
	assert_false(turn(p));
	assert_int_equal(p->port[0]->status, GREMC_PORT_UP);
	raise_event("net_ring0", RTE_ETH_EVENT_INTR_LSC);
	assert_true(turn(p));
	assert_int_equal(p->port[0]->status, GREMC_PORT_DOWN);
	assert_int_equal(p->port[0]->link_changes, 1);
	assert_int_equal(told[0], 2);
	assert_int_equal(told[1], 1);
	assert_false(turn(p)); /* taken once */
	set_link(p->port[0], true);
	set_link(p->port[1], false);
	now += 999;
	turn(p);
	assert_int_equal(told[0] + told[1], 3);
	now += 1;
	assert_int_equal(gremc_ports_run(p, now, -1), 1000);
	assert_int_equal(gremc_ports_run(p, now, 5), 5);
	assert_int_equal(p->port[0]->status, GREMC_PORT_UP);
	assert_int_equal(p->port[1]->status, GREMC_PORT_DOWN);
	assert_int_equal(told[0], 3);
	assert_int_equal(told[1], 2);
	assert_logged("port b: `net_ring1`: Link down");
	assert_int_equal(gremc_ports_close(p), 0);
	/* no callback is left */
	plug("net_null0", NULL);
	raise_event("net_null0", RTE_ETH_EVENT_INTR_LSC);
}

static unsigned count_logged(const char *text)
{
	unsigned count = 0;

	for (const char *at = log_text; (at = strstr(at, text)); at++)
		count++;
	return count;
}

/* A link that flaps: every change is followed, few are logged, and the rest is summed up. */
static void flapping_does_not_fill_the_log(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	plug("net_ring0", NULL);
	add_port("a", "net_ring0");
	p = open_and_watch(1);
	now += 100000;
	turn(p);
	for (unsigned i = 0; i < 101; i++) {
		set_link(p->port[0], i % 2);
		raise_event("net_ring0", RTE_ETH_EVENT_INTR_LSC);
		now += 10;
		turn(p);
	}
	assert_int_equal(p->port[0]->link_changes, 101);
	assert_int_equal(told[0], 102);
	assert_in_range(count_logged("port a: `net_ring0`: Link"), 2, 8);
	now += 60000;
	turn(p);
	assert_logged("more times and is down");
	/* quiet again: the next change is logged at once */
	set_link(p->port[0], true);
	now += 1000;
	turn(p);
	assert_string_equal(strrchr(strstr(log_text, "is down"), '`'),
			    strstr(strstr(log_text, "is down"), "`: Link up"));
	assert_int_equal(gremc_ports_close(p), 0);
}

/* net_af_packet reports a link that is always up: the kernel's interface has the truth. */
static void a_kernel_interface_has_its_own_link(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	plug_veths(2, JUMBO);
	add_port("a", "net_af_packet1");
	p = open_and_watch(1);
	turn(p);
	assert_int_equal(p->port[0]->status, GREMC_PORT_UP);
	assert_int_equal(system("ip link set v0 down"), 0); /* the other end */
	now += 1000;
	turn(p);
	assert_int_equal(p->port[0]->status, GREMC_PORT_DOWN);
	assert_int_equal(system("ip link set v0 up"), 0);
	now += 1000;
	turn(p);
	assert_int_equal(p->port[0]->status, GREMC_PORT_UP);
	assert_int_equal(gremc_ports_close(p), 0);
}

/* A bond has a link as long as a member has; members are logged by their names. */
static void a_bond_follows_its_members(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	plug("net_tap0", "iface=t0");
	plug("net_tap1", "iface=t1");
	add_port("m0", "net_tap0");
	add_port("m1", "net_tap1");
	add_bond("bond0", GREMC_BOND_ACTIVE_BACKUP, 0, 2);
	p = open_and_watch(1);
	assert_int_equal(system("ip link set t0 down"), 0);
	for (unsigned i = 0; i < 2000 && strstr(log_text, "member `net_tap0` is down") == NULL; i++) {
		epoll_wait(loop, &(struct epoll_event){0}, 1, 10);
		now += 10;
		turn(p);
		fflush(log_file);
	}
	assert_logged("port bond0: the link of its member `net_tap0` is down");
	assert_int_equal(p->port[2]->status, GREMC_PORT_UP);
	assert_int_equal(system("ip link set t1 down"), 0);
	for (unsigned i = 0; i < 2000 && p->port[2]->status == GREMC_PORT_UP; i++) {
		epoll_wait(loop, &(struct epoll_event){0}, 1, 10);
		now += 10;
		turn(p);
	}
	assert_int_equal(p->port[2]->status, GREMC_PORT_DOWN);
	assert_int_equal(gremc_ports_close(p), 0);
}

int main(void)
{
	char *arguments[] = {"test_events", "--no-huge",      "-m",       "512",        "--no-pci",
			     "--no-shconf", "--no-telemetry", "--lcores", "(0-3)@(0-1)"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_link_is_followed, begin, end),
		cmocka_unit_test_setup_teardown(flapping_does_not_fill_the_log, begin, end),
		cmocka_unit_test_setup_teardown(a_kernel_interface_has_its_own_link, begin, end),
		cmocka_unit_test_setup_teardown(a_bond_follows_its_members, begin, end),
	};
	int failed;

	own_network = enter_own_network();
	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return 1;
	failed = cmocka_run_group_tests_name("events", tests, NULL, NULL);
	rte_eal_cleanup();
	return failed;
}
