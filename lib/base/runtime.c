/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

void gremc_runtime_remove(const char *path)
{
	static const char *const prefixes[] = {"config", "fbarray_", "hugepage_", "mp_socket",
					       "dpdk_telemetry."};
	DIR *directory = opendir(path);
	struct dirent *entry;

	if (directory == NULL)
		return;
	while ((entry = readdir(directory)) != NULL)
		for (unsigned i = 0; i < RTE_DIM(prefixes); i++)
			if (strncmp(entry->d_name, prefixes[i], strlen(prefixes[i])) == 0)
				unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	rmdir(path);
}
