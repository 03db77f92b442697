/* SPDX-License-Identifier: BSD-3-Clause */
/* Queries during changes of the tables and restarts of telemetry. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "telemetry_query.h"

static void test_commands_release_their_reader_slot(void **unused __rte_unused)
{
	int slots[GREMC_RCU_READERS], count = 0;

	while (count < GREMC_RCU_READERS && (slots[count] = gremc_rcu_reader_register(world->rcu)) >= 0)
		count++;
	assert_true(count > 0);
	query_expect_error("/gremc/tunnels", "reader slots are taken; ask again");
	query_expect_reply("/gremc/drops"); /* reads no table */
	while (count > 0)
		gremc_rcu_reader_unregister(world->rcu, slots[--count]);
	/* each query releases its slot */
	for (unsigned i = 0; i < 2 * GREMC_RCU_READERS; i++)
		query_expect_reply("/gremc/tunnel,gre0");
}

struct client_thread {
	pthread_t thread;
	unsigned replies; /* atomic */
	bool stop;        /* atomic */
	bool has_failed;  /* atomic; a query had no well-formed reply */
};

/* Send queries on a connection of its own until `stop`. */
static void *client_thread_run(void *argument)
{
	static const char *const queries[] = {
		"/gremc/tunnels",           "/gremc/neighbors",
		"/gremc/mroutes",           "/gremc/why,gre0,10.1.1.1,237.1.1.1",
		"/gremc/tunnel,gone",       "/gremc/info",
		"/gremc/mroute,*,237.1.1.1"};
	struct client_thread *self = argument;
	struct reply *own = malloc(sizeof(*own));
	int fd = client_connect(socket_path);

	for (unsigned i = 0; !__atomic_load_n(&self->stop, __ATOMIC_RELAXED); i++) {
		if (own == NULL || fd < 0 || !client_query(fd, queries[i % RTE_DIM(queries)], own) ||
		    !reply_parse(own)) {
			__atomic_store_n(&self->has_failed, true, __ATOMIC_RELAXED);
			break;
		}
		__atomic_add_fetch(&self->replies, 1, __ATOMIC_RELAXED);
	}
	if (fd >= 0)
		close(fd);
	free(own);
	return NULL;
}

/* Repeat `work` until each of two client threads has `count` replies. */
static void work_during_queries(unsigned count, void (*work)(void))
{
	struct client_thread client_thread[2] = {0};

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&client_thread[i].thread, NULL, client_thread_run, &client_thread[i]),
			0);
	for (unsigned i = 0; i < 2; i++)
		while (__atomic_load_n(&client_thread[i].replies, __ATOMIC_RELAXED) < count) {
			work();
			assert_false(__atomic_load_n(&client_thread[i].has_failed, __ATOMIC_RELAXED));
		}
	for (unsigned i = 0; i < 2; i++)
		__atomic_store_n(&client_thread[i].stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(client_thread[i].thread, NULL);
}

static void route_add_and_remove(void)
{
	const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, 1}};
	uint32_t vif = world_tunnel_add(world, "gone", IP(203, 0, 113, 1), WITH_KEYS, IP(192, 0, 2, 77));

	assert_int_equal(gremc_adjacency_resolve(world->vifs, world->vifs->encap[vif].adjacency, &mac), 0);
	assert_int_equal(
		world_mroute_change(world, GREMC_FANOUT_SET, 0, IP(237, 1, 1, 1), 32, NULL, 0, &vif, 1), 0);
	assert_int_equal(
		world_mroute_change(world, GREMC_FANOUT_REMOVE, 0, IP(237, 1, 1, 1), 32, NULL, 0, NULL, 0),
		0);
	gremc_vif_remove(world->vifs, vif);
	gremc_rcu_commit(world->rcu);
	/* A client thread that loses the CPU during a query delays the grace period, and tables have limits.
	 */
	if (gremc_rcu_reclaim(world->rcu) > 100)
		gremc_rcu_synchronize(world->rcu);
}

static void test_commands_run_while_tables_change(void **unused __rte_unused)
{
	work_during_queries(200, route_add_and_remove);
	gremc_rcu_synchronize(world->rcu);
	query_expect_reply("/gremc/info");
	assert_int_equal(reply_number("tunnels"), 4);
	assert_int_equal(reply_number("mroutes"), 6);
}

/* After gremc_telemetry_stop() has returned, the tables can be freed; the clients continue. */
static void world_rebuild(void)
{
	gremc_telemetry_stop();
	world_destroy(world);
	world = world_create();
	assert_int_equal(gremc_telemetry_start(&world->telemetry), 0);
}

static void test_commands_run_while_telemetry_restarts(void **unused __rte_unused)
{
	work_during_queries(20, world_rebuild);
}

static void test_stopped_telemetry_answers_with_an_error(void **unused __rte_unused)
{
	struct rte_tel_data *data = rte_tel_data_alloc();

	assert_int_equal(gremc_telemetry_start(&world->telemetry), -EALREADY);
	gremc_telemetry_stop();
	for (unsigned i = 0; i < gremc_command_count; i++)
		query_expect_error(gremc_commands[i].path, "the program is stopping");
	assert_int_equal(gremc_telemetry_start(&world->telemetry), 0);
	query_expect_reply("/gremc/info");
	assert_int_equal(gremc_telemetry_answer("/gremc/unknown", NULL, data), -ENOENT);
	rte_tel_data_free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands_release_their_reader_slot),
		cmocka_unit_test(test_commands_run_while_tables_change),
		cmocka_unit_test(test_commands_run_while_telemetry_restarts),
		cmocka_unit_test(test_stopped_telemetry_answers_with_an_error),
	};

	return cmocka_run_group_tests_name("telemetry_threads", tests, telemetry_set_up, telemetry_tear_down);
}
