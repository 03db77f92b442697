/* SPDX-License-Identifier: BSD-3-Clause */
/* Transactions of the control plane: each step of a reload fails once, and the running configuration forwards
 * as before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "control_world.h"
#include "port/port_priv.h"

/* The state and the replicas of each configuration, and its state while tunnel number 2 has a member. */
struct expected {
	char *state, *replicas, *with_member;
};

/* Change the memberships in a group without a static mroute, and in one that has one. */
static void members_set(struct world *world, enum gremc_igmp_request request)
{
	static const struct gremc_addr groups[] = {GREMC_ADDR_IPV4(RTE_BE32(0xef070707)),
						   GREMC_ADDR_IPV4(RTE_BE32(0xef010101))};
	const struct gremc_addr any = {0};
	struct gremc_control *control = world->control;

	for (unsigned i = 0; i < RTE_DIM(groups); i++)
		assert_int_equal(gremc_rib_member_set(control->membership.rib, control->map.interface[2],
						      &any, &groups[i], request),
				 0);
	gremc_membership_flush(control, gremc_clock_ms());
}

/* The static routes of the rib, and its map from interfaces to vifs, must be those of the running
 * configuration. */
static char *state_with_member(struct world *world)
{
	char *state;

	members_set(world, GREMC_IGMP_INCLUDE);
	state = world_state(world, STATE_CONTENT);
	members_set(world, GREMC_IGMP_NONE);
	world_settle(world);
	return state;
}

static struct expected expected_of(struct world *world, const char *yaml)
{
	world_apply(world, yaml);
	return (struct expected){world_state(world, STATE_CONTENT), world_forward(world),
				 state_with_member(world)};
}

static void expected_check(struct world *world, const struct expected *expected)
{
	char *state = world_state(world, STATE_CONTENT), *replicas = world_forward(world);
	char *with_member = state_with_member(world);

	assert_string_equal(state, expected->state);
	assert_string_equal(replicas, expected->replicas);
	assert_string_equal(with_member, expected->with_member);
	free(state);
	free(replicas);
	free(with_member);
}

static void expected_free(struct expected *expected)
{
	free(expected->state);
	free(expected->replicas);
	free(expected->with_member);
}

static void state_check(const struct world *world, char *before)
{
	char *now = world_state(world, STATE_EXACT);

	assert_string_equal(now, before);
	free(now);
	free(before);
}

/* ---- failures ---- */

/* Apply `changed` with faults from call `first` on. Returns: whether there was such a call. */
static bool apply_with_faults(struct world *world, unsigned first, enum faults faults,
			      const struct expected *old, const struct expected *new)
{
	struct gremc_config *config = world_load(changed);
	struct gremc_errors errors = {0};
	char *before = world_state(world, STATE_EXACT);
	bool has_failed;
	int rc;

	faults_begin(first, faults);
	rc = gremc_control_apply(world->control, config, &errors);
	has_failed = faults_end();
	world_settle(world);
	if (rc) {
		assert_true(has_failed);
		state_check(world, before);
		expected_check(world, old);
		gremc_config_free(config);
	} else {
		free(before);
		expected_check(world, new);
		world_apply(world, running);
		expected_check(world, old);
	}
	gremc_errors_fini(&errors);
	return has_failed;
}

static void each_call_fails(struct world *world, enum faults faults)
{
	struct expected new = expected_of(world, changed), old = expected_of(world, running);
	unsigned first = 1;

	assert_string_not_equal(new.state, old.state);
	assert_string_not_equal(new.replicas, old.replicas);
	while (apply_with_faults(world, first, faults, &old, &new))
		first++;
	print_message("%u calls can fail\n", first - 1);
	assert_true(first > 40); /* a proof that calls were counted */
	expected_free(&old);
	expected_free(&new);
}

static void test_each_failure_of_a_reload_is_undone_or_repaired(void **state)
{
	each_call_fails(*state, FAULT_ONE);
}

static void test_lasting_failure_of_a_reload_is_undone_or_repaired(void **state)
{
	each_call_fails(*state, FAULT_ALL);
}

static void test_reload_is_refused_if_the_nic_has_no_space(void **state)
{
	struct world *world = *state;
	struct expected old = expected_of(world, running);
	struct gremc_config *config = world_load(changed);
	struct gremc_errors errors = {0};
	char *before = world_state(world, STATE_EXACT);

	flow_space_set(0);
	assert_int_not_equal(gremc_control_apply(world->control, config, &errors), 0);
	assert_non_null(strstr(errors.text, "ethernets.nic0: cannot steer"));
	assert_int_equal(errors.count, 1);
	flow_space_set(64);
	world_settle(world);
	state_check(world, before);
	expected_check(world, &old);
	gremc_config_free(config);
	gremc_errors_fini(&errors);
	world_apply(world, changed);
	expected_free(&old);
}

/* ---- cancellation ---- */

struct apply {
	struct gremc_control *control;
	struct gremc_config *config;
	struct gremc_errors errors;
};

static int apply_run(void *argument)
{
	struct apply *apply = argument;

	return gremc_control_apply(apply->control, apply->config, &apply->errors);
}

/* Apply `changed` in a job that pauses as often as it can, and is cancelled at pause `pause`. Returns: the
 * result of the job. */
static int apply_cancelled(struct world *world, unsigned pause)
{
	struct apply apply = {.control = world->control, .config = world_load(changed)};
	struct gremc_job job = {0};
	int rc;

	assert_int_equal(gremc_job_start(&job, "test", apply_run, &apply), 0);
	for (unsigned i = 0; !gremc_job_run(&job, 0); i++)
		if (i == pause)
			gremc_job_cancel(&job);
	rc = gremc_job_finish(&job);
	if (rc)
		gremc_config_free(apply.config);
	assert_int_equal(apply.errors.count, 0);
	world_settle(world);
	return rc;
}

static void test_reload_is_cancelled_at_each_pause_before_it_takes_effect(void **state)
{
	struct world *world = *state;
	struct expected new = expected_of(world, changed), old = expected_of(world, running);
	unsigned pause = 0;

	for (;; pause++) {
		char *before = world_state(world, STATE_EXACT);

		if (apply_cancelled(world, pause) == 0) {
			free(before);
			break;
		}
		state_check(world, before);
		expected_check(world, &old);
	}
	assert_true(pause > 10);
	expected_check(world, &new);
	expected_free(&old);
	expected_free(&new);
}

/* ---- a shared port that resets ---- */

/* The recovery of a device whose flow rules a paused job changes must wait. */
static void recovery_waits_check(struct world *world)
{
	struct gremc_port_set *set = gremc_port_set_of(world->context.ports);
	struct gremc_port_state *state = &set->state[1];

	state->lower_count = 1;
	state->lower[0].need = GREMC_LOWER_NEEDS_RESET;
	assert_int_equal(gremc_port_recover(set, 1, gremc_clock_ms()), 1);
	assert_int_equal(state->phase, GREMC_PHASE_OPEN);
	state->lower[0].need = GREMC_LOWER_NEEDS_NOTHING;
}

/* Reset the device of nic0, which loses its flow rules, unless its recovery has to wait. Returns: whether it
 * was reset. */
static bool shared_port_reset(struct world *world)
{
	struct gremc_port_set *set = gremc_port_set_of(world->context.ports);
	struct gremc_steer *steer = set->state[1].steer;
	const struct gremc_steer_device device =
		gremc_port_steer_device(&set->state[1], world->context.ports->port[1]);
	struct gremc_errors errors = {0};

	if (gremc_steer_is_busy(steer)) {
		recovery_waits_check(world);
		return false;
	}
	gremc_steer_halt(steer);
	assert_int_equal(gremc_steer_isolate(steer, &device, &errors), 0);
	assert_int_equal(gremc_steer_restore(steer, &device), 0);
	return true;
}

static void test_steering_is_restored_if_a_port_resets_at_any_pause_of_a_reload(void **state)
{
	struct world *world = *state;
	struct expected new = expected_of(world, changed), old = expected_of(world, running);
	unsigned waits = 0;
	bool is_reset = true;

	for (unsigned pause = 0; is_reset; pause++) {
		struct apply apply = {.control = world->control, .config = world_load(changed)};
		struct gremc_job job = {0};

		is_reset = false;
		assert_int_equal(gremc_job_start(&job, "test", apply_run, &apply), 0);
		for (unsigned i = 0; !gremc_job_run(&job, 0); i++) {
			if (i < pause || is_reset)
				continue;
			is_reset = shared_port_reset(world);
			waits += !is_reset;
		}
		assert_int_equal(gremc_job_finish(&job), 0);
		world_settle(world);
		expected_check(world, &new);
		world_apply(world, running);
		expected_check(world, &old);
	}
	assert_true(waits > 0); /* a proof that the job pauses between flow rules */
	expected_free(&old);
	expected_free(&new);
}

/* ---- the control loop ---- */

/* Run the control loop until a reload has ended. Returns: whether it was applied. */
static bool reload_run(struct world *world)
{
	struct gremc_control *control = world->control;
	const uint64_t reloads = gremc_u64_load(&control->reloads);
	const uint64_t errors = gremc_u64_load(&control->reload_errors);

	gremc_control_reload(control);
	while (gremc_u64_load(&control->reloads) == reloads &&
	       gremc_u64_load(&control->reload_errors) == errors) {
		struct epoll_event event;
		const struct gremc_watch *watch;

		if (epoll_wait(control->epoll, &event, 1, gremc_control_poll(control)) != 1)
			continue;
		watch = event.data.ptr;
		watch->ready(watch->argument);
	}
	world_settle(world);
	return gremc_u64_load(&control->reloads) != reloads;
}

static void test_control_loop_loads_and_applies_a_reload(void **state)
{
	struct world *world = *state;
	struct expected new = expected_of(world, changed), old = expected_of(world, running);

	world_file_write(changed);
	assert_true(reload_run(world));
	expected_check(world, &new);
	world_file_write("tunnels: [");
	assert_false(reload_run(world));
	expected_check(world, &new);
	world_file_write(running);
	assert_true(reload_run(world));
	expected_check(world, &old);
	expected_free(&old);
	expected_free(&new);
}

static void test_stop_abandons_a_reload_that_is_loading(void **state)
{
	struct world *world = *state;
	struct expected old = expected_of(world, running);

	world_file_write(changed);
	gremc_control_reload(world->control);
	gremc_control_poll(world->control);
	assert_non_null(world->control->reload.loading);
	gremc_reload_fini(&world->control->reload);
	world->control->reload = (struct gremc_reload){0};
	expected_check(world, &old);
	expected_free(&old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_failure_of_a_reload_is_undone_or_repaired),
		cmocka_unit_test(test_lasting_failure_of_a_reload_is_undone_or_repaired),
		cmocka_unit_test(test_reload_is_refused_if_the_nic_has_no_space),
		cmocka_unit_test(test_reload_is_cancelled_at_each_pause_before_it_takes_effect),
		cmocka_unit_test(test_steering_is_restored_if_a_port_resets_at_any_pause_of_a_reload),
		cmocka_unit_test(test_control_loop_loads_and_applies_a_reload),
		cmocka_unit_test(test_stop_abandons_a_reload_that_is_loading),
	};

	return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
