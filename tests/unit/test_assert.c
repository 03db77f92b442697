/* SPDX-License-Identifier: BSD-3-Clause */
/* Contract assertions. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "test.h"

#if GREMC_ASSERTS
/* Returns true if a process that calls `check` aborts. */
static bool contract_aborts(void (*check)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* the message of the violated contract is expected */
		fclose(stderr);
		check();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void check_false(void)
{
	gremc_assert(1 + 1 == 3);
}

static void check_control_thread(void)
{
	gremc_assert_control_thread();
}

static void check_worker(void)
{
	gremc_assert_worker();
}

static void register_control(void)
{
	gremc_role_register(GREMC_ROLE_CONTROL);
}

static pthread_mutex_t contract_mutex = PTHREAD_MUTEX_INITIALIZER;

static void check_locked(void)
{
	gremc_assert_locked(&contract_mutex);
}

static void *check_on_a_thread(void *check)
{
	((void (*)(void))(uintptr_t)check)();
	return NULL;
}

static void check_control_on_another_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, check_on_a_thread, (void *)(uintptr_t)check_control_thread);
	pthread_join(thread, NULL);
}

static void test_violated_contract_aborts(void **state)
{
	(void)state;
	assert_true(contract_aborts(check_false));
	assert_true(contract_aborts(check_locked));
	pthread_mutex_lock(&contract_mutex);
	assert_false(contract_aborts(check_locked));
	pthread_mutex_unlock(&contract_mutex);
}

static void test_thread_contract_holds_for_registered_thread(void **state)
{
	(void)state;
	/* no thread has a role */
	assert_false(contract_aborts(check_control_thread));
	assert_false(contract_aborts(check_worker));
	assert_false(contract_aborts(check_control_on_another_thread));
	register_control();
	assert_false(contract_aborts(check_control_thread));
	assert_true(contract_aborts(check_control_on_another_thread));
	assert_true(contract_aborts(register_control));
	assert_false(contract_aborts(check_worker));
	gremc_role_unregister(GREMC_ROLE_CONTROL);
	assert_false(contract_aborts(check_control_on_another_thread));
}
#else
static void test_assertion_is_not_evaluated(void **state)
{
	int evaluated = 0;

	(void)state;
	gremc_assert(evaluated++ == 1);
	assert_int_equal(evaluated, 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#if GREMC_ASSERTS
		cmocka_unit_test(test_violated_contract_aborts),
		cmocka_unit_test(test_thread_contract_holds_for_registered_thread),
#else
		cmocka_unit_test(test_assertion_is_not_evaluated),
#endif
	};

	return cmocka_run_group_tests_name("assert", tests, NULL, NULL);
}
