/* SPDX-License-Identifier: BSD-3-Clause */
/* The log: one destination, and a limit of lines that others than the operator can cause. */
#ifndef GREMC_BASE_LOG_H
#define GREMC_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_log.h>

#include "base/atomic.h"

extern int gremc_logtype;

/* Send all messages, those of DPDK included, to stderr only, each line with its level. Call it before
 * rte_eal_init(), which already logs, and after it, because DPDK from 24.11 on then selects a destination.
 * Thread:  main thread.
 * Errors:  -1: the messages go to the destinations of DPDK. */
__rte_warn_unused_result int gremc_log_open(void);
/* Put the level before each line of a message.
 * Input:   *is_inside: the previous message did not end its line.
 * Owner:   the caller frees the text.
 * Returns: the text, and in *is_inside whether this message did not end its line; NULL: -ENOMEM. */
char *gremc_log_lines(const char *message, size_t length, uint32_t level, bool for_journal, bool *is_inside);

/* Log one line. Not for stages of the data path. */
#define GREMC_LOG(level, ...)                                                                                \
	rte_log(RTE_LOG_##level, gremc_logtype,                                                              \
		RTE_FMT("gremc: " RTE_FMT_HEAD(__VA_ARGS__, ) "\n", RTE_FMT_TAIL(__VA_ARGS__, )))

/* GREMC_LOG_LIMITED() is for every message that hosts, routers, the network or events of the kernel can
 * cause. Each statement prints at most GREMC_LOG_BURST lines in GREMC_LOG_WINDOW milliseconds. Further lines
 * are counted, and one line reports their number. */
#define GREMC_LOG_BURST  5u
#define GREMC_LOG_WINDOW 10000u

struct gremc_log_limit;
GREMC_ATOMIC_POINTER(log_limit, struct gremc_log_limit);

/* The state of one statement. Zero-initialised; lives as long as the process. */
struct gremc_log_limit {
	uint64_t begin; /* of the window, milliseconds; 0: none yet */
	uint32_t level, printed;
	uint64_t left_out; /* in the window */
	char text[200];    /* the first line that was left out */
	bool is_listed;
	gremc_atomic_log_limit next; /* in the list of those that have left out lines */
};

#define GREMC_LOG_LIMITED(level, ...)                                                                        \
	do {                                                                                                 \
		static struct gremc_log_limit gremc_limit;                                                   \
		gremc_log_limited(&gremc_limit, RTE_LOG_##level, __VA_ARGS__);                               \
	} while (0)

/* Thread: any. */
void gremc_log_limited(struct gremc_log_limit *limit, uint32_t level, const char *format, ...)
	__rte_format_printf(3, 4);
/* Report the lines left out by statements whose window is over, or by all.
 * Thread:  any.
 * Returns: milliseconds until the next report is due; -1: no line is left out. */
int gremc_log_report(bool all);
/* Thread:  any.
 * Returns: lines left out since the start. */
uint64_t gremc_log_left_out(void);

#endif
