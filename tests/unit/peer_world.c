/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "peer_world.h"

static int packet_send(void *argument, uint32_t vif, const uint8_t *packet, uint16_t length)
{
	struct world *world = argument;

	world->calls++;
	if (world->send_rc)
		return world->send_rc;
	world->sent[vif]++;
	memcpy(world->packet, packet, length);
	world->length = length;
	return 0;
}

static int packet_answer(void *argument, uint32_t vif, const uint8_t *packet, uint16_t length)
{
	struct world *world = argument;

	(void)vif;
	world->answered++;
	memcpy(world->packet, packet, length);
	world->length = length;
	return world->send_rc;
}

static void dead_record(void *argument, uint32_t vif, bool dead)
{
	struct world *world = argument;

	*(dead ? &world->died[vif] : &world->revived[vif]) += 1;
}

static void path_mtu_record(void *argument, uint32_t vif, uint16_t bytes)
{
	struct world *world = argument;

	world->path_mtu[vif] = bytes;
	world->path_mtu_changes++;
}

static uint64_t packets_return(void *argument, uint32_t vif)
{
	return ((struct world *)argument)->packets[vif];
}

int peer_world_set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	const struct gremc_peer_callbacks callbacks = {packet_send,     packet_answer,  dead_record,
						       path_mtu_record, packets_return, world};

	world->now = 1000 * SECOND;
	world->peers = gremc_peers_create(VIFS, &callbacks);
	assert_non_null(world->peers);
	gremc_peers_path_mtu_minimum_set(world->peers, 552);
	*state = world;
	return 0;
}

int peer_world_tear_down(void **state)
{
	struct world *world = *state;

	gremc_peers_destroy(world->peers);
	free(world);
	return 0;
}

struct gremc_peer_info info_read(const struct world *world, uint32_t vif)
{
	struct gremc_peer_info info;

	assert_true(gremc_peer_info_get(world->peers, vif, &info));
	return info;
}
