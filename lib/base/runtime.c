/* SPDX-License-Identifier: BSD-3-Clause */
/* Leftovers of the EAL in its runtime directory. Processes with one file prefix share the directory: at most
 * one primary process with files, which holds a lock on `config`, and any number of processes with
 * --no-shconf or
 * --in-memory, which only have a telemetry socket there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_eal.h>

#include "base/base.h"

static bool name_has_prefix(const char *name, const char *const *prefixes, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* Whether the name is a socket without a listener. */
static bool socket_is_dead(int directory, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is_dead;

	/* the path itself may be too long for an address */
	if (fd < 0 || snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", directory,
			       name) >= (int)sizeof(address.sun_path)) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	is_dead = connect(fd, (const struct sockaddr *)&address, sizeof(address)) && errno == ECONNREFUSED;
	close(fd);
	return is_dead;
}

/* Take the lock of a primary process.
 * Returns: the open file; -1: another process holds the lock; -2: there is no file. */
static int runtime_config_lock(int directory)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = openat(directory, "config", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? -2 : -1;
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return fd;
	close(fd);
	return -1;
}

void gremc_runtime_remove(const char *path)
{
	static const char *const files[] = {"config", "fbarray_", "hugepage_", "mp_socket"};
	static const char *const sockets[] = {"dpdk_telemetry."};
	DIR *directory = opendir(path);
	struct dirent *entry;
	int fd, config;

	if (directory == NULL)
		return;
	fd = dirfd(directory);
	config = runtime_config_lock(fd);
	while ((entry = readdir(directory)) != NULL) {
		const char *name = entry->d_name;

		/* the next process replaces a file that cannot be removed */
		if ((config != -1 && name_has_prefix(name, files, RTE_DIM(files))) ||
		    (name_has_prefix(name, sockets, RTE_DIM(sockets)) && socket_is_dead(fd, name)))
			(void)unlinkat(fd, name, 0);
	}
	if (config >= 0)
		close(config);
	closedir(directory);
	/* fails while the directory is not empty */
	(void)rmdir(path);
}

static void runtime_remove_own(void)
{
	const char *path = rte_eal_get_runtime_dir();

	if (path[0])
		gremc_runtime_remove(path);
}

int gremc_runtime_remove_at_exit(void)
{
	return atexit(runtime_remove_own) ? -ENOMEM : 0;
}

pid_t gremc_runtime_holder(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char *config;
	pid_t pid = 0;
	int fd;

	if (asprintf(&config, "%s/config", path) < 0)
		return 0;
	fd = open(config, O_RDWR | O_CLOEXEC);
	free(config);
	if (fd < 0)
		return 0;
	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		pid = lock.l_pid > 0 ? lock.l_pid : -1;
	close(fd);
	return pid;
}
