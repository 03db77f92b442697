/* SPDX-License-Identifier: BSD-3-Clause */
/* QSBR: slots, grace periods and deferred calls. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "rcu/rcu.h"
#include "test.h"

#define MANY 1000u

/* The numbers of the items whose call ran, in order. */
struct log {
	unsigned order[MANY * 2];
	unsigned count;
};

struct item {
	struct log *log;
	unsigned number;
};

static void item_log_call(void *argument)
{
	const struct item *item = argument;

	item->log->order[item->log->count++] = item->number;
}

static int rcu_set_up(void **state)
{
	*state = gremc_rcu_create();
	return *state == NULL;
}

static int rcu_tear_down(void **state)
{
	gremc_rcu_destroy(*state);
	return 0;
}

static void test_grace_period_without_readers_ends_at_once(void **state)
{
	struct gremc_rcu *rcu = *state;
	struct log log = {.count = 0};
	struct item item = {&log, 7};

	assert_int_equal(gremc_rcu_defer(rcu, item_log_call, &item), 0);
	assert_int_equal(gremc_rcu_reclaim(rcu), 1); /* not committed */
	assert_int_equal(log.count, 0);
	gremc_rcu_commit(rcu);
	assert_int_equal(log.count, 0);
	assert_int_equal(gremc_rcu_reclaim(rcu), 0);
	assert_int_equal(log.count, 1);
	gremc_rcu_synchronize(rcu);
	assert_int_equal(log.count, 1);
}

static void test_online_reader_delays_reclaim(void **state)
{
	struct gremc_rcu *rcu = *state;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(rcu);
	struct log log = {.count = 0};
	struct item item = {&log, 0};
	int offline = gremc_rcu_reader_register(rcu), online = gremc_rcu_reader_register(rcu);

	assert_true(offline >= 0 && online >= 0 && offline != online);
	rte_rcu_qsbr_thread_online(qsbr, (unsigned)online);
	assert_int_equal(gremc_rcu_defer(rcu, item_log_call, &item), 0);
	gremc_rcu_commit(rcu);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(gremc_rcu_reclaim(rcu), 1);
	rte_rcu_qsbr_quiescent(qsbr, (unsigned)online);
	assert_int_equal(gremc_rcu_reclaim(rcu), 0);

	/* an offline reader does not delay */
	assert_int_equal(gremc_rcu_defer(rcu, item_log_call, &item), 0);
	gremc_rcu_commit(rcu);
	assert_int_equal(gremc_rcu_reclaim(rcu), 1);
	rte_rcu_qsbr_thread_offline(qsbr, (unsigned)online);
	assert_int_equal(gremc_rcu_reclaim(rcu), 0);
	assert_int_equal(log.count, 2);
	gremc_rcu_reader_unregister(rcu, offline);
	gremc_rcu_reader_unregister(rcu, online);
}

static void test_commit_starts_one_grace_period(void **state)
{
	struct gremc_rcu *rcu = *state;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(rcu);
	static struct item items[MANY];
	static struct log log;
	int slot = gremc_rcu_reader_register(rcu);
	uint64_t before;

	log.count = 0;
	rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
	before = qsbr->token;
	for (unsigned i = 0; i < MANY; i++) {
		items[i] = (struct item){&log, i};
		assert_int_equal(gremc_rcu_defer(rcu, item_log_call, &items[i]), 0);
		if (i == MANY / 2 - 1)
			gremc_rcu_commit(rcu);
	}
	rte_rcu_qsbr_quiescent(qsbr, (unsigned)slot);
	/* the second half is not committed yet */
	assert_int_equal(gremc_rcu_reclaim(rcu), MANY / 2);
	gremc_rcu_commit(rcu);
	gremc_rcu_commit(rcu); /* nothing to commit: starts no grace period */
	assert_int_equal(qsbr->token, before + 2);
	assert_int_equal(gremc_rcu_reclaim(rcu), MANY / 2);
	rte_rcu_qsbr_quiescent(qsbr, (unsigned)slot);
	assert_int_equal(gremc_rcu_reclaim(rcu), 0);
	assert_int_equal(log.count, MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(log.order[i], i);
	rte_rcu_qsbr_thread_offline(qsbr, (unsigned)slot);
	gremc_rcu_reader_unregister(rcu, slot);
}

/* The ring keeps its order if it grows while it is wrapped around. */
static void test_list_keeps_its_order_while_it_grows(void **state)
{
	struct gremc_rcu *rcu = *state;
	static struct item items[MANY];
	static struct log log;
	unsigned deferred = 0;

	log.count = 0;
	for (unsigned round = 1; deferred < MANY; round++) {
		for (unsigned i = 0; i < round * 7 && deferred < MANY; i++, deferred++) {
			items[deferred] = (struct item){&log, deferred};
			assert_int_equal(gremc_rcu_defer(rcu, item_log_call, &items[deferred]), 0);
			if (i == round * 5)
				gremc_rcu_commit(rcu);
		}
		gremc_rcu_reclaim(rcu);
	}
	gremc_rcu_commit(rcu);
	assert_int_equal(gremc_rcu_reclaim(rcu), 0);
	assert_int_equal(log.count, MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(log.order[i], i);
}

struct again {
	struct gremc_rcu *rcu;
	unsigned left, runs;
};

static void call_defer_again(void *argument)
{
	struct again *again = argument;

	again->runs++;
	if (again->left > 0) {
		again->left--;
		assert_int_equal(gremc_rcu_defer(again->rcu, call_defer_again, again), 0);
	}
}

static void test_deferred_call_may_defer(void **state)
{
	struct gremc_rcu *rcu = *state;
	struct again again = {rcu, 3, 0};

	assert_int_equal(gremc_rcu_defer(rcu, call_defer_again, &again), 0);
	for (unsigned i = 1; i <= 4; i++) {
		gremc_rcu_commit(rcu);
		assert_int_equal(gremc_rcu_reclaim(rcu), i < 4);
		assert_int_equal(again.runs, i);
	}
}

static void test_destroy_runs_deferred_calls(void **state)
{
	struct gremc_rcu *rcu = gremc_rcu_create();
	struct again again = {rcu, 2, 0};

	(void)state;
	assert_non_null(rcu);
	assert_int_equal(gremc_rcu_defer(rcu, call_defer_again, &again), 0);
	gremc_rcu_destroy(rcu);
	assert_int_equal(again.runs, 3);
	gremc_rcu_destroy(NULL);
}

static void test_all_slots_can_be_registered(void **state)
{
	struct gremc_rcu *rcu = *state;
	bool seen[GREMC_RCU_READERS] = {false};

	for (unsigned i = 0; i < GREMC_RCU_READERS; i++) {
		int slot = gremc_rcu_reader_register(rcu);

		assert_in_range(slot, 0, GREMC_RCU_READERS - 1);
		assert_false(seen[slot]);
		seen[slot] = true;
	}
	assert_int_equal(gremc_rcu_reader_register(rcu), -ENOSPC);
	gremc_rcu_synchronize(rcu); /* all are offline */
	gremc_rcu_reader_unregister(rcu, 77);
	assert_int_equal(gremc_rcu_reader_register(rcu), 77);
	assert_int_equal(gremc_rcu_reader_register(rcu), -ENOSPC);
	for (int i = 0; i < (int)GREMC_RCU_READERS; i++)
		gremc_rcu_reader_unregister(rcu, i);
	gremc_rcu_synchronize(rcu);
}

/* Threads that use each slot now; atomic. */
static unsigned holders[GREMC_RCU_READERS];

static void *slots_borrow(void *argument)
{
	struct gremc_rcu *rcu = argument;
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < 20000; i++) {
		int slot = gremc_rcu_reader_register(rcu);

		if (slot < 0) {
			wrong++;
			continue;
		}
		wrong += __atomic_fetch_add(&holders[slot], 1, __ATOMIC_RELAXED) != 0;
		rte_rcu_qsbr_thread_online(gremc_rcu_qsbr(rcu), (unsigned)slot);
		rte_rcu_qsbr_thread_offline(gremc_rcu_qsbr(rcu), (unsigned)slot);
		__atomic_fetch_sub(&holders[slot], 1, __ATOMIC_RELAXED);
		gremc_rcu_reader_unregister(rcu, slot);
	}
	return (void *)wrong;
}

static void test_threads_never_share_a_slot(void **state)
{
	struct gremc_rcu *rcu = *state;
	pthread_t threads[4];

	for (unsigned i = 0; i < RTE_DIM(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, slots_borrow, rcu), 0);
	for (unsigned i = 0; i < 100; i++)
		gremc_rcu_synchronize(rcu);
	for (unsigned i = 0; i < RTE_DIM(threads); i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

/* A reader in its own thread. */
struct reader {
	struct gremc_rcu *rcu;
	unsigned *published; /* atomic; points to 1 while it is reachable */
	bool stop;
	uintptr_t dead;
	unsigned reads;
};

static void *reader_run(void *argument)
{
	struct reader *reader = argument;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(reader->rcu);
	int slot = gremc_rcu_reader_register(reader->rcu);

	rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
	while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
		const unsigned *found = __atomic_load_n(&reader->published, __ATOMIC_ACQUIRE);

		for (unsigned i = 0; i < 20; i++)
			reader->dead += __atomic_load_n(found, __ATOMIC_RELAXED) != 1;
		__atomic_store_n(&reader->reads, reader->reads + 1, __ATOMIC_RELAXED);
		rte_rcu_qsbr_quiescent(qsbr, (unsigned)slot);
	}
	rte_rcu_qsbr_thread_offline(qsbr, (unsigned)slot);
	gremc_rcu_reader_unregister(reader->rcu, slot);
	return NULL;
}

static void test_synchronize_waits_for_running_reader(void **state)
{
	unsigned values[2] = {1, 0};
	struct reader reader = {.rcu = *state, .published = &values[0]};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, reader_run, &reader), 0);
	while (__atomic_load_n(&reader.reads, __ATOMIC_RELAXED) == 0)
		sched_yield();
	for (unsigned i = 0; i < 20000; i++) {
		__atomic_store_n(&values[(i + 1) & 1], 1, __ATOMIC_RELAXED);
		__atomic_store_n(&reader.published, &values[(i + 1) & 1], __ATOMIC_RELEASE);
		gremc_rcu_synchronize(reader.rcu);
		__atomic_store_n(&values[i & 1], 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(reader.dead, 0);
}

static void test_reclaim_is_bounded(void **state)
{
	struct gremc_rcu *rcu = *state;
	struct log log = {.count = 0};
	struct item items[10];

	for (unsigned i = 0; i < RTE_DIM(items); i++) {
		items[i] = (struct item){&log, i};
		assert_int_equal(gremc_rcu_defer(rcu, item_log_call, &items[i]), 0);
	}
	assert_int_equal(gremc_rcu_reclaim_some(rcu, 4), 0); /* not committed */
	gremc_rcu_commit(rcu);
	assert_int_equal(gremc_rcu_reclaim_some(rcu, 4), 4);
	assert_int_equal(log.count, 4);
	assert_int_equal(gremc_rcu_waiting(rcu), 6);
	assert_int_equal(gremc_rcu_reclaim_some(rcu, 100), 6);
	assert_int_equal(gremc_rcu_waiting(rcu), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rcu_set_up, rcu_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_grace_period_without_readers_ends_at_once),
		TEST(test_online_reader_delays_reclaim),
		TEST(test_commit_starts_one_grace_period),
		TEST(test_list_keeps_its_order_while_it_grows),
		TEST(test_deferred_call_may_defer),
		TEST(test_destroy_runs_deferred_calls),
		TEST(test_all_slots_can_be_registered),
		TEST(test_threads_never_share_a_slot),
		TEST(test_synchronize_waits_for_running_reader),
		TEST(test_reclaim_is_bounded),
	};

	return cmocka_run_group_tests_name("rcu", tests, NULL, NULL);
}
