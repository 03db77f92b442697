/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens to devices while ports are open: events of virtual devices, raised as a driver raises them. */
#include <sys/epoll.h>

#include <rte_dev.h>

#include "port_world.h"

/* The library exports both to drivers, and no header of an application has them. */
struct rte_eth_dev;
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
int rte_eth_dev_callback_process(struct rte_eth_dev *device, enum rte_eth_event_type event, void *result);

static bool own_network;
static struct gremc_rcu *rcu;
static int loop; /* epoll */
static unsigned told[GREMC_CONFIG_PORTS_MAX];
static uint64_t now;

/* ---- devices that fail, in the place of ethdev ---- */

static struct {
	unsigned starts, stops, resets;
	int start_fails, plug_fails; /* with this errno; 0: they do not */
	bool has_reset;
} device;

/* The linker puts these before the library's (--wrap). */
int __real_rte_eth_dev_start(uint16_t id);
int __wrap_rte_eth_dev_start(uint16_t id);
int __real_rte_eth_dev_stop(uint16_t id);
int __wrap_rte_eth_dev_stop(uint16_t id);
int __real_rte_eth_dev_reset(uint16_t id);
int __wrap_rte_eth_dev_reset(uint16_t id);
int __real_rte_eal_hotplug_add(const char *bus, const char *name, const char *arguments);
int __wrap_rte_eal_hotplug_add(const char *bus, const char *name, const char *arguments);

int __wrap_rte_eth_dev_start(uint16_t id)
{
	device.starts++;
	return device.start_fails ? -device.start_fails : __real_rte_eth_dev_start(id);
}

int __wrap_rte_eth_dev_stop(uint16_t id)
{
	device.stops++;
	return __real_rte_eth_dev_stop(id);
}

int __wrap_rte_eth_dev_reset(uint16_t id)
{
	device.resets++;
	return device.has_reset ? 0 : __real_rte_eth_dev_reset(id);
}

int __wrap_rte_eal_hotplug_add(const char *bus, const char *name, const char *arguments)
{
	return device.plug_fails ? -device.plug_fails : __real_rte_eal_hotplug_add(bus, name, arguments);
}

static int begin(void **state)
{
	memset(&device, 0, sizeof(device));
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

	assert_int_equal(gremc_ports_watch(open, rcu, loop, listener, told), 0);
	for (uint16_t i = 0; i < open->count; i++)
		assert_int_equal(told[i], open->port[i] != NULL);
	return open;
}

static void raise_event(const char *name, enum rte_eth_event_type event)
{
	rte_eth_dev_callback_process(rte_eth_dev_allocated(name), event, NULL);
}

/* A turn of the control loop. Returns whether an event had woken it. */
static bool turn(struct gremc_ports *open)
{
	struct epoll_event event;
	int n = epoll_wait(loop, &event, 1, 0);

	if (n == 1)
		((struct gremc_watch *)event.data.ptr)
			->ready(((struct gremc_watch *)event.data.ptr)->argument);
	gremc_ports_poll(open, now, -1);
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
	/* sooner, because one of them has no link */
	assert_int_equal(gremc_ports_poll(p, now, -1), 100);
	assert_int_equal(gremc_ports_poll(p, now, 5), 5);
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

/* The control thread follows every change of a link that flaps; the log has a few, and the number of the
 * others. */
static void flapping_does_not_fill_the_log(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	plug("net_ring0", NULL);
	add_port("a", "net_ring0");
	p = open_and_watch(1);
	turn(p);
	gremc_log_report(true);
	for (unsigned i = 0; i < 101; i++) {
		set_link(p->port[0], i % 2);
		raise_event("net_ring0", RTE_ETH_EVENT_INTR_LSC);
		turn(p);
	}
	assert_int_equal(p->port[0]->link_changes, 101);
	assert_int_equal(told[0], 102);
	gremc_log_report(true);
	fflush(log_file);
	assert_in_range(count_logged("port a: `net_ring0`: Link"), 2, GREMC_LOG_BURST + 2);
	assert_logged("more lines like: port a: `net_ring0`: Link");
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

/* DPDK's bonding looks at its members by and by. */
static void wait_for(struct gremc_ports *open, uint16_t port, enum gremc_port_status status)
{
	for (unsigned i = 0; i < 2000 && open->port[port]->status != status; i++) {
		epoll_wait(loop, &(struct epoll_event){0}, 1, 10);
		now += 10;
		turn(open);
	}
	assert_int_equal(open->port[port]->status, status);
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
	wait_for(p, 2, GREMC_PORT_DOWN);
	assert_int_equal(gremc_ports_close(p), 0);
}

/* ---- resets ---- */

/* The device is let alone until each worker has seen that the port is closed, then it is as it was. */
static void a_reset_waits_for_the_workers(void **state)
{
	const struct rte_ether_addr mac = {{0x02, 0, 0, 0, 0, 0x77}};
	struct rte_ether_addr other = {{0x02, 0, 0, 0, 0, 0x78}};
	int worker = gremc_rcu_reader_register(rcu);
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(rcu);
	struct gremc_ports *p;
	uint16_t mtu;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	plug("net_tap0", "iface=t2,mac=02:00:00:00:00:77");
	add_port("a", "net_tap0")->mtu = 1400;
	ports[0].multicast = true;
	p = open_and_watch(1);
	rte_rcu_qsbr_thread_online(qsbr, worker);
	device.starts = device.stops = 0;
	raise_event("net_tap0", RTE_ETH_EVENT_INTR_RESET);
	assert_true(turn(p));
	assert_int_equal(p->port[0]->status, GREMC_PORT_RESETTING);
	assert_int_equal(told[0], 2);
	for (unsigned i = 0; i < 3; i++) {
		assert_in_range(gremc_ports_poll(p, now, -1), 0, 5);
		assert_int_equal(device.stops + device.resets + device.starts, 0);
	}
	/* what a reset may change */
	assert_int_equal(rte_eth_dev_default_mac_addr_set(p->port[0]->id, &other), 0);
	rte_rcu_qsbr_quiescent(qsbr, worker);
	turn(p);
	assert_int_equal(p->port[0]->status, GREMC_PORT_UP);
	assert_int_equal(told[0], 3);
	assert_int_equal(p->port[0]->resets, 1);
	assert_true(device.stops > 0 && device.resets == 1 && device.starts == 1);
	assert_int_equal(rte_eth_allmulticast_get(p->port[0]->id), 1);
	assert_int_equal(rte_eth_dev_get_mtu(p->port[0]->id, &mtu), 0);
	assert_int_equal(mtu, 1400);
	assert_int_equal(rte_eth_macaddr_get(p->port[0]->id, &other), 0);
	assert_true(rte_is_same_ether_addr(&other, &mac) && rte_is_same_ether_addr(&p->port[0]->mac, &mac));
	assert_logged("port a: `net_tap0` requests a reset");
	assert_logged("port a: `net_tap0` works again");
	/* once for each event */
	now += 60000;
	turn(p);
	assert_int_equal(p->port[0]->resets, 1);
	rte_rcu_qsbr_thread_offline(qsbr, worker);
	gremc_rcu_reader_unregister(rcu, worker);
	assert_int_equal(gremc_ports_close(p), 0);
}

/* Turns until the next try is due, which it makes. Returns how long that was. */
static uint64_t next_try(struct gremc_ports *p)
{
	unsigned before = device.starts;
	uint64_t start = now;

	while (device.starts == before && now - start < 100000) {
		now += 100;
		turn(p);
	}
	fflush(log_file);
	return now - start;
}

static void a_restart_that_fails_is_tried_on(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	plug("net_ring0", NULL);
	add_port("a", "net_ring0");
	p = open_and_watch(1);
	device.has_reset = true;
	device.start_fails = EIO;
	raise_event("net_ring0", RTE_ETH_EVENT_INTR_RESET);
	turn(p);
	assert_int_equal(p->port[0]->status, GREMC_PORT_FAILED);
	assert_int_equal(device.resets, 1);
	assert_int_equal(next_try(p), 1000);
	assert_int_equal(next_try(p), 2000);
	assert_int_equal(next_try(p), 4000);
	assert_int_equal(count_logged("cannot be used again yet"), 1);
	device.start_fails = ENOMEM;
	assert_int_equal(next_try(p), 8000);
	assert_int_equal(next_try(p), 16000);
	assert_int_equal(next_try(p), 32000);
	assert_int_equal(next_try(p), 32000);
	assert_int_equal(count_logged("cannot be used again yet"), 2);
	assert_int_equal(p->port[0]->status, GREMC_PORT_FAILED);
	assert_int_equal(p->port[0]->resets, 0);
	device.start_fails = 0;
	assert_int_equal(next_try(p), 32000);
	assert_int_equal(p->port[0]->status, GREMC_PORT_UP);
	assert_int_equal(p->port[0]->resets, 1);
	assert_int_equal(gremc_ports_close(p), 0);
}

/* The end may come at any step. */
static void closing_in_the_middle(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	for (unsigned step = 0; step < 3; step++) {
		plug("net_null0", NULL);
		add_port("a", "net_null0");
		p = open_and_watch(1);
		device.start_fails = step == 1 ? EIO : 0;
		device.plug_fails = step == 2 ? ENODEV : 0;
		raise_event("net_null0", step == 2 ? RTE_ETH_EVENT_INTR_RMV : RTE_ETH_EVENT_INTR_RESET);
		if (step > 0)
			turn(p);
		assert_int_equal(gremc_ports_close(p), 0);
		end(NULL);
		begin(NULL);
	}
}

/* ---- removals ---- */

/* Another device may have its number when it comes back. */
static void a_removed_device_comes_back(void **state)
{
	struct gremc_ports *p;
	uint16_t id, old;

	RTE_SET_USED(state);
	plug("net_null0", "size=128");
	plug("net_null1", NULL);
	add_port("a", "net_null0");
	add_port("b", "net_null1");
	p = open_and_watch(1);
	old = p->port[0]->id;
	device.plug_fails = ENODEV;
	raise_event("net_null0", RTE_ETH_EVENT_INTR_RMV);
	turn(p);
	assert_int_equal(p->port[0]->status, GREMC_PORT_REMOVED);
	assert_int_equal(p->port[0]->removals, 1);
	assert_int_equal(told[0], 2);
	assert_int_not_equal(rte_eth_dev_get_port_by_name("net_null0", &id), 0);
	for (unsigned i = 0; i < 100; i++) {
		now += 1000;
		turn(p);
	}
	fflush(log_file);
	assert_int_equal(count_logged("cannot be used again yet"), 1);
	assert_int_equal(p->port[1]->status, GREMC_PORT_UP);
	assert_int_equal(told[1], 1);
	assert_int_equal(__real_rte_eal_hotplug_add("vdev", "net_null2", ""), 0);
	device.plug_fails = 0;
	/* the kernel tells of it: nobody waits for the next try */
	rte_dev_event_callback_process("net_null0", RTE_DEV_EVENT_ADD);
	assert_true(turn(p));
	assert_int_equal(p->port[0]->status, GREMC_PORT_UP);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null0", &id), 0);
	assert_int_equal(p->port[0]->id, id);
	assert_int_not_equal(id, old);
	assert_int_equal(p->port[0]->resets, 1);
	assert_int_equal(told[0], 3);
	/* and again, as the bus tells it */
	rte_dev_event_callback_process("net_null0", RTE_DEV_EVENT_REMOVE);
	turn(p);
	assert_int_equal(p->port[0]->status, GREMC_PORT_REMOVED);
	now += 1000;
	turn(p);
	assert_int_equal(p->port[0]->status, GREMC_PORT_UP);
	assert_int_equal(p->port[0]->removals, 2);
	assert_int_equal(p->port[1]->removals, 0);
	assert_int_equal(gremc_ports_close(p), 0);
	rte_eal_hotplug_remove("vdev", "net_null2");
}

/* ---- members of a bond ---- */

static bool is_member(const struct gremc_port *bond, const char *device_name)
{
	uint16_t members[RTE_MAX_ETHPORTS], id;
	int count = gremc_bond_members_get(bond->id, members, RTE_DIM(members));

	if (rte_eth_dev_get_port_by_name(device_name, &id))
		return false;
	for (int i = 0; i < count; i++)
		if (members[i] == id)
			return true;
	return false;
}

/* The bond goes on without its member, keeps its address, and takes the member back. */
static void members_come_and_go(void **state)
{
	const struct {
		enum rte_eth_event_type event;
		int plug_fails;
	} cases[] = {{RTE_ETH_EVENT_INTR_RESET, 0}, {RTE_ETH_EVENT_INTR_RMV, ENODEV}};
	struct rte_ether_addr mac;
	struct gremc_ports *p;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	plug_veths(4, JUMBO);
	add_port("m0", "net_af_packet1");
	add_port("m1", "net_af_packet3");
	add_bond("bond0", GREMC_BOND_ACTIVE_BACKUP, 0, 2);
	p = open_and_watch(1);
	wait_for(p, 2, GREMC_PORT_UP);
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		device.plug_fails = cases[i].plug_fails;
		raise_event("net_af_packet1", cases[i].event);
		turn(p);
		wait_for(p, 2, GREMC_PORT_UP);
		if (cases[i].plug_fails)
			assert_false(is_member(p->port[2], "net_af_packet1"));
		assert_true(is_member(p->port[2], "net_af_packet3"));
		assert_int_equal(rte_eth_macaddr_get(p->port[2]->id, &mac), 0);
		assert_true(rte_is_same_ether_addr(&mac, &p->port[2]->mac));
		device.plug_fails = 0;
		for (unsigned k = 0; k < 10 && !is_member(p->port[2], "net_af_packet1"); k++) {
			now += 1000;
			turn(p);
		}
		assert_true(is_member(p->port[2], "net_af_packet1"));
		wait_for(p, 2, GREMC_PORT_UP);
		assert_int_equal(p->port[2]->resets, i + 1);
		assert_int_equal(p->port[2]->removals, i);
	}
	assert_int_equal(gremc_ports_close(p), 0);
}

/* A bond releases the queues of a member that it removes, with which net_tap of DPDK 24.11 needs help. */
static void a_tap_leaves_its_bond_and_returns(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	plug("net_tap0", "iface=t3");
	plug("net_tap1", "iface=t4");
	add_port("m0", "net_tap0");
	add_port("m1", "net_tap1");
	add_bond("bond0", GREMC_BOND_ACTIVE_BACKUP, 0, 2);
	p = open_and_watch(2);
	raise_event("net_tap0", RTE_ETH_EVENT_INTR_RESET);
	turn(p);
	for (unsigned i = 0; i < 10 && p->port[2]->resets == 0; i++) {
		now += 1000;
		turn(p);
	}
	assert_int_equal(p->port[2]->resets, 1);
	assert_true(is_member(p->port[2], "net_tap0"));
	wait_for(p, 2, GREMC_PORT_UP);
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
		cmocka_unit_test_setup_teardown(a_reset_waits_for_the_workers, begin, end),
		cmocka_unit_test_setup_teardown(a_restart_that_fails_is_tried_on, begin, end),
		cmocka_unit_test_setup_teardown(closing_in_the_middle, begin, end),
		cmocka_unit_test_setup_teardown(a_removed_device_comes_back, begin, end),
		cmocka_unit_test_setup_teardown(members_come_and_go, begin, end),
		cmocka_unit_test_setup_teardown(a_tap_leaves_its_bond_and_returns, begin, end),
	};
	int failed;

	own_network = enter_own_network();
	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return 1;
	rcu = gremc_rcu_create();
	failed = cmocka_run_group_tests_name("events", tests, NULL, NULL);
	gremc_rcu_destroy(rcu);
	rte_eal_cleanup();
	return failed;
}
