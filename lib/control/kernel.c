/* SPDX-License-Identifier: BSD-3-Clause */
/* `mroutes: kernel`: the kernel's multicast routes in the rib, and life for its flows.
 *
 * Daemons end a flow whose packets the kernel does not count any more. The fast path takes them, so every ten
 * seconds each of the kernel's (S,G) that has forwarded since gets a packet of the flow, from its incoming
 * interface: empty, and with a TTL of 1. The kernel counts it before it looks at the TTL, and forwards it to
 * nobody. So nothing is delivered twice, nothing is lost, and the flow's own packets never leave the fast
 * path, unless the daemon asks for them. A port that the kernel keeps cannot be given a packet: of a flow
 * from there it gets the next real one, and forwards it. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>

#include "control/control_priv.h"

#define ALIVE_INTERVAL  10000u /* milliseconds */
#define SAMPLE_INTERVAL 1000u  /* milliseconds */
#define IDS_AT_ONCE     8192u  /* mroutes that a pass looks at before packets have their turn */
#define ALIVE_PROTOCOL  253u   /* for experiments (RFC 3692): no program listens to it */

/* ---- from the kernel to the rib ---- */

/* The kernel's name of a port is the configuration's, unless the kernel keeps the interface. */
static bool is_named(const struct gremc_control *control, uint32_t port, const char *name)
{
	const struct gremc_port *open = control->ports->port[port];

	return open && strcmp(open->shared ? open->interface : open->name, name) == 0;
}

static_assert(GREMC_MFC_NONE == GREMC_RIB_NONE && GREMC_MFC_REGISTER == GREMC_RIB_REGISTER,
	      "what the mirror says the rib understands");

static uint32_t interface_of(void *argument, const char *name)
{
	const struct gremc_control *control = argument;
	const struct gremc_config *config = control->config;

	for (uint32_t i = 0; i < config->tunnel_count; i++)
		if (strcmp(config->tunnels[i].name, name) == 0)
			return control->map.interface[i];
	for (uint32_t i = 0; i < config->port_count; i++)
		if (is_named(control, i, name) &&
		    control->map.vif[config->tunnel_count + i] != GREMC_VIF_NONE)
			return control->map.interface[config->tunnel_count + i];
	return GREMC_RIB_NONE;
}

static void set(void *argument, const struct gremc_addr *source, const struct gremc_addr *group, uint32_t iif,
		const uint32_t *oifs, const uint8_t *thresholds, uint32_t oif_count)
{
	struct gremc_control *control = argument;

	if (control->kernel.active &&
	    gremc_rib_kernel_set(control->membership.rib, source, group, iif, oifs, thresholds, oif_count))
		GREMC_LOG_LIMITED(ERR, "out of memory: a multicast route of the kernel's is missing");
}

static void unset(void *argument, const struct gremc_addr *source, const struct gremc_addr *group)
{
	struct gremc_control *control = argument;

	gremc_rib_kernel_remove(control->membership.rib, source, group);
}

static void begin(void *argument)
{
	gremc_rib_kernel_begin(((struct gremc_control *)argument)->membership.rib);
}

static void end(void *argument)
{
	gremc_rib_kernel_end(((struct gremc_control *)argument)->membership.rib);
}

static void ready(void *argument)
{
	gremc_mfc_events_read(((struct gremc_control *)argument)->kernel.mfc);
}

static int start(struct gremc_control *control)
{
	const struct gremc_mfc_callbacks callbacks = {interface_of, set, unset, begin, end, control};
	struct gremc_kernel *kernel = &control->kernel;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &kernel->watch};
	struct gremc_mfc *mfc = gremc_mfc_open(&callbacks);

	kernel->seen = gremc_memory_reserve(GREMC_MROUTE_IDS_MAX * sizeof(*kernel->seen), SOCKET_ID_ANY);
	kernel->watch = (struct gremc_watch){.ready = ready, .argument = control};
	if (mfc == NULL || kernel->seen == NULL ||
	    epoll_ctl(control->epoll, EPOLL_CTL_ADD, gremc_mfc_fd_get(mfc), &event)) {
		gremc_mfc_close(mfc);
		return -errno;
	}
	__atomic_store_n(&kernel->mfc, mfc, __ATOMIC_RELEASE);
	return 0;
}

void gremc_kernel_configure(struct gremc_control *control)
{
	struct gremc_kernel *kernel = &control->kernel;
	bool was_active = kernel->active;

	kernel->active = control->config->kernel_mroutes;
	if (was_active && !kernel->active) {
		begin(control);
		end(control);
	}
	if (!kernel->active)
		return;
	if (kernel->mfc)
		gremc_mfc_resync(kernel->mfc); /* names may be other interfaces now */
	else if (start(control))
		GREMC_LOG(ERR, "the kernel's multicast routes cannot be mirrored: %s", strerror(errno));
	if (!was_active)
		kernel->flows = (struct gremc_kernel_pass){.next = gremc_clock_ms() + ALIVE_INTERVAL};
}

void gremc_kernel_fini(struct gremc_kernel *kernel)
{
	gremc_mfc_close(kernel->mfc);
	if (kernel->seen)
		gremc_memory_release(kernel->seen, GREMC_MROUTE_IDS_MAX * sizeof(*kernel->seen));
}

/* ---- from the fast path to the kernel's counters ---- */

static uint64_t packets_of(const struct gremc_control *control, uint32_t id)
{
	uint64_t packets = 0;

	for (uint32_t i = 0; i < control->workers->stats_count; i++)
		packets += gremc_counter_read(&control->workers->stats[i]->mroute[id].packets);
	return packets;
}

static void say_alive(struct gremc_control *control, const struct gremc_mroute *mroute)
{
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = RTE_BE16(sizeof(ip)),
		.time_to_live = 1,
		.next_proto_id = ALIVE_PROTOCOL,
		.src_addr = mroute->source,
		.dst_addr = mroute->group,
	};

	uint32_t iif = gremc_mroute_iifs(mroute)[0];

	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	if (gremc_steering_packet_pass(control, mroute, iif) ||
	    gremc_host_packet_write(control->host, iif, &ip, sizeof(ip)) == 0)
		__atomic_add_fetch(&control->kernel.alive, 1, __ATOMIC_RELAXED);
}

static void look_at_flow(struct gremc_control *control, const struct gremc_mroute *mroute)
{
	const uint32_t id = mroute->id;
	uint64_t packets;

	/* Of (*,G) nobody times the packets, and an empty one would need a source, which the daemon could
	 * take for a sender. Where it asks for packets, sample_flow() gives it real ones. */
	if (mroute->source == 0 || mroute->iif_count != 1 || !(mroute->origins >> GREMC_ORIGIN_KERNEL & 1))
		return;
	packets = packets_of(control, id);
	if (packets != control->kernel.seen[id] && packets)
		say_alive(control, mroute);
	control->kernel.seen[id] = packets;
}

/* Where the daemon has the kernel's register interface in a route it asks for the packets themselves: to
 * register a source with the RP, or to learn of one and leave the shared tree. The kernel does that with the
 * packets that it forwards, so one a second is its own, and goes on by its host interfaces. */
static void sample_flow(struct gremc_control *control, const struct gremc_mroute *mroute)
{
	if (!mroute->sampled)
		return;
	gremc_workers_punt_sample(control->workers, mroute->id);
	for (uint32_t i = 0; i < mroute->iif_count; i++)
		gremc_steering_packet_pass(control, mroute, gremc_mroute_iifs(mroute)[i]);
}

/* Begin a pass over all mroutes every `interval`, and make a part of it. Returns the milliseconds until there
 * is more to do. */
static uint64_t pass_run(struct gremc_control *control, struct gremc_kernel_pass *pass, uint32_t interval,
			 void (*act)(struct gremc_control *control, const struct gremc_mroute *mroute))
{
	const uint32_t limit = gremc_fanout_id_limit(control->fanout);
	const uint64_t now = gremc_clock_ms();
	uint32_t end;

	if (now < pass->next)
		return pass->next - now;
	end = RTE_MIN(limit, pass->id + IDS_AT_ONCE);
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

int gremc_kernel_run(struct gremc_control *control, int wait)
{
	struct gremc_kernel *kernel = &control->kernel;
	uint64_t left;

	if (!kernel->active || kernel->mfc == NULL)
		return wait;
	left = gremc_mfc_resync_poll(kernel->mfc, gremc_clock_ms());
	left = RTE_MIN(left, pass_run(control, &kernel->flows, ALIVE_INTERVAL, look_at_flow));
	left = RTE_MIN(left, pass_run(control, &kernel->samples, SAMPLE_INTERVAL, sample_flow));
	return wait < 0 || (uint64_t)wait > left ? (int)left : wait;
}
