/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of the EAL in its runtime directory. */
#ifndef GREMC_BASE_RUNTIME_H
#define GREMC_BASE_RUNTIME_H

#include <sys/types.h>

#include <rte_common.h>

/* Remove leftovers from a runtime directory of the EAL: the files of a primary process that has ended or is
 * this process, and sockets without a listener. Nothing is removed while another primary process uses them.
 * An empty directory is removed, too. */
void gremc_runtime_remove(const char *path);
/* Call gremc_runtime_remove() at exit for the EAL's runtime directory. Call it before rte_eal_init(), so that
 * the exit handlers of DPDK run first.
 * Errors:  -ENOMEM. */
__rte_warn_unused_result int gremc_runtime_remove_at_exit(void);
/* Find the other primary process that uses the directory. This process loses its own lock there.
 * Returns: its PID; 0: none; -1: a process of another PID namespace. */
pid_t gremc_runtime_holder(const char *path);

#endif
