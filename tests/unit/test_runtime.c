/* SPDX-License-Identifier: BSD-3-Clause */
/* DPDK's runtime directory. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "test.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runtime_remove_deletes_only_leftovers),
	};

	return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
