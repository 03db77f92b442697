/* SPDX-License-Identifier: BSD-3-Clause */
/* Identifications of IPv4 packets (RFC 6864). Sources must not repeat one within the lifetime of a packet,
 * for one source, destination and protocol (section 4.2). */
#include <pthread.h>
#include <string.h>

#include "base/base.h"
#include "datapath/identification.h"
#include "test.h"

#define THREADS 4u
#define SPACE   65536u                                    /* identifications */
#define PERIOD  (SPACE - GREMC_ID_STALE - GREMC_ID_BLOCK) /* distinct ones in a row, at least */

struct world {
	gremc_atomic_u32 *counters;
	struct gremc_ids ids[THREADS];
};

static int world_set_up(void **state)
{
	static struct world world;

	world.counters = gremc_id_counters_create();
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
			gremc_ids_init(&world.ids[i], world.counters, 0x123456789abcdef, SOCKET_ID_ANY), 0);
	*state = &world;
	return world.counters == NULL;
}

static int world_tear_down(void **state)
{
	struct world *world = *state;

	for (unsigned i = 0; i < THREADS; i++)
		gremc_ids_fini(&world->ids[i]);
	gremc_id_counters_destroy(world->counters);
	return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

static uint16_t id_take(struct world *world, unsigned thread, uint32_t peer)
{
	const struct rte_ipv4_hdr ip = {.src_addr = RTE_BE32(0x0a000001), .dst_addr = rte_cpu_to_be_32(peer)};

	return rte_be_to_cpu_16(gremc_id_take(&world->ids[thread], &ip));
}

static void test_one_thread_repeats_after_all_numbers(void **state)
{
	static bool seen[SPACE];

	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < SPACE; i++) {
		const uint16_t id = id_take(*state, 0, 1);

		assert_false(seen[id]);
		seen[id] = true;
	}
}

/* However the packets of a tunnel are distributed: one thread sends one in 1,000, another one in 100. */
static void test_threads_do_not_repeat_numbers_of_each_other(void **state)
{
	static uint32_t last[SPACE];

	memset(last, 0, sizeof(last));
	for (uint32_t i = 1; i < 5 * SPACE; i++) {
		const unsigned thread = i % 1000 == 0 ? 3 : i % 100 == 0 ? 2 : i % 2;
		const uint16_t id = id_take(*state, thread, 1);

		if (last[id])
			assert_true(i - last[id] >= PERIOD - THREADS * GREMC_ID_BLOCK);
		last[id] = i;
	}
}

/* A thread that was silent for long does not continue with a block whose numbers others have used since. */
static void test_old_block_is_not_continued(void **state)
{
	static uint32_t last[SPACE];
	uint32_t at = 1;

	memset(last, 0, sizeof(last));
	last[id_take(*state, 0, 1)] = at++;
	while (at < SPACE + 100)
		last[id_take(*state, 1, 1)] = at++;
	for (uint32_t i = 0; i < GREMC_ID_BLOCK; i++, at++)
		assert_true(at - last[id_take(*state, 0, 1)] >= PERIOD);
}

/* Packets to other peers do not shorten the period: the numbers of one peer are consecutive. */
static void test_each_pair_of_addresses_counts_on_its_own(void **state)
{
	uint16_t first = id_take(*state, 0, 1);

	for (uint32_t i = 1; i < 1000; i++) {
		id_take(*state, 0, 2);
		assert_int_equal(id_take(*state, 0, 1), (uint16_t)(first + i));
	}
}

struct sender {
	pthread_t thread;
	struct world *world;
	unsigned number;
	uint16_t id[PERIOD / THREADS / 2];
};

static void *sender_run(void *argument)
{
	struct sender *sender = argument;

	for (unsigned i = 0; i < RTE_DIM(sender->id); i++)
		sender->id[i] = id_take(sender->world, sender->number, 1);
	return NULL;
}

static void test_concurrent_threads_have_distinct_numbers(void **state)
{
	static struct sender sender[THREADS];
	static bool seen[SPACE];

	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < THREADS; i++) {
		sender[i].world = *state;
		sender[i].number = i;
		assert_int_equal(pthread_create(&sender[i].thread, NULL, sender_run, &sender[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(sender[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned k = 0; k < RTE_DIM(sender[i].id); k++) {
			assert_false(seen[sender[i].id[k]]);
			seen[sender[i].id[k]] = true;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_thread_repeats_after_all_numbers),
		TEST(test_threads_do_not_repeat_numbers_of_each_other),
		TEST(test_old_block_is_not_continued),
		TEST(test_each_pair_of_addresses_counts_on_its_own),
		TEST(test_concurrent_threads_have_distinct_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
