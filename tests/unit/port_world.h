/* SPDX-License-Identifier: BSD-3-Clause */
/* A configuration, virtual devices and a log for each test of ports. */
#ifndef GREMC_TESTS_UNIT_PORT_WORLD_H
#define GREMC_TESTS_UNIT_PORT_WORLD_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "port/port_priv.h"
#include "test.h"

extern struct gremc_config_port ports[GREMC_CONFIG_PORTS_MAX]; /* config.ports */
extern struct gremc_config config;
extern struct gremc_errors errors;
extern char *log_text;   /* the log of the test */
extern bool own_network; /* the process has a network namespace of its own, with veth pairs */

/* ---- life ---- */

/* Enter a network namespace, start the EAL with `memory` MiB and these lcores, run the tests.
 * Returns: the exit status of the test program. */
int port_world_run(const char *name, const struct CMUnitTest *tests, size_t count, const char *memory,
		   const char *lcores);
/* Set an empty configuration and start to keep the log: the set-up of a cmocka test. */
int port_world_set_up(void **state);
/* Unplug all devices and drop the log: the tear-down of a cmocka test. */
int port_world_tear_down(void **state);
/* Begin again with an empty configuration and log, in the middle of a test. */
void port_world_renew(void);

/* ---- devices and configuration ---- */

/* Plug a virtual device; a test unplugs it at its end. arguments NULL: none. */
void vdev_plug(const char *name, const char *arguments);
/* Returns: whether the device could be plugged. */
bool vdev_try_plug(const char *name, const char *arguments);
/* Plug net_pcap with empty captures: a device with these numbers of queues. */
void vdev_plug_pcap(const char *name, unsigned rx, unsigned tx);
/* Plug net_af_packetN on interface vN, for each N below count. v0 and v2 are the peers of v1 and v3. */
void vdev_plug_veths(unsigned count, const char *arguments);
/* Arguments of net_af_packet for jumbo frames. */
#define JUMBO "framesz=16384,blocksz=65536,framecnt=64"
/* Set the MTU of an interface; 0: only read it. Returns: the MTU. */
int interface_mtu(const char *name, int mtu);
/* Add a port to the configuration. */
struct gremc_config_port *add_port(const char *name, const char *device);
/* Add a bond of `count` ports, from number `first` on. */
struct gremc_config_port *add_bond(const char *name, enum gremc_bond_mode mode, uint32_t first,
				   uint32_t count);
/* Allocate memory of the EAL until about `left` bytes are free.
 * Returns: the number of pointers in `taken`, which the caller frees. */
unsigned take_memory(size_t left, void **taken, unsigned size);

/* ---- ports ---- */

/* Open the ports for workers on lcores 1, 2, 3 and so on. */
struct gremc_ports *open_ports(unsigned workers);
/* Check that the ports do not open, and that the errors contain a text. */
void assert_refused(unsigned workers, const char *text);
/* Check that the log has a text. */
void assert_logged(const char *text);
/* Check that the log has no such text. */
void assert_not_logged(const char *text);
/* Returns: how often the log has the text. */
unsigned count_logged(const char *text);
/* Send a VLAN-tagged frame in two segments from one port to another. A bond carries it only after it has seen
 * its link or has met its partner, which takes bursts: so the frame is sent until it arrives.
 * Returns: the bytes that arrived; 0: nothing within 20 s. */
uint32_t frame_pass(const struct gremc_port *from, const struct gremc_port *to, struct rte_mempool *headers,
		    uint32_t length);

#endif
