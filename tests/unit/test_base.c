/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <numa.h>
#include <numaif.h>

#include "base/base.h"
#include "base/job.h"
#include "base/map.h"
#include "test.h"

static void test_ipv4_parse_accepts_only_dotted_quads(void **state)
{
	static const char *const bad[] = {"",         "1.2.3",    "1.2.3.4.5", "256.1.1.1",
					  " 1.2.3.4", "1.2.3.4 ", "a.b.c.d"};
	char text[GREMC_IPV4_TEXT];
	rte_be32_t address = 7;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		assert_int_equal(gremc_ipv4_parse(bad[i], &address), -EINVAL);
		assert_int_equal(address, 7);
	}
	assert_int_equal(gremc_ipv4_parse("::1.2.3.4", &address), -EAFNOSUPPORT);
	assert_int_equal(address, 7);
	assert_int_equal(gremc_ipv4_parse("239.1.2.255", &address), 0);
	assert_int_equal(address, RTE_BE32(0xef0102ff));
	assert_string_equal(gremc_ipv4_format(text, address), "239.1.2.255");
}

static void test_text_copy_cuts_and_reports_it(void **state)
{
	char text[4] = "xyz";

	(void)state;
	assert_true(gremc_text_copy(text, sizeof(text), "ab"));
	assert_string_equal(text, "ab");
	assert_true(gremc_text_copy(text, sizeof(text), "abc"));
	assert_string_equal(text, "abc");
	assert_false(gremc_text_copy(text, sizeof(text), "abcd"));
	assert_string_equal(text, "abc");
	assert_false(gremc_text_copy(text, 1, "a"));
	assert_string_equal(text, "");
	assert_true(gremc_text_copy(text, 1, ""));
}

static void test_mac_format_is_lower_case(void **state)
{
	const struct rte_ether_addr mac = {{0x02, 0x00, 0x5e, 0xab, 0xCD, 0x1f}};
	char text[GREMC_MAC_TEXT];

	(void)state;
	assert_string_equal(gremc_mac_format(text, &mac), "02:00:5e:ab:cd:1f");
}

static void test_address_classes_follow_their_prefixes(void **state)
{
	(void)state;
	assert_false(gremc_ipv4_is_multicast(RTE_BE32(0xdfffffff)));
	assert_true(gremc_ipv4_is_multicast(RTE_BE32(0xe0000000)));
	assert_true(gremc_ipv4_is_multicast(RTE_BE32(0xefffffff)));
	assert_false(gremc_ipv4_is_multicast(RTE_BE32(0xf0000000)));
	assert_true(gremc_ipv4_is_link_local_group(RTE_BE32(0xe00000ff)));
	assert_false(gremc_ipv4_is_link_local_group(RTE_BE32(0xe0000100)));
	assert_true(gremc_ipv4_is_ssm(RTE_BE32(0xe8ffffff)));
	assert_false(gremc_ipv4_is_ssm(RTE_BE32(0xe9000000)));
}

static void test_errors_keep_every_line_with_its_place(void **state)
{
	struct gremc_errors errors = {0};

	(void)state;
	gremc_errors_add(&errors, "a.yaml", 3, 14, "unknown key `%s`", "remot");
	gremc_errors_add(&errors, "a.yaml", 0, 0, "cannot be read");
	gremc_errors_add(&errors, NULL, 0, 0, "out of memory");
	assert_int_equal(errors.count, 3);
	assert_string_equal(errors.text,
			    "a.yaml:3:14: unknown key `remot`\na.yaml: cannot be read\nout of memory\n");
	gremc_errors_fini(&errors);
	assert_int_equal(errors.count, 0);
	assert_null(errors.text);
}

static void test_reserved_memory_is_zero(void **state)
{
	const size_t size = 64 << 20;
	uint8_t *memory = gremc_memory_reserve(size, -1);

	(void)state;
	assert_non_null(memory);
	assert_int_equal(memory[0] | memory[size / 2] | memory[size - 1], 0);
	memory[size - 1] = 1;
	gremc_memory_release(memory, size);
	gremc_memory_release(NULL, size);
}

static void test_nodes_are_indexed_in_order_of_addition(void **state)
{
	struct gremc_nodes nodes = {0};

	(void)state;
	assert_int_equal(gremc_nodes_index(&gremc_nodes_any, 3), 0);
	gremc_nodes_add(&nodes, 1);
	gremc_nodes_add(&nodes, 0);
	gremc_nodes_add(&nodes, 1);
	assert_int_equal(nodes.count, 2);
	assert_int_equal(gremc_nodes_index(&nodes, 1), 0);
	assert_int_equal(gremc_nodes_index(&nodes, 0), 1);
	assert_int_equal(gremc_nodes_index(&nodes, 2), 0);
	for (uint32_t i = 0; i < 2 * GREMC_NODES_MAX; i++)
		gremc_nodes_add(&nodes, (int)i);
	assert_int_equal(nodes.count, GREMC_NODES_MAX);
}

/* A node that does not exist gets memory of another one. */
static void test_memory_is_reserved_on_its_node(void **state)
{
	(void)state;
	for (int socket = 0; socket < (int)GREMC_NODES_MAX; socket += 31) {
		uint8_t *memory = gremc_memory_reserve(4096, socket);

		assert_non_null(memory);
		memory[4095] = 1;
		gremc_memory_release(memory, 4096);
	}
}

/* ---- the limited log ---- */

static char *log_text;

static unsigned log_lines_count(const char *what)
{
	unsigned count = 0;

	for (const char *at = log_text; at && (at = strstr(at, what)); at++)
		count++;
	return count;
}

/* Five lines per statement, then one with the number of the lines left out; each statement has its own limit.
 */
static void test_log_limit_counts_lines_left_out(void **state)
{
	struct gremc_log_limit limit = {0}, other = {0};
	uint64_t before = gremc_log_left_out();
	size_t size;
	FILE *stream = open_memstream(&log_text, &size);

	(void)state;
	rte_log_set_level(gremc_logtype, RTE_LOG_INFO);
	rte_openlog_stream(stream);
	for (unsigned i = 0; i < 1000; i++)
		gremc_log_limited(&limit, RTE_LOG_ERR, "join number %u", i);
	gremc_log_limited(&other, RTE_LOG_ERR, "another one");
	fflush(stream);
	assert_int_equal(log_lines_count("join number"), GREMC_LOG_BURST);
	assert_int_equal(log_lines_count("gremc: another one\n"), 1);
	assert_int_equal(gremc_log_left_out() - before, 1000 - GREMC_LOG_BURST);
	assert_in_range(gremc_log_report(false), 1, GREMC_LOG_WINDOW);
	gremc_log_report(true);
	assert_int_equal(gremc_log_report(false), -1);
	fflush(stream);
	assert_int_equal(log_lines_count("left out 995 more lines like: join number 5\n"), 1);
	/* the interval has ended: five more lines, and no report before one is left out */
	limit.begin -= GREMC_LOG_WINDOW;
	for (unsigned i = 0; i < 7; i++)
		gremc_log_limited(&limit, RTE_LOG_ERR, "leave number %u", i);
	fflush(stream);
	assert_int_equal(log_lines_count("leave number"), GREMC_LOG_BURST);
	limit.begin -= GREMC_LOG_WINDOW;
	assert_int_equal(gremc_log_report(false), -1);
	fflush(stream);
	assert_int_equal(log_lines_count("left out 2 more lines like: leave number 5\n"), 1);
	rte_openlog_stream(NULL);
	fclose(stream);
	free(log_text);
}

/* ---- log ---- */

/* Each line begins with its level, regardless of how a message is split into writes. */
static void test_log_lines_start_with_their_level(void **state)
{
	static const struct {
		const char *message, *text, *journal;
		uint32_t level;
	} cases[] = {
		{"gremc: one\n", "warning: gremc: one\n", "<4>gremc: one\n", RTE_LOG_WARNING},
		{"a\nb\n", "error: a\nerror: b\n", "<3>a\n<3>b\n", RTE_LOG_ERR},
		{"begin", "info: begin", "<6>begin", RTE_LOG_INFO},
		{" end\nnext\n", " end\ninfo: next\n", " end\n<6>next\n", RTE_LOG_INFO},
		{"\n", "debug: \n", "<7>\n", RTE_LOG_DEBUG},
		{"", "", "", RTE_LOG_NOTICE},
		{"x\n", "emergency: x\n", "<0>x\n", RTE_LOG_EMERG},
		{"y\n", "debug: y\n", "<7>y\n", 99},
	};

	(void)state;
	for (unsigned journal = 0; journal < 2; journal++) {
		bool is_inside = false;

		for (unsigned i = 0; i < RTE_DIM(cases); i++) {
			char *text = gremc_log_lines(cases[i].message, strlen(cases[i].message),
						     cases[i].level, journal, &is_inside);

			assert_string_equal(text, journal ? cases[i].journal : cases[i].text);
			free(text);
		}
	}
}

/* ---- the runtime directory ---- */

static char runtime[] = "/tmp/gremc-runtime-XXXXXX";

static char *runtime_path(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", runtime, name);
	return path;
}

static void runtime_file_make(const char *name)
{
	int fd = open(runtime_path(name), O_CREAT | O_RDWR, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static bool runtime_file_exists(const char *name)
{
	return access(runtime_path(name), F_OK) == 0;
}

/* A telemetry socket; after it is closed, it has no listener. */
static int runtime_socket_listen(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", runtime, name);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void runtime_files_make(void)
{
	runtime_file_make("config");
	runtime_file_make("fbarray_memzone");
	runtime_file_make("hugepage_info");
	runtime_file_make("mp_socket");
}

/* Another primary process, which runs until the test ends it. */
static pid_t runtime_config_hold(int *control)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int down[2], up[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(down), 0);
	assert_int_equal(pipe(up), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(down[1]);
		if (fcntl(open(runtime_path("config"), O_RDWR), F_SETLK, &lock) ||
		    write(up[1], &byte, 1) != 1)
			_exit(1);
		_exit(read(down[0], &byte, 1) < 0);
	}
	assert_int_equal(read(up[0], &byte, 1), 1);
	close(down[0]);
	close(up[0]);
	close(up[1]);
	*control = down[1];
	return pid;
}

/* Files of a running process stay; files of ended processes and the empty directory are removed. */
static void test_runtime_remove_deletes_only_leftovers(void **state)
{
	int control, alive, status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(runtime));
	runtime_files_make();
	runtime_file_make("gremc-own");
	alive = runtime_socket_listen("dpdk_telemetry.v2");
	close(runtime_socket_listen("dpdk_telemetry.v2:1"));
	assert_int_equal(gremc_runtime_holder(runtime), 0);
	pid = runtime_config_hold(&control);
	assert_int_equal(gremc_runtime_holder(runtime), pid);
	gremc_runtime_remove(runtime);
	assert_true(runtime_file_exists("config") && runtime_file_exists("fbarray_memzone") &&
		    runtime_file_exists("hugepage_info") && runtime_file_exists("mp_socket") &&
		    runtime_file_exists("dpdk_telemetry.v2") && runtime_file_exists("gremc-own"));
	assert_false(runtime_file_exists("dpdk_telemetry.v2:1"));
	close(control);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* no primary process, but one without shared files */
	gremc_runtime_remove(runtime);
	assert_false(runtime_file_exists("config") || runtime_file_exists("fbarray_memzone") ||
		     runtime_file_exists("hugepage_info") || runtime_file_exists("mp_socket"));
	assert_true(runtime_file_exists("dpdk_telemetry.v2") && runtime_file_exists("gremc-own"));
	close(alive);
	assert_int_equal(unlink(runtime_path("gremc-own")), 0);
	runtime_files_make();
	gremc_runtime_remove(runtime);
	assert_int_not_equal(access(runtime, F_OK), 0);
	gremc_runtime_remove(runtime);
}

/* Memory prefers its node without a binding to it, because a full node would start the OOM killer. */
static void test_reserved_node_is_preferred_not_bound(void **state)
{
	const size_t size = 1 << 20;

	(void)state;
	if (numa_available() < 0)
		skip();
	for (int node = 0; node <= numa_max_node(); node++) {
		unsigned long mask[1024 / (8 * sizeof(unsigned long))] = {0};
		uint8_t *memory = gremc_memory_reserve(size, node);
		int mode = -1;

		assert_non_null(memory);
		assert_int_equal(get_mempolicy(&mode, mask, 1024, memory + size / 2, MPOL_F_ADDR), 0);
		if (numa_bitmask_isbitset(numa_all_nodes_ptr, node)) {
			assert_int_equal(mode, MPOL_PREFERRED);
			assert_int_equal(mask[0], 1UL << node);
		} else {
			assert_int_equal(mode, MPOL_DEFAULT);
		}
		gremc_memory_release(memory, size);
	}
}

static struct gremc_addr addr_of(const char *text)
{
	struct gremc_addr addr;

	assert_int_equal(gremc_addr_parse(text, &addr), 0);
	return addr;
}

static void test_addr_parse_accepts_both_families(void **state)
{
	static const char *const good[] = {"0.0.0.0", "239.1.2.3", "::", "ff05::1:3", "2001:db8::192.0.2.1"};
	static const char *const bad[] = {"",     "1.2.3",   "1.2.3.4.5", " ::1",
					  "::1 ", "12345::", "::1%eth0",  "1.2.3.4/8"};
	struct gremc_addr addr = {.family = 7}, before = addr;
	char text[GREMC_ADDR_TEXT];

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		assert_int_equal(gremc_addr_parse(bad[i], &addr), -EINVAL);
		assert_memory_equal(&addr, &before, sizeof(addr));
	}
	for (unsigned i = 0; i < RTE_DIM(good); i++) {
		addr = addr_of(good[i]);
		assert_int_equal(addr.family, strchr(good[i], ':') ? GREMC_FAMILY_IPV6 : GREMC_FAMILY_IPV4);
		assert_string_equal(gremc_addr_format(text, &addr),
				    strcmp(good[i], "2001:db8::192.0.2.1") ? good[i] : "2001:db8::c000:201");
	}
	assert_string_equal(gremc_addr_format(text, &(struct gremc_addr){.family = 0}), "none");
	addr = gremc_addr_from_ipv4(RTE_BE32(0xef010203));
	before = addr_of("239.1.2.3");
	assert_true(gremc_addr_is_equal(&addr, &before));
}

static void test_addr_order_and_hash_follow_family_and_value(void **state)
{
	static const char *const ascending[] = {"0.0.0.0", "9.255.0.0", "10.0.0.0", "255.0.0.1",
						"::",      "::a00:0",   "ff02::1"};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(ascending); i++)
		for (unsigned j = 0; j < RTE_DIM(ascending); j++) {
			const struct gremc_addr a = addr_of(ascending[i]), b = addr_of(ascending[j]);

			assert_int_equal(gremc_addr_compare(&a, &b) > 0, i > j);
			assert_int_equal(gremc_addr_compare(&a, &b) < 0, i < j);
			assert_int_equal(gremc_addr_is_equal(&a, &b), i == j);
			assert_int_equal(gremc_addr_hash(&a, 5) == gremc_addr_hash(&b, 5), i == j);
			assert_int_not_equal(gremc_addr_hash(&a, 5), gremc_addr_hash(&b, 6));
			assert_int_equal(gremc_addr_is_multicast(&a), strcmp(ascending[i], "ff02::1") == 0);
		}
}

static void test_prefix_covers_its_range(void **state)
{
	static const struct {
		const char *text, *prefix, *inside, *outside;
		bool has_host_bits;
	} good[] = {
		{"239.1.2.3/8", "239.0.0.0/8", "239.255.255.255", "240.0.0.0", true},
		{"239.1.2.3", "239.1.2.3/32", "239.1.2.3", "239.1.2.2", false},
		{"0.0.0.0/0", "0.0.0.0/0", "255.1.1.1", "::", false},
		{"ff3e::8000:1/97", "ff3e::8000:0/97", "ff3e::ffff:ffff", "ff3e::7fff:ffff", true},
		{"ff00::/8", "ff00::/8", "ff05::2", "fe80::1", false},
		{"::/0", "::/0", "ff05::2", "1.2.3.4", false},
	};
	static const struct {
		const char *text;
		int rc;
	} bad[] = {{"", -EINVAL},
		   {"/8", -EINVAL},
		   {"1.2.3.4/", -EINVAL},
		   {"::/-1", -EINVAL},
		   {"::/8x", -EINVAL},
		   {"1.2.3.4/33", -ERANGE},
		   {"::/129", -ERANGE},
		   {"1.2.3.4/ 8", -EINVAL},
		   {"1.2.3/8", -EINVAL},
		   {"1.2.3.4/999", -ERANGE},
		   {"1111.2.3.4444/8", -EINVAL}};
	struct gremc_prefix prefix;
	char text[GREMC_PREFIX_TEXT];
	struct gremc_addr address;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(bad); i++)
		assert_int_equal(gremc_prefix_parse(bad[i].text, &prefix, NULL), bad[i].rc);
	for (unsigned i = 0; i < RTE_DIM(good); i++) {
		const struct gremc_addr inside = addr_of(good[i].inside), outside = addr_of(good[i].outside);

		assert_int_equal(gremc_prefix_parse(good[i].text, &prefix, &address), 0);
		assert_string_equal(gremc_prefix_format(text, &prefix), good[i].prefix);
		assert_int_equal(gremc_addr_is_equal(&address, &prefix.address), !good[i].has_host_bits);
		assert_true(gremc_prefix_covers(&prefix, &inside));
		assert_false(gremc_prefix_covers(&prefix, &outside));
	}
}

static void test_keywords_are_parsed_and_listed(void **state)
{
	static const char *const names[] = {"off", "querier", "upstream"};
	static const struct gremc_keywords keywords = {names, RTE_DIM(names)};
	char text[GREMC_KEYWORD_TEXT];

	(void)state;
	assert_int_equal(gremc_keyword_parse(&keywords, "upstream"), 2);
	assert_int_equal(gremc_keyword_parse(&keywords, "upstreams"), -ENOENT);
	assert_string_equal(gremc_keyword_name(&keywords, 0), "off");
	assert_string_equal(gremc_keyword_name(&keywords, 3), "unknown");
	assert_string_equal(gremc_keywords_format(text, sizeof(text), &keywords, 0),
			    "`off`, `querier` or `upstream`");
	assert_string_equal(gremc_keywords_format(text, sizeof(text), &keywords, 1),
			    "`querier` or `upstream`");
	assert_string_equal(gremc_keywords_format(text, sizeof(text), &keywords, 2), "`upstream`");
}

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

/* ---- jobs ---- */

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
	register_control();
	assert_int_equal(gremc_job_start(&job, "job", count_steps, &log), 0);
	assert_false(gremc_job_run(&job, 0));
	assert_true(log.is_control);
	assert_false(contract_aborts(check_control_thread));
	assert_true(gremc_job_run(&job, GREMC_JOB_TO_END));
	assert_false(contract_aborts(check_control_thread));
	gremc_job_finish(&job);
	gremc_role_unregister(GREMC_ROLE_CONTROL);
}
#endif

/* ---- maps ---- */

#define NODES 5000u

/* Each node is in one list at most. Returns the number of nodes in lists. */
static uint32_t nodes_visited(const struct gremc_map *map,
			      const struct gremc_map_node *test_nodes_are_indexed_in_order_of_addition)
{
	static uint8_t visits[NODES];
	uint32_t count = 0;

	memset(visits, 0, sizeof(visits));
	for (uint32_t i = 0; i < gremc_map_lists(map); i++)
		for (const struct gremc_map_node *node = gremc_map_list(map, i); node; node = node->next) {
			assert_int_equal(visits[node - test_nodes_are_indexed_in_order_of_addition]++, 0);
			count++;
		}
	return count;
}

/* Keys that are hashes may collide. */
static void test_map_finds_each_node_of_a_key(void **state)
{
	struct gremc_map_node nodes[3], other, *node;
	struct gremc_map map;
	unsigned seen = 0;

	(void)state;
	assert_int_equal(gremc_map_init(&map), 0);
	gremc_map_add(&map, &other, 8);
	for (unsigned i = 0; i < RTE_DIM(nodes); i++)
		gremc_map_add(&map, &nodes[i], 7);
	for (node = gremc_map_find(&map, 7); node; node = gremc_map_find_next(node))
		seen |= 1u << (node - nodes);
	assert_int_equal(seen, 7);
	gremc_map_remove(&map, &nodes[1]);
	seen = 0;
	for (node = gremc_map_find(&map, 7); node; node = gremc_map_find_next(node))
		seen |= 1u << (node - nodes);
	assert_int_equal(seen, 5);
	assert_null(gremc_map_find_next(gremc_map_find(&map, 8)));
	gremc_map_fini(&map);
}

static void test_map_finds_all_nodes_while_it_grows(void **state)
{
	static struct gremc_map_node test_nodes_are_indexed_in_order_of_addition[NODES];
	struct gremc_map map;

	(void)state;
	assert_int_equal(gremc_map_init(&map), 0);
	for (uint32_t i = 0; i < NODES; i++) {
		gremc_map_add(&map, &test_nodes_are_indexed_in_order_of_addition[i], i * 7);
		if (i % 17 == 0)
			assert_int_equal(nodes_visited(&map, test_nodes_are_indexed_in_order_of_addition),
					 i + 1);
		assert_ptr_equal(gremc_map_find(&map, i * 7 / 2 / 7 * 7),
				 &test_nodes_are_indexed_in_order_of_addition[i / 2]);
	}
	for (uint32_t i = 0; i < NODES; i += 2)
		gremc_map_remove(&map, &test_nodes_are_indexed_in_order_of_addition[i]);
	for (uint32_t i = 0; i < NODES; i++)
		assert_ptr_equal(gremc_map_find(&map, i * 7),
				 i % 2 ? &test_nodes_are_indexed_in_order_of_addition[i] : NULL);
	assert_int_equal(nodes_visited(&map, test_nodes_are_indexed_in_order_of_addition), NODES / 2);
	gremc_map_fini(&map);
}

static void test_frozen_map_moves_nothing(void **state)
{
	static struct gremc_map_node test_nodes_are_indexed_in_order_of_addition[NODES];
	struct gremc_map map;
	uint32_t lists, i = 0;

	(void)state;
	assert_int_equal(gremc_map_init(&map), 0);
	/* up to the next growth, and during it */
	while (map.smaller == NULL || map.moved == 0) {
		gremc_map_add(&map, &test_nodes_are_indexed_in_order_of_addition[i], i);
		i++;
	}
	map.is_frozen = true;
	lists = gremc_map_lists(&map);
	for (; i < NODES; i++) {
		const uint32_t moved = map.moved;

		gremc_map_add(&map, &test_nodes_are_indexed_in_order_of_addition[i], i);
		assert_int_equal(map.moved, moved);
		assert_int_equal(gremc_map_lists(&map), lists);
	}
	assert_int_equal(nodes_visited(&map, test_nodes_are_indexed_in_order_of_addition), NODES);
	map.is_frozen = false;
	gremc_map_remove(&map, &test_nodes_are_indexed_in_order_of_addition[0]);
	gremc_map_add(&map, &test_nodes_are_indexed_in_order_of_addition[0], 0);
	for (i = 0; i < NODES; i++)
		assert_ptr_equal(gremc_map_find(&map, i), &test_nodes_are_indexed_in_order_of_addition[i]);
	gremc_map_fini(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_lines_start_with_their_level),
		cmocka_unit_test(test_runtime_remove_deletes_only_leftovers),
		cmocka_unit_test(test_ipv4_parse_accepts_only_dotted_quads),
		cmocka_unit_test(test_text_copy_cuts_and_reports_it),
		cmocka_unit_test(test_mac_format_is_lower_case),
		cmocka_unit_test(test_address_classes_follow_their_prefixes),
		cmocka_unit_test(test_errors_keep_every_line_with_its_place),
		cmocka_unit_test(test_reserved_memory_is_zero),
		cmocka_unit_test(test_nodes_are_indexed_in_order_of_addition),
		cmocka_unit_test(test_memory_is_reserved_on_its_node),
		cmocka_unit_test(test_log_limit_counts_lines_left_out),
		cmocka_unit_test(test_reserved_node_is_preferred_not_bound),
		cmocka_unit_test(test_addr_parse_accepts_both_families),
		cmocka_unit_test(test_addr_order_and_hash_follow_family_and_value),
		cmocka_unit_test(test_prefix_covers_its_range),
		cmocka_unit_test(test_keywords_are_parsed_and_listed),
		cmocka_unit_test(test_job_and_owner_take_turns),
		cmocka_unit_test(test_job_runs_to_its_end),
		cmocka_unit_test(test_cancelled_job_ends_at_its_next_pause),
		cmocka_unit_test(test_map_finds_each_node_of_a_key),
		cmocka_unit_test(test_map_finds_all_nodes_while_it_grows),
		cmocka_unit_test(test_frozen_map_moves_nothing),
#if GREMC_ASSERTS
		cmocka_unit_test(test_violated_contract_aborts),
		cmocka_unit_test(test_thread_contract_holds_for_registered_thread),
		cmocka_unit_test(test_job_has_the_roles_of_its_owner),
#else
		cmocka_unit_test(test_assertion_is_not_evaluated),
#endif
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
