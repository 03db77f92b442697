/* SPDX-License-Identifier: BSD-3-Clause */
/* Links, resets and removals of devices while ports are open. The tests raise events as drivers do. */
#include <sys/epoll.h>

#include <rte_dev.h>

#include "port_world.h"

/* ethdev exports both functions to drivers only; no header of an application declares them. */
struct rte_eth_dev;
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
int rte_eth_dev_callback_process(struct rte_eth_dev *device, enum rte_eth_event_type event, void *result);

static struct gremc_rcu *events_rcu;
static int control_epoll; /* epoll */
static unsigned listener_calls[GREMC_CONFIG_PORTS_MAX];
static uint64_t fake_now;

/* ---- a fake ethdev with failures ---- */

static struct {
	unsigned starts, stops, resets;
	int start_fails, plug_fails; /* with this errno; 0: success */
	bool has_reset;
} device;

/* The linker replaces the library's functions by these (--wrap). */
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

static int events_set_up(void **state)
{
	memset(&device, 0, sizeof(device));
	control_epoll = epoll_create1(EPOLL_CLOEXEC);
	events_rcu = gremc_rcu_create();
	memset(listener_calls, 0, sizeof(listener_calls));
	return port_world_set_up(state);
}

static int events_tear_down(void **state)
{
	close(control_epoll);
	gremc_rcu_destroy(events_rcu);
	return port_world_tear_down(state);
}

static void port_listener(void *argument, uint16_t port)
{
	assert_ptr_equal(argument, listener_calls);
	listener_calls[port]++;
}

static struct gremc_ports *ports_open_watched(unsigned workers)
{
	struct gremc_ports *open = open_ports(workers);

	assert_int_equal(gremc_ports_watch(open, events_rcu, control_epoll, port_listener, listener_calls),
			 0);
	for (uint16_t i = 0; i < open->count; i++)
		assert_int_equal(listener_calls[i], open->port[i] != NULL);
	return open;
}

static void event_raise(const char *name, enum rte_eth_event_type event)
{
	rte_eth_dev_callback_process(rte_eth_dev_allocated(name), event, NULL);
}

/* One iteration of the control loop. Returns whether an event had woken it. */
static bool control_turn(struct gremc_ports *open)
{
	struct epoll_event event;
	int n = epoll_wait(control_epoll, &event, 1, 0);

	if (n == 1)
		((struct gremc_watch *)event.data.ptr)
			->ready(((struct gremc_watch *)event.data.ptr)->argument);
	gremc_ports_poll(open, fake_now, -1);
	return n == 1;
}

static void link_set(const struct gremc_port *port, bool up)
{
	assert_int_equal(up ? rte_eth_dev_set_link_up(port->id) : rte_eth_dev_set_link_down(port->id), 0);
}

/* ---- links ---- */

/* An event is handled at once; the link of a device that raises none is read each second. */
static void test_link_is_followed_by_events_and_polls(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	vdev_plug("net_ring0", NULL);
	vdev_plug("net_ring1", NULL);
	add_port("a", "net_ring0");
	add_port("b", "net_ring1");
	p = ports_open_watched(1);
	control_turn(p);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_UP);
	link_set(p->port[0], false);
	assert_false(control_turn(p));
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_UP);
	event_raise("net_ring0", RTE_ETH_EVENT_INTR_LSC);
	assert_true(control_turn(p));
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_DOWN);
	assert_int_equal(p->port[0]->link_changes, 1);
	assert_int_equal(listener_calls[0], 2);
	assert_int_equal(listener_calls[1], 1);
	assert_false(control_turn(p)); /* an event is handled once */
	link_set(p->port[0], true);
	link_set(p->port[1], false);
	fake_now += 999;
	control_turn(p);
	assert_int_equal(listener_calls[0] + listener_calls[1], 3);
	fake_now += 1;
	/* the interval is shorter while a port has no link */
	assert_int_equal(gremc_ports_poll(p, fake_now, -1), 100);
	assert_int_equal(gremc_ports_poll(p, fake_now, 5), 5);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_UP);
	assert_int_equal(gremc_port_status_get(p->port[1]), GREMC_PORT_DOWN);
	assert_int_equal(listener_calls[0], 3);
	assert_int_equal(listener_calls[1], 2);
	assert_logged("port b: `net_ring1`: Link down");
	assert_int_equal(gremc_ports_close(p), 0);
	/* close removed the callbacks */
	vdev_plug("net_null0", NULL);
	event_raise("net_null0", RTE_ETH_EVENT_INTR_LSC);
}

/* The control thread follows every change of a link that flaps; the log has a few, and the number of the
 * others. */
static void test_flapping_link_does_not_fill_the_log(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	vdev_plug("net_ring0", NULL);
	add_port("a", "net_ring0");
	p = ports_open_watched(1);
	control_turn(p);
	gremc_log_report(true);
	for (unsigned i = 0; i < 101; i++) {
		link_set(p->port[0], i % 2);
		event_raise("net_ring0", RTE_ETH_EVENT_INTR_LSC);
		control_turn(p);
	}
	assert_int_equal(p->port[0]->link_changes, 101);
	assert_int_equal(listener_calls[0], 102);
	gremc_log_report(true);
	assert_in_range(count_logged("port a: `net_ring0`: Link"), 2, GREMC_LOG_BURST + 2);
	assert_logged("more lines like: port a: `net_ring0`: Link");
	assert_int_equal(gremc_ports_close(p), 0);
}

/* net_af_packet does not report the link of its interface reliably: the carrier of the interface counts. */
static void test_kernel_interface_has_the_link(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	vdev_plug_veths(2, JUMBO);
	add_port("a", "net_af_packet1");
	p = ports_open_watched(1);
	control_turn(p);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_UP);
	assert_int_equal(system("ip link set v0 down"), 0); /* the other end */
	fake_now += 1000;
	control_turn(p);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_DOWN);
	assert_int_equal(system("ip link set v0 up"), 0);
	fake_now += 1000;
	control_turn(p);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_UP);
	assert_int_equal(gremc_ports_close(p), 0);
}

/* DPDK's bonding reads the links of its members at intervals. */
static void status_wait(struct gremc_ports *open, uint16_t port, enum gremc_port_status status)
{
	for (unsigned i = 0; i < 2000 && gremc_port_status_get(open->port[port]) != status; i++) {
		epoll_wait(control_epoll, &(struct epoll_event){0}, 1, 10);
		fake_now += 10;
		control_turn(open);
	}
	assert_int_equal(gremc_port_status_get(open->port[port]), status);
}

/* A bond has a link while a member has one; the log names the members. */
static void test_bond_follows_the_links_of_its_members(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	vdev_plug("net_tap0", "iface=t0");
	vdev_plug("net_tap1", "iface=t1");
	add_port("m0", "net_tap0");
	add_port("m1", "net_tap1");
	add_bond("bond0", GREMC_BOND_ACTIVE_BACKUP, 0, 2);
	p = ports_open_watched(1);
	assert_int_equal(system("ip link set t0 down"), 0);
	for (unsigned i = 0; i < 2000 && strstr(log_text, "member `net_tap0` is down") == NULL; i++) {
		epoll_wait(control_epoll, &(struct epoll_event){0}, 1, 10);
		fake_now += 10;
		control_turn(p);
	}
	assert_logged("port bond0: the link of its member `net_tap0` is down");
	assert_int_equal(gremc_port_status_get(p->port[2]), GREMC_PORT_UP);
	assert_int_equal(system("ip link set t1 down"), 0);
	status_wait(p, 2, GREMC_PORT_DOWN);
	assert_int_equal(gremc_ports_close(p), 0);
}

/* ---- resets ---- */

/* The device is not touched before each worker has seen that the port is closed; afterwards it is as before.
 */
static void test_reset_waits_for_the_workers(void **state)
{
	const struct rte_ether_addr mac = {{0x02, 0, 0, 0, 0, 0x77}};
	struct rte_ether_addr other = {{0x02, 0, 0, 0, 0, 0x78}};
	int worker = gremc_rcu_reader_register(events_rcu);
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(events_rcu);
	struct gremc_ports *p;
	uint16_t mtu;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	vdev_plug("net_tap0", "iface=t2,mac=02:00:00:00:00:77");
	add_port("a", "net_tap0")->mtu = 1400;
	ports[0].multicast = true;
	p = ports_open_watched(1);
	rte_rcu_qsbr_thread_online(qsbr, worker);
	device.starts = device.stops = 0;
	event_raise("net_tap0", RTE_ETH_EVENT_INTR_RESET);
	assert_true(control_turn(p));
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_RESETTING);
	assert_int_equal(listener_calls[0], 2);
	for (unsigned i = 0; i < 3; i++) {
		assert_in_range(gremc_ports_poll(p, fake_now, -1), 0, 5);
		assert_int_equal(device.stops + device.resets + device.starts, 0);
	}
	/* a reset may change the address */
	assert_int_equal(rte_eth_dev_default_mac_addr_set(p->port[0]->id, &other), 0);
	rte_rcu_qsbr_quiescent(qsbr, worker);
	control_turn(p);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_UP);
	assert_int_equal(listener_calls[0], 3);
	assert_int_equal(p->port[0]->resets, 1);
	assert_true(device.stops > 0 && device.resets == 1 && device.starts == 1);
	assert_int_equal(rte_eth_allmulticast_get(p->port[0]->id), 1);
	assert_int_equal(rte_eth_dev_get_mtu(p->port[0]->id, &mtu), 0);
	assert_int_equal(mtu, 1400);
	assert_int_equal(rte_eth_macaddr_get(p->port[0]->id, &other), 0);
	assert_true(rte_is_same_ether_addr(&other, &mac) && rte_is_same_ether_addr(&p->port[0]->mac, &mac));
	assert_logged("port a: `net_tap0` requests a reset");
	assert_logged("port a: `net_tap0` works again");
	/* one restart per event */
	fake_now += 60000;
	control_turn(p);
	assert_int_equal(p->port[0]->resets, 1);
	rte_rcu_qsbr_thread_offline(qsbr, worker);
	gremc_rcu_reader_unregister(events_rcu, worker);
	assert_int_equal(gremc_ports_close(p), 0);
}

/* Iterate until the next attempt. Returns the milliseconds until then. */
static uint64_t next_attempt_wait(struct gremc_ports *p)
{
	unsigned before = device.starts;
	uint64_t start = fake_now;

	while (device.starts == before && fake_now - start < 100000) {
		fake_now += 100;
		control_turn(p);
	}
	return fake_now - start;
}

static void test_failed_restart_is_retried(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	vdev_plug("net_ring0", NULL);
	add_port("a", "net_ring0");
	p = ports_open_watched(1);
	device.has_reset = true;
	device.start_fails = EIO;
	event_raise("net_ring0", RTE_ETH_EVENT_INTR_RESET);
	control_turn(p);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_FAILED);
	assert_int_equal(device.resets, 1);
	assert_int_equal(next_attempt_wait(p), 1000);
	assert_int_equal(next_attempt_wait(p), 2000);
	assert_int_equal(next_attempt_wait(p), 4000);
	assert_int_equal(count_logged("cannot be used again yet"), 1);
	device.start_fails = ENOMEM;
	assert_int_equal(next_attempt_wait(p), 8000);
	assert_int_equal(next_attempt_wait(p), 16000);
	assert_int_equal(next_attempt_wait(p), 32000);
	assert_int_equal(next_attempt_wait(p), 32000);
	assert_int_equal(count_logged("cannot be used again yet"), 2);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_FAILED);
	assert_int_equal(p->port[0]->resets, 0);
	device.start_fails = 0;
	assert_int_equal(next_attempt_wait(p), 32000);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_UP);
	assert_int_equal(p->port[0]->resets, 1);
	assert_int_equal(gremc_ports_close(p), 0);
}

/* The ports close while a restart waits for workers, after a failure, and while a device is missing. */
static void test_ports_close_at_each_step_of_a_restart(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	for (unsigned step = 0; step < 3; step++) {
		vdev_plug("net_null0", NULL);
		add_port("a", "net_null0");
		p = ports_open_watched(1);
		device.start_fails = step == 1 ? EIO : 0;
		device.plug_fails = step == 2 ? ENODEV : 0;
		event_raise("net_null0", step == 2 ? RTE_ETH_EVENT_INTR_RMV : RTE_ETH_EVENT_INTR_RESET);
		if (step > 0)
			control_turn(p);
		assert_int_equal(gremc_ports_close(p), 0);
		events_tear_down(NULL);
		assert_int_equal(events_set_up(NULL), 0);
	}
}

/* ---- removals ---- */

/* A device may return with another id. */
static void test_removed_device_returns(void **state)
{
	struct gremc_ports *p;
	uint16_t id, old;

	RTE_SET_USED(state);
	vdev_plug("net_null0", "size=128");
	vdev_plug("net_null1", NULL);
	add_port("a", "net_null0");
	add_port("b", "net_null1");
	p = ports_open_watched(1);
	old = p->port[0]->id;
	device.plug_fails = ENODEV;
	event_raise("net_null0", RTE_ETH_EVENT_INTR_RMV);
	control_turn(p);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_REMOVED);
	assert_int_equal(p->port[0]->removals, 1);
	assert_int_equal(listener_calls[0], 2);
	assert_int_not_equal(rte_eth_dev_get_port_by_name("net_null0", &id), 0);
	for (unsigned i = 0; i < 100; i++) {
		fake_now += 1000;
		control_turn(p);
	}
	assert_int_equal(count_logged("cannot be used again yet"), 1);
	assert_int_equal(gremc_port_status_get(p->port[1]), GREMC_PORT_UP);
	assert_int_equal(listener_calls[1], 1);
	assert_int_equal(__real_rte_eal_hotplug_add("vdev", "net_null2", ""), 0);
	device.plug_fails = 0;
	/* the kernel reports the device: the attempt is made at once */
	rte_dev_event_callback_process("net_null0", RTE_DEV_EVENT_ADD);
	assert_true(control_turn(p));
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_UP);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null0", &id), 0);
	assert_int_equal(p->port[0]->id, id);
	assert_int_not_equal(id, old);
	assert_int_equal(p->port[0]->resets, 1);
	assert_int_equal(listener_calls[0], 3);
	/* a removal that the bus reports */
	rte_dev_event_callback_process("net_null0", RTE_DEV_EVENT_REMOVE);
	control_turn(p);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_REMOVED);
	fake_now += 1000;
	control_turn(p);
	assert_int_equal(gremc_port_status_get(p->port[0]), GREMC_PORT_UP);
	assert_int_equal(p->port[0]->removals, 2);
	assert_int_equal(p->port[1]->removals, 0);
	assert_int_equal(gremc_ports_close(p), 0);
	rte_eal_hotplug_remove("vdev", "net_null2");
}

/* ---- members of a bond ---- */

static bool bond_has_member(const struct gremc_port *bond, const char *device_name)
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

/* The bond works without its member, keeps its address, and accepts the member again. */
static void test_bond_members_leave_and_rejoin(void **state)
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
	vdev_plug_veths(4, JUMBO);
	add_port("m0", "net_af_packet1");
	add_port("m1", "net_af_packet3");
	add_bond("bond0", GREMC_BOND_ACTIVE_BACKUP, 0, 2);
	p = ports_open_watched(1);
	status_wait(p, 2, GREMC_PORT_UP);
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		device.plug_fails = cases[i].plug_fails;
		event_raise("net_af_packet1", cases[i].event);
		control_turn(p);
		status_wait(p, 2, GREMC_PORT_UP);
		if (cases[i].plug_fails)
			assert_false(bond_has_member(p->port[2], "net_af_packet1"));
		assert_true(bond_has_member(p->port[2], "net_af_packet3"));
		assert_int_equal(rte_eth_macaddr_get(p->port[2]->id, &mac), 0);
		assert_true(rte_is_same_ether_addr(&mac, &p->port[2]->mac));
		device.plug_fails = 0;
		for (unsigned k = 0; k < 10 && !bond_has_member(p->port[2], "net_af_packet1"); k++) {
			fake_now += 1000;
			control_turn(p);
		}
		assert_true(bond_has_member(p->port[2], "net_af_packet1"));
		status_wait(p, 2, GREMC_PORT_UP);
		assert_int_equal(p->port[2]->resets, i + 1);
		assert_int_equal(p->port[2]->removals, i);
	}
	assert_int_equal(gremc_ports_close(p), 0);
}

/* A bond releases the queues of a member that it removes; net_tap of DPDK 24.11 crashes in this without our
 * help. */
static void test_tap_leaves_its_bond_and_rejoins(void **state)
{
	struct gremc_ports *p;

	RTE_SET_USED(state);
	if (!own_network)
		skip();
	vdev_plug("net_tap0", "iface=t3");
	vdev_plug("net_tap1", "iface=t4");
	add_port("m0", "net_tap0");
	add_port("m1", "net_tap1");
	add_bond("bond0", GREMC_BOND_ACTIVE_BACKUP, 0, 2);
	p = ports_open_watched(2);
	event_raise("net_tap0", RTE_ETH_EVENT_INTR_RESET);
	control_turn(p);
	for (unsigned i = 0; i < 10 && p->port[2]->resets == 0; i++) {
		fake_now += 1000;
		control_turn(p);
	}
	assert_int_equal(p->port[2]->resets, 1);
	assert_true(bond_has_member(p->port[2], "net_tap0"));
	status_wait(p, 2, GREMC_PORT_UP);
	assert_int_equal(gremc_ports_close(p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_link_is_followed_by_events_and_polls, events_set_up,
						events_tear_down),
		cmocka_unit_test_setup_teardown(test_flapping_link_does_not_fill_the_log, events_set_up,
						events_tear_down),
		cmocka_unit_test_setup_teardown(test_kernel_interface_has_the_link, events_set_up,
						events_tear_down),
		cmocka_unit_test_setup_teardown(test_bond_follows_the_links_of_its_members, events_set_up,
						events_tear_down),
		cmocka_unit_test_setup_teardown(test_reset_waits_for_the_workers, events_set_up,
						events_tear_down),
		cmocka_unit_test_setup_teardown(test_failed_restart_is_retried, events_set_up,
						events_tear_down),
		cmocka_unit_test_setup_teardown(test_ports_close_at_each_step_of_a_restart, events_set_up,
						events_tear_down),
		cmocka_unit_test_setup_teardown(test_removed_device_returns, events_set_up, events_tear_down),
		cmocka_unit_test_setup_teardown(test_bond_members_leave_and_rejoin, events_set_up,
						events_tear_down),
		cmocka_unit_test_setup_teardown(test_tap_leaves_its_bond_and_rejoins, events_set_up,
						events_tear_down),
	};

	return port_world_run("events", tests, RTE_DIM(tests), "512", "(0-3)@(0-1)");
}
