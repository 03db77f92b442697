/* SPDX-License-Identifier: BSD-3-Clause */
/* The bisection of the load generator against a simulated forwarder and generator, each with a capacity and
 * disturbances. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_common.h>

#include "search/bisect.h"

#define CAPACITY 1234567.0
#define HIGHEST  5e6

struct world {
	double capacity, sendable; /* packets/s; sendable 0: any */
	double bad;                /* share of the trials that fail at any rate */
	unsigned slow;             /* number of first trials with half of the capacity */
	bool doubtful;             /* the generator may have caused the losses */
	double jitter;             /* largest share by which the capacity of a trial is lower */
	uint32_t random;
	unsigned trials;
};

static double random_draw(struct world *world)
{
	world->random = world->random * 1664525u + 1013904223u;
	return (world->random >> 8) / (double)(1u << 24);
}

static int simulated_trial_run(void *argument, double rate, struct gremc_bisect_answer *answer)
{
	struct world *world = argument;
	double capacity = world->capacity * (world->trials++ < world->slow ? 0.5 : 1);
	double sent = rate > 0 ? rate : HIGHEST;

	capacity *= 1 - world->jitter * random_draw(world);
	if (world->sendable > 0)
		sent = RTE_MIN(sent, world->sendable * (1 - world->jitter * random_draw(world)));
	*answer = (struct gremc_bisect_answer){.sent = sent, .clean = sent <= capacity};
	if (!answer->clean)
		answer->loss = 1 - capacity / sent;
	else if (random_draw(world) < world->bad)
		*answer = (struct gremc_bisect_answer){.sent = sent, .loss = 1e-5};
	answer->limited = answer->clean ? sent < rate : world->doubtful;
	return 0;
}

static struct gremc_bisect simulated_search(struct world *world, unsigned confirm, double first)
{
	struct gremc_bisect bisect = {
		.resolution = 0.01, .confirm = confirm, .run_trial = simulated_trial_run, .argument = world};

	assert_int_equal(gremc_bisect_range_search(&bisect, first, HIGHEST), 0);
	return bisect;
}

static void assert_near(double found, double true_one, double share)
{
	if (fabs(found - true_one) > share * true_one)
		fail_msg("found %.0f instead of %.0f", found, true_one);
}

static void test_a_quiet_forwarder_is_found_from_any_start(void **state)
{
	static const double first[] = {1, 1e4, 1.2e6, 1.3e6, 4e6, HIGHEST};

	RTE_SET_USED(state);
	for (unsigned i = 0; i < RTE_DIM(first); i++) {
		struct world world = {.capacity = CAPACITY};
		struct gremc_bisect found = simulated_search(&world, 1, first[i]);

		assert_true(found.found <= CAPACITY);
		assert_near(found.found, CAPACITY, 0.0101);
		assert_true(found.lossy > CAPACITY);
		assert_false(found.limited);
		assert_in_range(found.trials, 3, 30);
	}
}

static void test_occasional_losses_do_not_change_the_result(void **state)
{
	RTE_SET_USED(state);
	for (uint32_t seed = 1; seed < 200; seed++) {
		struct world world = {
			.capacity = CAPACITY, .bad = 0.2, .jitter = 0.01, .random = seed * 7919};
		struct gremc_bisect found = simulated_search(&world, 3, 1.1e6);

		assert_near(found.found, CAPACITY, 0.03);
		assert_true(found.lossy > 0);
	}
}

static void test_a_forwarder_that_becomes_faster_is_found(void **state)
{
	RTE_SET_USED(state);
	for (unsigned slow = 1; slow < 12; slow++) {
		struct world world = {.capacity = CAPACITY, .slow = slow};
		struct gremc_bisect found = simulated_search(&world, 1, 1.2e6);

		assert_near(found.found, CAPACITY, 0.0101);
	}
}

static void test_a_slow_generator_is_reported_as_the_limit(void **state)
{
	struct world world = {.capacity = HIGHEST, .sendable = CAPACITY, .jitter = 0.02, .random = 3};
	struct gremc_bisect found;
	bool flat_out;

	RTE_SET_USED(state);
	found = simulated_search(&world, 3, 1.5e6);
	assert_true(found.limited);
	assert_near(found.found, CAPACITY, 0.02);
	assert_true(found.lossy <= 0);

	found = (struct gremc_bisect){.confirm = 3, .run_trial = simulated_trial_run, .argument = &world};
	assert_int_equal(gremc_bisect_max_confirm(&found, &flat_out), 0);
	assert_true(flat_out && found.limited);
	assert_near(found.found, CAPACITY, 0.02);
	assert_int_equal(found.trials, 3);
	world.sendable = 0;
	world.capacity = CAPACITY;
	found = (struct gremc_bisect){.confirm = 3, .run_trial = simulated_trial_run, .argument = &world};
	assert_int_equal(gremc_bisect_max_confirm(&found, &flat_out), 0);
	assert_false(flat_out);
	assert_int_equal(found.trials, 1);
}

static void test_losses_of_the_generator_are_reported_as_the_limit(void **state)
{
	struct world world = {.capacity = CAPACITY, .doubtful = true};
	struct gremc_bisect found = simulated_search(&world, 2, HIGHEST);

	RTE_SET_USED(state);
	assert_true(found.limited);
	assert_near(found.found, CAPACITY, 0.0101);
}

static void test_a_pass_up_to_the_highest_rate_is_limited_unless_that_fails(void **state)
{
	RTE_SET_USED(state);
	for (int failed = 0; failed < 2; failed++) {
		struct world world = {.capacity = CAPACITY};
		struct gremc_bisect bisect = {.resolution = 0.01,
					      .confirm = 1,
					      .highest_failed = failed,
					      .run_trial = simulated_trial_run,
					      .argument = &world};

		assert_int_equal(gremc_bisect_range_search(&bisect, CAPACITY * 0.999, CAPACITY * 1.005), 0);
		assert_near(bisect.found, CAPACITY, 0.01);
		assert_int_equal(bisect.limited, !failed);
	}
}

static void test_nothing_passes(void **state)
{
	struct world world = {.capacity = 0};
	struct gremc_bisect found = simulated_search(&world, 2, 1e6);

	RTE_SET_USED(state);
	assert_true(found.found <= 0 && found.lossy > 0 && found.lossy < 1e3);
	assert_in_range(found.trials, 1, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_quiet_forwarder_is_found_from_any_start),
		cmocka_unit_test(test_occasional_losses_do_not_change_the_result),
		cmocka_unit_test(test_a_forwarder_that_becomes_faster_is_found),
		cmocka_unit_test(test_a_slow_generator_is_reported_as_the_limit),
		cmocka_unit_test(test_losses_of_the_generator_are_reported_as_the_limit),
		cmocka_unit_test(test_nothing_passes),
		cmocka_unit_test(test_a_pass_up_to_the_highest_rate_is_limited_unless_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
