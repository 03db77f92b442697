/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's multicast routes.
 *
 * A daemon ends a flow that the kernel counts no packets of, and the fast path forwards these packets. So
 * every ten seconds each (S,G) of the kernel that has forwarded packets since gets a keepalive: a packet of
 * the flow from its iif, empty and with a TTL of 1. The kernel counts it before it checks the TTL, and
 * forwards it nowhere. So no packet is delivered twice or lost, and the packets of the flow stay in the fast
 * path. A shared port cannot be given a packet: the kernel gets the next real packet of such a flow. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>

#include "control/control_priv.h"

#define ALIVE_INTERVAL  10000u /* milliseconds between two keepalives of a flow */
#define SAMPLE_INTERVAL 1000u  /* milliseconds between two samples of a route */
#define PASS_SLICE      8192u  /* mroutes of a pass per turn of the control loop */
#define ALIVE_PROTOCOL  253u   /* for experiments (RFC 3692): no program receives it */

/* ---- callbacks of the mirror ---- */

/* The kernel's name of a port is that of the configuration, except for a shared port. */
static bool port_is_named(const struct gremc_control *control, uint32_t number, const char *name)
{
	const struct gremc_port *port = control->ports->port[number];

	return port && strcmp(port->shared ? port->interface : port->name, name) == 0;
}

static_assert(GREMC_MFC_NONE == GREMC_RIB_NONE && GREMC_MFC_REGISTER == GREMC_RIB_REGISTER,
	      "the mirror's numbers of interfaces go to the rib unchanged");

static uint32_t interface_of_name(void *argument, const char *name)
{
	const struct gremc_control *control = argument;
	const struct gremc_config *config = control->config;

	for (uint32_t i = 0; i < config->tunnel_count; i++)
		if (strcmp(config->tunnels[i].name, name) == 0)
			return control->map.interface[i];
	for (uint32_t i = 0; i < config->port_count; i++)
		if (port_is_named(control, i, name) &&
		    control->map.vif[config->tunnel_count + i] != GREMC_VIF_NONE)
			return control->map.interface[config->tunnel_count + i];
	return GREMC_RIB_NONE;
}

static void kernel_route_set(void *argument, const struct gremc_addr *source, const struct gremc_addr *group,
			     uint32_t iif, const uint32_t *oifs, const uint8_t *thresholds,
			     uint32_t oif_count)
{
	struct gremc_control *control = argument;

	/* the next dump, within ten seconds, brings it again */
	if (control->kernel.is_active &&
	    gremc_rib_kernel_set(control->membership.rib, source, group, iif, oifs, thresholds, oif_count))
		GREMC_LOG_LIMITED(ERR, "out of memory: a multicast route of the kernel's is missing");
}

static void kernel_route_remove(void *argument, const struct gremc_addr *source,
				const struct gremc_addr *group)
{
	struct gremc_control *control = argument;

	gremc_rib_kernel_remove(control->membership.rib, source, group);
}

static void dump_begin(void *argument)
{
	struct gremc_control *control = argument;

	gremc_rib_kernel_begin(control->membership.rib);
}

static void dump_end(void *argument)
{
	struct gremc_control *control = argument;

	gremc_rib_kernel_end(control->membership.rib);
}

static void mfc_ready(void *argument)
{
	struct gremc_control *control = argument;

	gremc_mfc_events_read(gremc_pointer_load(&control->kernel.mfc));
}

/* ---- life ---- */

/* Returns: 0 or a negative errno. */
static int mirror_open(struct gremc_control *control)
{
	const struct gremc_mfc_callbacks callbacks = {
		interface_of_name, kernel_route_set, kernel_route_remove, dump_begin, dump_end, control};
	struct gremc_kernel *kernel = &control->kernel;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &kernel->watch};
	struct gremc_mfc *mfc;
	int rc;

	if (kernel->seen == NULL)
		kernel->seen =
			gremc_memory_reserve(GREMC_MROUTE_IDS_MAX * sizeof(*kernel->seen), SOCKET_ID_ANY);
	if (kernel->seen == NULL)
		return -ENOMEM;
	mfc = gremc_mfc_open(&callbacks);
	if (mfc == NULL)
		return -errno;
	kernel->watch = (struct gremc_watch){.ready = mfc_ready, .argument = control};
	if (epoll_ctl(control->epoll, EPOLL_CTL_ADD, gremc_mfc_fd_get(mfc), &event)) {
		rc = -errno;
		gremc_mfc_close(mfc);
		return rc;
	}
	gremc_pointer_store_release(&kernel->mfc, mfc);
	return 0;
}

bool gremc_kernel_configure(struct gremc_control *control)
{
	struct gremc_kernel *kernel = &control->kernel;
	bool was_active = kernel->is_active;
	int rc = 0;

	gremc_assert_control_thread();
	kernel->is_active = control->config->kernel_mroutes;
	if (was_active && !kernel->is_active) {
		/* an empty dump removes all routes */
		dump_begin(control);
		dump_end(control);
	}
	if (!kernel->is_active)
		return true;
	if (gremc_pointer_load(&kernel->mfc))
		gremc_mfc_resync(
			gremc_pointer_load(&kernel->mfc)); /* a name may belong to another interface now */
	else
		rc = mirror_open(control);
	if (rc)
		GREMC_LOG_LIMITED(ERR, "cannot mirror the kernel's multicast routes: %s", strerror(-rc));
	if (!was_active)
		kernel->flows = (struct gremc_kernel_pass){.next = gremc_clock_ms() + ALIVE_INTERVAL};
	return rc == 0;
}

void gremc_kernel_fini(struct gremc_kernel *kernel)
{
	gremc_assert_control_thread();
	gremc_mfc_close(gremc_pointer_load(&kernel->mfc));
	gremc_memory_release(kernel->seen, GREMC_MROUTE_IDS_MAX * sizeof(*kernel->seen));
}

/* ---- keepalives ---- */

static uint64_t mroute_packets_read(const struct gremc_control *control, uint32_t id)
{
	uint64_t packets = 0;

	for (uint32_t i = 0; i < control->workers->stats_count; i++)
		packets += gremc_counter_read(&control->workers->stats[i]->mroute[id].packets);
	return packets;
}

static void flow_keepalive_send(struct gremc_control *control, const struct gremc_mroute *mroute)
{
	const uint32_t iif = gremc_mroute_iifs(mroute)[0];
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = RTE_BE16(sizeof(ip)),
		.time_to_live = 1,
		.next_proto_id = ALIVE_PROTOCOL,
		.src_addr = mroute->source,
		.dst_addr = mroute->group,
	};

	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	/* a keepalive that fails is not counted; the next one is due in ten seconds */
	if (gremc_steering_packet_pass(control, mroute, iif) ||
	    gremc_host_packet_write(control->host, iif, &ip, sizeof(ip)) == 0)
		gremc_u64_count(&control->kernel.alive);
}

static void mroute_keep_alive(struct gremc_control *control, const struct gremc_mroute *mroute)
{
	const uint32_t id = mroute->id;
	uint64_t packets;

	/* Daemons have no timers for the packets of a (*,G). A keepalive would need a source, which the
	 * daemon could take for a sender; mroute_sample() provides real packets. */
	if (mroute->source == 0 || mroute->iif_count != 1 || !(mroute->origins >> GREMC_ORIGIN_KERNEL & 1))
		return;
	packets = mroute_packets_read(control, id);
	if (packets != control->kernel.seen[id] && packets)
		flow_keepalive_send(control, mroute);
	control->kernel.seen[id] = packets;
}

/* With the kernel's register interface in a route the daemon requests real packets: to register a source with
 * the RP, or to detect a source and leave the shared tree. The kernel forwards one packet a second itself, by
 * its host interfaces. */
static void mroute_sample(struct gremc_control *control, const struct gremc_mroute *mroute)
{
	if (!mroute->sampled)
		return;
	gremc_workers_punt_sample(control->workers, mroute->id);
	/* of ports that are not shared the worker punts the packet */
	for (uint32_t i = 0; i < mroute->iif_count; i++)
		(void)gremc_steering_packet_pass(control, mroute, gremc_mroute_iifs(mroute)[i]);
}

/* Begin a pass over all mroutes every `interval`, or continue it. Returns: milliseconds until the next call.
 */
static uint64_t pass_continue(struct gremc_control *control, struct gremc_kernel_pass *pass,
			      uint32_t interval,
			      void (*act)(struct gremc_control *control, const struct gremc_mroute *mroute))
{
	const uint32_t limit = gremc_fanout_id_limit(control->fanout);
	const uint64_t now = gremc_clock_ms();
	uint32_t end;

	if (now < pass->next)
		return pass->next - now;
	end = RTE_MIN(limit, pass->id + PASS_SLICE);
	for (; pass->id < end; pass->id++) {
		const struct gremc_mroute *mroute = gremc_fanout_get(control->fanout, pass->id);

		if (mroute)
			act(control, mroute);
	}
	if (pass->id < limit)
		return 0;
	pass->id = 0;
	pass->next = now + interval;
	return interval;
}

int gremc_kernel_poll(struct gremc_control *control, int wait)
{
	struct gremc_kernel *kernel = &control->kernel;
	uint64_t left;

	gremc_assert_control_thread();
	if (!kernel->is_active || gremc_pointer_load(&kernel->mfc) == NULL)
		return wait;
	left = gremc_mfc_resync_poll(gremc_pointer_load(&kernel->mfc), gremc_clock_ms());
	left = RTE_MIN(left, pass_continue(control, &kernel->flows, ALIVE_INTERVAL, mroute_keep_alive));
	left = RTE_MIN(left, pass_continue(control, &kernel->samples, SAMPLE_INTERVAL, mroute_sample));
	return wait < 0 || (uint64_t)wait > left ? (int)left : wait;
}
