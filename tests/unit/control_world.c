/* SPDX-License-Identifier: BSD-3-Clause */
#include "control_world.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

#include "datapath/backlog.h"
#include "datapath/forward.h"
#include "datapath/pending.h"
#include "host/host_priv.h"
#include "vif/vif_priv.h"

#define PORT_HEAD                                                                                            \
	"ethernets:\n"                                                                                       \
	"  wan0:\n"                                                                                          \
	"    device: net_ring0\n"                                                                            \
	"    addresses: [10.0.0.1/24]\n"                                                                     \
	"    neighbors: {10.0.0.2: 02:00:00:00:00:02, 10.0.0.3: 02:00:00:00:00:03,"

const char running[] =
	PORT_HEAD "}\n"
		  "  nic0: {device: net_ring1, isolate: true, multicast: true, addresses: [10.1.0.1/24],\n"
		  "         neighbors: {10.1.0.2: 02:00:00:00:01:02}}\n"
		  "tunnels:\n"
		  "  one: {mode: gre, local: 10.0.0.1, remote: 10.0.0.2, igmp: querier}\n"
		  "  two: {mode: gre, local: 10.0.0.1, remote: 10.0.0.3, key: 7}\n"
		  "  gone: {mode: gre, local: 10.0.0.1, remote: 10.0.0.2, key: 8}\n"
		  "  dark: {mode: gre, local: 10.0.0.1, remote: 10.0.0.4}\n"
		  "  near: {mode: gre, local: 10.1.0.1, remote: 10.1.0.2}\n"
		  "mroutes:\n"
		  "  - {group: 239.1.1.1, from: [one], to: [two, gone, dark]}\n"
		  "  - {group: 239.1.1.2, source: 11.0.0.1, from: [two], to: [one, near]}\n"
		  "  - {group: 239.2.0.0/16, from: any, to: [one, two]}\n";

const char changed[] =
	PORT_HEAD " 10.0.0.4: 02:00:00:00:00:04}\n"
		  "  nic0: {device: net_ring1, isolate: true, multicast: true, addresses: [10.1.0.1/24],\n"
		  "         neighbors: {10.1.0.2: 02:00:00:00:01:02}}\n"
		  "tunnels:\n"
		  "  one: {mode: gre, local: 10.0.0.1, remote: 10.0.0.2, ttl: 9, tos: 8,\n"
		  "        igmp: {mode: querier, sources: [11.0.0.0/8, 12.0.0.0/8]}}\n"
		  "  two: {mode: gre, local: 10.0.0.1, remote: 10.0.0.3, key: 7, mtu: 1000}\n"
		  "  dark: {mode: gre, local: 10.0.0.1, remote: 10.0.0.4}\n"
		  "  near: {mode: gre, local: 10.1.0.1, remote: 10.1.0.2}\n"
		  "  new: {mode: gre, local: 10.0.0.1, remote: 10.0.0.4, key: 9}\n"
		  "  far: {mode: gre, local: 10.1.0.1, remote: 10.1.0.2, key: 3,\n"
		  "        igmp: {mode: querier, sources: [13.0.0.0/8]}}\n"
		  "  lost: {mode: gre, local: 10.0.0.1, remote: 10.0.0.9}\n"
		  "mroutes:\n"
		  "  - {group: 239.1.1.1, from: [one], to: [two, new, dark, far]}\n"
		  "  - {group: 239.2.0.0/16, from: any, to: all}\n"
		  "  - {group: 239.3.0.0/16, from: [nic0], to: [one, lost]}\n"
		  "  - {group: 239.1.1.3, source: 11.0.0.1, from: [new], to: [one]}\n"
		  "settings: {copy-threshold: 100}\n";

static char config_path[] = "/tmp/gremc-control-XXXXXX";

/* ---- set-up ---- */

static int eal_init(void)
{
	char *arguments[] = {"test",        "--no-huge",      "-m",       "512", "--no-pci",
			     "--no-shconf", "--no-telemetry", "-l",       "0",   "--vdev",
			     "net_ring0",   "--vdev",         "net_ring1"};
	int fd = mkstemp(config_path);

	if (fd < 0)
		return -1;
	close(fd);
	return rte_eal_init(RTE_DIM(arguments), arguments) < 0 ? -1 : 0;
}

void world_file_write(const char *yaml)
{
	FILE *file = fopen(config_path, "w");

	assert_non_null(file);
	fputs(yaml, file);
	assert_int_equal(fclose(file), 0);
}

struct gremc_config *world_load(const char *yaml)
{
	struct gremc_errors errors = {0};
	struct gremc_config *config;

	world_file_write(yaml);
	config = gremc_config_load(config_path, NULL, &errors);
	if (config == NULL)
		fail_msg("%s", errors.text);
	gremc_errors_fini(&errors);
	return config;
}

int world_set_up(void **state)
{
	static const struct gremc_nodes nodes = {.count = 2, .socket = {0, 1}};
	struct world *world = calloc(1, sizeof(*world));
	struct gremc_control_context *context = &world->context;
	struct gremc_config *config;
	struct gremc_errors errors = {0};
	unsigned lcore = 0;

	if (eal_init())
		return -1;
	config = world_load(running);
	context->source.config = config_path;
	context->epoll = epoll_create1(EPOLL_CLOEXEC);
	context->rcu = gremc_rcu_create();
	context->vifs = gremc_vifs_create(16, &nodes, context->rcu);
	context->fanout = gremc_fanout_create(16, &nodes, context->rcu);
	context->ports = gremc_ports_open(config, &lcore, 1, &errors);
	if (context->ports == NULL)
		fail_msg("%s", errors.text);
	context->workers = gremc_workers_create(context->ports, &config->settings, context->vifs,
						context->fanout, context->rcu);
	assert_non_null(context->workers);
	context->host = gremc_host_create(&(struct gremc_host_context){.ports = context->ports,
								       .vifs = context->vifs,
								       .workers = context->workers,
								       .rcu = context->rcu,
								       .epoll = context->epoll},
					  &errors);
	if (context->host == NULL)
		fail_msg("%s", errors.text);
	world->control = gremc_control_create(context);
	assert_non_null(world->control);
	gremc_config_free(config);
	world_apply(world, running);
	*state = world;
	return 0;
}

/* The ring of net_ring behind a TX queue. */
static struct rte_ring *port_ring(uint16_t id, uint16_t queue)
{
	char device[RTE_ETH_NAME_MAX_LEN], name[RTE_ETH_NAME_MAX_LEN + 16];

	assert_int_equal(rte_eth_dev_get_name_by_port(id, device), 0);
	snprintf(name, sizeof(name), "ETH_RXTX%u_%s", queue, device);
	return rte_ring_lookup(name);
}

/* Free the frames that the ports have transmitted. No RX queue reads the ring of the control thread's queue.
 */
static void rings_drain(const struct gremc_ports *ports)
{
	struct rte_mbuf *mbuf;

	for (uint16_t i = 0; i < ports->count; i++) {
		struct rte_eth_dev_info info;

		assert_int_equal(rte_eth_dev_info_get(ports->port[i]->id, &info), 0);
		for (uint16_t queue = 0; queue < info.nb_tx_queues; queue++) {
			struct rte_ring *ring = port_ring(ports->port[i]->id, queue);

			assert_non_null(ring);
			while (gremc_ring_dequeue(ring, &mbuf, 1) == 1)
				rte_pktmbuf_free(mbuf);
		}
	}
}

/* Free the mbufs that a running worker frees when it ends. */
static void worker_mbufs_release(struct gremc_worker *worker)
{
	gremc_backlogs_drop(&worker->egress);
	gremc_pending_drop_all(worker);
	gremc_worker_account(worker, NULL);
	rte_pktmbuf_free_bulk(worker->header, worker->header_count);
	worker->header_count = 0;
}

int world_tear_down(void **state)
{
	struct world *world = *state;
	struct gremc_control_context *context = &world->context;

	gremc_control_stop(world->control);
	gremc_host_destroy(context->host, true);
	worker_mbufs_release(context->workers->worker[0]);
	gremc_workers_drain(context->workers);
	rings_drain(context->ports);
	gremc_rcu_synchronize(context->rcu);
	gremc_workers_destroy(context->workers, context->rcu);
	assert_int_equal(gremc_ports_close(context->ports), 0);
	close(context->epoll);
	gremc_control_destroy(world->control);
	gremc_fanout_destroy(context->fanout);
	gremc_vifs_destroy(context->vifs);
	gremc_rcu_destroy(context->rcu);
	free(world);
	unlink(config_path);
	return rte_eal_cleanup();
}

void world_settle(struct world *world)
{
	struct gremc_control *control = world->control;

	while (control->repeat_at || control->job.job.is_active) {
		if (control->repeat_at)
			control->repeat_at = 1; /* now */
		gremc_control_jobs_run(control);
	}
	/* a change of a template takes three grace periods */
	for (unsigned i = 0; i < 8; i++) {
		gremc_rcu_commit(control->rcu);
		gremc_rcu_synchronize(control->rcu);
		gremc_rcu_reclaim(control->rcu);
	}
}

void world_apply(struct world *world, const char *yaml)
{
	struct gremc_errors errors = {0};

	if (gremc_control_apply(world->control, world_load(yaml), &errors))
		fail_msg("%s", errors.text);
	gremc_errors_fini(&errors);
	world_settle(world);
}

/* ---- state as text ---- */

static int line_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sort the lines of a text, which is freed. */
static char *text_sort(char *text)
{
	char *lines[512], *sorted = malloc(strlen(text) + 1);
	size_t count = 0, length = 0;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		assert_true(count < RTE_DIM(lines));
		lines[count++] = line;
	}
	qsort(lines, count, sizeof(lines[0]), line_compare);
	sorted[0] = '\0';
	for (size_t i = 0; i < count; i++)
		length += sprintf(sorted + length, "%s\n", lines[i]);
	free(text);
	return sorted;
}

static void bytes_print(FILE *out, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		fprintf(out, "%02x", ((const uint8_t *)bytes)[i]);
}

static void adjacency_print(FILE *out, const struct gremc_vifs *vifs, uint32_t index)
{
	const struct gremc_adjacency *adjacency = gremc_adjacency_load(vifs, index);

	fprintf(out, " port %u next hop %08x resolved %u holds %u l2 ", adjacency->port,
		rte_be_to_cpu_32(adjacency->next_hop), adjacency->resolved,
		vifs->priv->adjacency_holds[index]);
	bytes_print(out, adjacency->l2, sizeof(adjacency->l2));
}

static void vif_print(FILE *out, const struct world *world, uint32_t vif, enum text_kind kind)
{
	const struct gremc_vifs *vifs = world->context.vifs;
	const struct gremc_vif_info *info = gremc_vif_info_load(vifs, vif);
	const struct gremc_encap encap = gremc_encap_read(vifs, vif);
	const struct gremc_vif_sources *sources = gremc_pointer_load(&vifs->sources[vif]);

	if (info->kind == GREMC_VIF_PORT)
		fprintf(out, "port");
	fprintf(out, "vif %s mtu %u/%u flags %u tos %u/%u punt %u header ", info->name, info->mtu, encap.mtu,
		encap.flags, encap.tos, encap.tos_mask, gremc_vif_punt_bits(vifs, vif));
	bytes_print(out, encap.header, encap.header_length);
	if (info->kind == GREMC_VIF_TUNNEL)
		fprintf(out, " published %u", gremc_tunnel_find(vifs, &info->options) == vif);
	for (uint32_t i = 0; sources && i < sources->count; i++)
		fprintf(out, " source %08x", sources->range[i].first);
	adjacency_print(out, vifs, gremc_vif_adjacency(vifs, vif));
	if (kind == STATE_EXACT) {
		fprintf(out, " number %u serial %u adjacency %u counters ", vif, gremc_vif_serial(vifs, vif),
			gremc_vif_adjacency(vifs, vif));
		for (uint32_t i = 0; i < world->context.workers->stats_count; i++) {
			const struct gremc_stats *stats = world->context.workers->stats[i];

			bytes_print(out, &stats->vif_hot[vif], sizeof(stats->vif_hot[vif]));
			bytes_print(out, &stats->vif_cold[vif], sizeof(stats->vif_cold[vif]));
		}
	}
	fprintf(out, "\n");
}

static void vif_names_print(FILE *out, const struct world *world, const char *head, const uint32_t *vif,
			    uint32_t count)
{
	char *names = malloc(count * 20 + 1);
	size_t length = 0;

	names[0] = '\0';
	for (uint32_t i = 0; i < count; i++)
		length += sprintf(names + length, "%s\n",
				  gremc_vif_info_load(world->context.vifs, vif[i])->name);
	names = text_sort(names);
	for (char *c = names; *c; c++)
		*c = *c == '\n' ? ' ' : *c;
	fprintf(out, " %s %s", head, names);
	free(names);
}

static void mroute_print(FILE *out, const struct world *world, const struct gremc_mroute *mroute,
			 enum text_kind kind)
{
	fprintf(out, "mroute %08x %08x/%u origin %u/%u", rte_be_to_cpu_32(mroute->source),
		rte_be_to_cpu_32(mroute->group), mroute->length, mroute->origin, mroute->origins);
	vif_names_print(out, world, "from", gremc_mroute_iifs(mroute), mroute->iif_count);
	vif_names_print(out, world, "to", mroute->vif, mroute->oif_count);
	if (kind == STATE_EXACT)
		fprintf(out, " id %u at %p packets %lu", mroute->id, (const void *)mroute,
			gremc_counter_read(&world->context.workers->stats[0]->mroute[mroute->id].packets));
	fprintf(out, "\n");
}

static void igmp_print(FILE *out, const struct world *world)
{
	const struct gremc_membership *membership = &world->control->membership;
	struct gremc_igmp_interface_info info;
	struct gremc_igmp_group_info group;
	uint32_t total;

	for (uint32_t next = 0; gremc_igmp_interface_info_get(membership->igmp, next, &info);
	     next = info.interface + 1)
		fprintf(out, "igmp %s mode %u groups %u\n",
			gremc_vif_info_load(world->context.vifs,
					    gremc_u32_load(&membership->interface_vif[info.interface]))
				->name,
			info.mode, info.groups);
	for (uint32_t i = 0; gremc_igmp_groups_list(membership->igmp, i, &group, 1, &total) == 1;
	     i = group.number + 1)
		fprintf(out, "member of %08x at interface %u\n",
			rte_be_to_cpu_32(gremc_addr_to_ipv4(&group.group)), group.interface);
}

static uint32_t indexes_used(const struct gremc_indexes *indexes)
{
	return gremc_u32_load(&indexes->next) - indexes->free_count;
}

char *world_state(const struct world *world, enum text_kind kind)
{
	const struct gremc_vifs *vifs = world->context.vifs;
	const struct gremc_fanout *fanout = world->context.fanout;
	struct gremc_fanout_usage usage;
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	for (uint32_t i = 0; i < gremc_vifs_limit(vifs); i++)
		if (gremc_vif_info_load(vifs, i))
			vif_print(out, world, i, kind);
	for (uint32_t id = 0; id < gremc_fanout_id_limit(fanout); id++)
		if (gremc_fanout_get(fanout, id))
			mroute_print(out, world, gremc_fanout_get(fanout, id), kind);
	igmp_print(out, world);
	flow_rules_print(out);
	gremc_fanout_usage(fanout, &usage);
	if (kind == STATE_EXACT)
		fprintf(out, "uses %u mroutes and %lu bytes\n", usage.mroutes, usage.bytes);
	fprintf(out, "timers of the host: %s\n", world->context.host->is_held ? "held" : "running");
	fprintf(out, "uses %u vifs and %u adjacencies\n", indexes_used(&vifs->priv->vif_indexes),
		indexes_used(&vifs->priv->adjacency_indexes));
	fclose(out);
	return text_sort(text);
}

/* ---- packets ---- */

static void packet_ipv4_write(struct rte_ipv4_hdr *ip, uint32_t from, uint32_t to, uint8_t protocol,
			      uint16_t length)
{
	*ip = (struct rte_ipv4_hdr){.version_ihl = 0x45,
				    .total_length = rte_cpu_to_be_16(length),
				    .time_to_live = 16,
				    .next_proto_id = protocol,
				    .src_addr = rte_cpu_to_be_32(from),
				    .dst_addr = rte_cpu_to_be_32(to)};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* Hand the worker a packet of 11.0.0.1 to `group` that a tunnel of wan0 carries. */
static void packet_receive(struct world *world, uint32_t remote, uint32_t key, uint32_t group)
{
	const struct gremc_port *wan0 = world->context.ports->port[0];
	struct gremc_worker *worker = world->context.workers->worker[0];
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(wan0->rx_pool[0]);
	const uint16_t gre_length = key ? 8 : 4, inner_length = 100;
	struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, struct rte_ether_hdr *);
	struct rte_ipv4_hdr *outer = (struct rte_ipv4_hdr *)(ether + 1);
	uint8_t *gre = (uint8_t *)(outer + 1);
	const rte_be32_t key_word = rte_cpu_to_be_32(key);

	*ether = (struct rte_ether_hdr){.dst_addr = wan0->mac, .ether_type = RTE_BE16(0x0800)};
	packet_ipv4_write(outer, remote, 0x0a000001, 47, 20 + gre_length + inner_length);
	memcpy(gre, key ? "\x20\0\x08\0" : "\0\0\x08\0", 4);
	memcpy(gre + 4, &key_word, 4);
	memset(gre + gre_length, 0x5a, inner_length);
	packet_ipv4_write((struct rte_ipv4_hdr *)(gre + gre_length), 0x0b000001, group, 17, inner_length);
	mbuf->data_len = mbuf->pkt_len = 34 + gre_length + inner_length;
	assert_int_equal(rte_eth_tx_burst(wan0->id, 0, &mbuf, 1), 1);
	gremc_worker_poll(worker, &worker->rxq[0]);
}

/* Take the replicas from the ring of a port, and print them. */
static void replicas_print(FILE *out, const struct gremc_port *port)
{
	struct rte_mbuf *mbuf;
	uint8_t flat[256];

	while (rte_eth_rx_burst(port->id, 0, &mbuf, 1) == 1) {
		const void *bytes = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, flat);

		fprintf(out, "%s sends ", port->name);
		bytes_print(out, bytes, mbuf->pkt_len);
		fprintf(out, "\n");
		rte_pktmbuf_free(mbuf);
	}
}

char *world_forward(struct world *world)
{
	static const struct {
		uint32_t remote, key;
	} tunnels[] = {{0x0a000002, 0}, {0x0a000003, 7}, {0x0a000002, 8}, {0x0a000004, 9}};
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	rings_drain(world->context.ports);
	for (unsigned i = 0; i < RTE_DIM(tunnels); i++)
		for (uint32_t group = 0xef010101; group <= 0xef010103; group++) {
			packet_receive(world, tunnels[i].remote, tunnels[i].key, group);
			fprintf(out, "tunnel %u group %x\n", i, group);
			for (unsigned port = 0; port < 2; port++)
				replicas_print(out, world->context.ports->port[port]);
		}
	fclose(out);
	return text;
}
