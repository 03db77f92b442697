/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands, their registration, and the guard around each answer. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

#include "telemetry/telemetry_priv.h"

/* DPDK rejects a longer help text at run time. */
#define GREMC_HELP(name, parameters, text) text " Parameters: /gremc/" #name parameters
#define GREMC_X(name, parameters, least, most, rcu, text)                                                    \
	static_assert(sizeof(GREMC_HELP(name, parameters, text)) <= 128, "DPDK takes no longer help");
GREMC_COMMANDS(GREMC_X)
#undef GREMC_X

#define GREMC_X(name, parameters, least, most, rcu, text)                                                    \
	{"/gremc/" #name,     parameters, GREMC_HELP(name, parameters, text), least, most, rcu,              \
	 gremc_command_##name},
const struct gremc_command gremc_commands[] = {GREMC_COMMANDS(GREMC_X)};
#undef GREMC_X
const unsigned gremc_command_count = RTE_DIM(gremc_commands);

void gremc_telemetry_reference(FILE *out)
{
	for (unsigned i = 0; i < gremc_command_count; i++) {
		const struct gremc_command *command = &gremc_commands[i];

		fprintf(out, "%s%s\n    %.*s\n", command->path, command->parameters,
			(int)(strstr(command->help, " Parameters:") - command->help), command->help);
	}
}

/* Callbacks hold the lock shared; start and stop hold it exclusively and have priority over new callbacks. */
static struct {
	pthread_rwlock_t lock;
	struct gremc_telemetry telemetry;
	bool registered, running;
	uint64_t start_cycles;
	uint64_t age; /* seconds that the program had been up at gremc_telemetry_start() */
} telemetry_state = {.lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP};

/* Split the parameters at commas. Surplus arguments are counted, so that the caller rejects them. */
static bool query_arguments_split(struct gremc_query *query, const char *parameters)
{
	char *rest = query->text, *argument;

	if (parameters == NULL || *parameters == '\0')
		return true;
	if (!gremc_text_copy(query->text, sizeof(query->text), parameters))
		return false;
	while ((argument = strsep(&rest, ",")) != NULL) {
		if (query->argument_count < RTE_DIM(query->argument))
			query->argument[query->argument_count] = argument;
		query->argument_count++;
	}
	return true;
}

/* Answer as an RCU reader: every object that the command reads stays valid until the end. */
static void query_answer_online(struct gremc_query *query)
{
	struct gremc_rcu *rcu = query->telemetry->rcu;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(rcu);
	int slot = gremc_rcu_reader_register(rcu);

	if (slot < 0) {
		gremc_query_error(query, "all %d reader slots are taken; ask again", GREMC_RCU_READERS);
		return;
	}
	rte_rcu_qsbr_thread_online(qsbr, slot);
	query->command->answer(query);
	rte_rcu_qsbr_thread_offline(qsbr, slot);
	gremc_rcu_reader_unregister(rcu, slot);
}

/* Wait until the table of mroutes has every membership that the reply shows. The wait is bounded, because the
 * control thread may be stopping. */
static void table_changes_wait(const struct gremc_telemetry *telemetry)
{
	const struct timespec pause = {.tv_nsec = 100000};
	uint64_t changes, deadline;

	if (telemetry->igmp_changes == NULL)
		return;
	changes = gremc_u64_load_acquire(telemetry->igmp_changes);
	deadline = rte_rdtsc() + rte_get_tsc_hz();
	while ((int64_t)(changes - gremc_u64_load_acquire(telemetry->igmp_applied)) > 0 &&
	       rte_rdtsc() < deadline)
		nanosleep(&pause, NULL);
}

static void query_answer(struct gremc_query *query, const char *parameters)
{
	const struct gremc_command *command = query->command;

	if (!telemetry_state.running) {
		gremc_query_error(query, "the program is stopping; ask again when it runs");
		return;
	}
	if (!query_arguments_split(query, parameters)) {
		gremc_query_error(query, "parameters of more than %d bytes; right would be %s%s",
				  GREMC_QUERY_TEXT - 1, command->path, command->parameters);
		return;
	}
	if (query->argument_count < command->least || query->argument_count > command->most) {
		gremc_query_error(query, "parameters given: %u; right would be %s%s", query->argument_count,
				  command->path, command->parameters);
		return;
	}
	query->telemetry = &telemetry_state.telemetry;
	query->cycles = rte_rdtsc() - telemetry_state.start_cycles;
	query->uptime = telemetry_state.age + query->cycles / rte_get_tsc_hz();
	if (command->rcu)
		query_answer_online(query);
	else
		command->answer(query);
	table_changes_wait(query->telemetry);
	if (query->no_memory)
		gremc_query_error(query, "out of memory: this reply is not complete; ask again");
	else if (gremc_reply_is_full())
		gremc_query_error(query, "this reply is not complete: a value does not fit in it");
}

int gremc_telemetry_answer(const char *path, const char *parameters, struct rte_tel_data *reply)
{
	struct gremc_query query = {.reply = reply};

	for (unsigned i = 0; i < gremc_command_count; i++) {
		if (strcmp(path, gremc_commands[i].path) == 0)
			query.command = &gremc_commands[i];
	}
	if (query.command == NULL)
		return -ENOENT;
	gremc_reply_begin();
	if (rte_tel_data_start_dict(reply))
		return -EINVAL;
	pthread_rwlock_rdlock(&telemetry_state.lock);
	query_answer(&query, parameters);
	pthread_rwlock_unlock(&telemetry_state.lock);
	return 0;
}

static int commands_register(void)
{
	for (unsigned i = 0; i < gremc_command_count; i++) {
		int rc = rte_telemetry_register_cmd(gremc_commands[i].path, gremc_telemetry_answer,
						    gremc_commands[i].help);

		if (rc < 0) {
			GREMC_LOG(ERR, "telemetry: command %s not registered: %s", gremc_commands[i].path,
				  strerror(-rc));
			return rc;
		}
	}
	return 0;
}

int gremc_telemetry_start(const struct gremc_telemetry *telemetry)
{
	uint64_t now = time(NULL);
	int rc = 0;

	pthread_rwlock_wrlock(&telemetry_state.lock);
	if (telemetry_state.running) {
		rc = -EALREADY;
		goto out;
	}
	/* commands cannot be unregistered, so they are registered once */
	if (!telemetry_state.registered)
		rc = commands_register();
	if (rc)
		goto out;
	telemetry_state.registered = true;
	telemetry_state.telemetry = *telemetry;
	/* the uptime follows the TSC, because the wall clock may be set */
	telemetry_state.age = now > telemetry->started ? now - telemetry->started : 0;
	telemetry_state.start_cycles = rte_rdtsc();
	telemetry_state.running = true;
out:
	pthread_rwlock_unlock(&telemetry_state.lock);
	return rc;
}

void gremc_telemetry_stop(void)
{
	pthread_rwlock_wrlock(&telemetry_state.lock);
	telemetry_state.running = false;
	pthread_rwlock_unlock(&telemetry_state.lock);
}
