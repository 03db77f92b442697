/* SPDX-License-Identifier: BSD-3-Clause */
/* Jobs: long work in slices. */
#include <errno.h>
#include <string.h>

#include "base/base.h"
#include "base/job.h"
#include "test.h"

#define STEPS 20

/* Job and owner increment a counter in turns. */
struct job_log {
	int steps, seen_by_owner;
	bool is_control; /* in the job */
};

static int count_steps(void *argument)
{
	struct job_log *log = argument;

#if GREMC_ASSERTS
	log->is_control = gremc_role_is_allowed(GREMC_ROLE_CONTROL);
#endif
	while (log->steps < STEPS) {
		log->steps++;
		if (gremc_job_pause())
			return -ECANCELED;
	}
	return 7;
}

static void test_job_and_owner_take_turns(void **state)
{
	struct gremc_job job = {0};
	struct job_log log = {0};

	(void)state;
	assert_int_equal(gremc_job_start(&job, "job", count_steps, &log), 0);
	assert_int_equal(log.steps, 0);
	/* an empty slice ends at the first pause */
	for (int i = 1; i <= STEPS; i++) {
		assert_false(gremc_job_run(&job, 0));
		assert_int_equal(log.steps, i);
	}
	assert_true(gremc_job_run(&job, 0));
	assert_int_equal(gremc_job_finish(&job), 7);
	assert_false(job.is_active);
	assert_false(gremc_job_pause()); /* outside a job */
}

static void test_job_runs_to_its_end(void **state)
{
	struct gremc_job job = {0};
	struct job_log log = {0};

	(void)state;
	assert_int_equal(gremc_job_start(&job, "job", count_steps, &log), 0);
	assert_true(gremc_job_run(&job, GREMC_JOB_TO_END));
	assert_int_equal(log.steps, STEPS);
	assert_int_equal(gremc_job_finish(&job), 7);
}

static void test_cancelled_job_ends_at_its_next_pause(void **state)
{
	struct gremc_job job = {0};
	struct job_log log = {0};

	(void)state;
	assert_int_equal(gremc_job_start(&job, "job", count_steps, &log), 0);
	assert_false(gremc_job_run(&job, 0));
	gremc_job_cancel(&job);
	assert_true(gremc_job_run(&job, 0));
	assert_int_equal(log.steps, 1);
	assert_int_equal(gremc_job_finish(&job), -ECANCELED);
}

#if GREMC_ASSERTS
static void test_job_has_the_roles_of_its_owner(void **state)
{
	struct gremc_job job = {0};
	struct job_log log = {0};

	(void)state;
	gremc_role_register(GREMC_ROLE_CONTROL);
	assert_int_equal(gremc_job_start(&job, "job", count_steps, &log), 0);
	assert_false(gremc_job_run(&job, 0));
	assert_true(log.is_control);
	assert_true(gremc_role_is_allowed(GREMC_ROLE_CONTROL));
	assert_true(gremc_job_run(&job, GREMC_JOB_TO_END));
	assert_true(gremc_role_is_allowed(GREMC_ROLE_CONTROL));
	assert_int_equal(gremc_job_finish(&job), 7);
	gremc_role_unregister(GREMC_ROLE_CONTROL);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_and_owner_take_turns),
		cmocka_unit_test(test_job_runs_to_its_end),
		cmocka_unit_test(test_cancelled_job_ends_at_its_next_pause),
#if GREMC_ASSERTS
		cmocka_unit_test(test_job_has_the_roles_of_its_owner),
#endif
	};

	return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
