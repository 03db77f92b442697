/* SPDX-License-Identifier: BSD-3-Clause */
/* base: what every room uses: log, errors with a place, address text. No state but the log's type. */
#ifndef GREMC_BASE_BASE_H
#define GREMC_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_log.h>

#include "base/assert.h"
#include "base/compat.h"

/* ---- log ---- */

extern int gremc_logtype;

/* Send all messages, DPDK's too, to stderr and nowhere else, each line with its level. To be called before
 * rte_eal_init(), which logs already, and after it, because DPDK from 24.11 on chooses a destination then.
 * Main thread. Returns 0, or -1: DPDK's destinations are in use. */
int gremc_log_open(void);
/* The message with its level before each line, on the heap; NULL: out of memory. *is_inside: the last message
 * has not ended its line, and whether this one has. */
char *gremc_log_lines(const char *message, size_t length, uint32_t level, bool for_journal, bool *is_inside);

/* One line to the log. Never from a stage of the data path. */
#define GREMC_LOG(level, ...)                                                                                \
	rte_log(RTE_LOG_##level, gremc_logtype,                                                              \
		RTE_FMT("gremc: " RTE_FMT_HEAD(__VA_ARGS__, ) "\n", RTE_FMT_TAIL(__VA_ARGS__, )))

/* Every message that others than the operator can cause (hosts, routers, the network, the kernel's events)
 * goes by GREMC_LOG_LIMITED(): of each such statement GREMC_LOG_BURST lines in GREMC_LOG_WINDOW milliseconds.
 * What is left out is counted, and one line says how many there were. */
#define GREMC_LOG_BURST  5u
#define GREMC_LOG_WINDOW 10000u

/* What one statement has printed. Zero-initialised; lives as long as the process. */
struct gremc_log_limit {
	uint64_t begin; /* of the window, milliseconds; 0: none yet */
	uint32_t level, printed;
	uint64_t left_out; /* in the window */
	char text[200];    /* the first line that was left out */
	bool is_listed;
	struct gremc_log_limit *next;
};

#define GREMC_LOG_LIMITED(level, ...)                                                                        \
	do {                                                                                                 \
		static struct gremc_log_limit gremc_limit;                                                   \
		gremc_log_limited(&gremc_limit, RTE_LOG_##level, __VA_ARGS__);                               \
	} while (0)

/* Thread: any. */
void gremc_log_limited(struct gremc_log_limit *limit, uint32_t level, const char *format, ...)
	__rte_format_printf(3, 4);
/* Say how many lines were left out, of statements whose window is over, or of all.
 * Thread:  any.
 * Returns: milliseconds until there is something to say; -1: nothing is left out. */
int gremc_log_report(bool all);
/* Lines left out so far. Thread: any. */
uint64_t gremc_log_left_out(void);

/* ---- errors ---- */

/* A list of error lines, kept as one text, so that a user sees all that is wrong at once.
 * Zero-initialised it is empty; gremc_errors_fini() frees the text. */
struct gremc_errors {
	char *text; /* lines, each ended by a newline; NULL while count is 0 */
	size_t length;
	unsigned count;
};

/* Append `file:line:column: message`. line 0: no place inside the file; file NULL: the message alone. */
void gremc_errors_add(struct gremc_errors *errors, const char *file, unsigned line, unsigned column,
		      const char *format, ...) __rte_format_printf(5, 6);
/* Log each line as an error. */
void gremc_errors_log(const struct gremc_errors *errors);
void gremc_errors_fini(struct gremc_errors *errors);

/* ---- names ---- */

#define GREMC_NAME_SIZE 16 /* a port's or tunnel's name and its NUL, as a kernel interface name (IFNAMSIZ)   \
			    */

/* ---- watches ---- */

/* A file in the control loop's epoll, level-triggered: data.ptr points here, and ready(argument) is called
 * when it can be read. */
struct gremc_watch {
	void (*ready)(void *argument);
	void *argument;
};

/* ---- NUMA nodes ---- */

#define GREMC_NODES_MAX ((uint32_t)RTE_MAX_NUMA_NODES)

/* The NUMA nodes with workers, in the order of the workers. What all workers only read has a copy on each of
 * them, and a copy is named by its index in here. */
struct gremc_nodes {
	uint32_t count;              /* 1 to GREMC_NODES_MAX once it is complete */
	int socket[GREMC_NODES_MAX]; /* SOCKET_ID_ANY: wherever there is memory */
};

/* One copy, anywhere. */
extern const struct gremc_nodes gremc_nodes_any;

/* Unless it is there already. */
void gremc_nodes_add(struct gremc_nodes *nodes, int socket);
/* The index of `socket`; of a node without a copy that of the first. */
uint32_t gremc_nodes_index(const struct gremc_nodes *nodes, int socket);

/* ---- memory ---- */

/* Reserve zeroed address space for an array whose limit is known and whose use is not: memory is taken page
 * by page where it is touched, from huge pages where the kernel has them, preferably on NUMA node `socket` if
 * the process may use that one's memory: a full node gives pages of another one (SOCKET_ID_ANY: where it is
 * touched). Control thread. Returns NULL when the address space cannot be had. */
void *gremc_memory_reserve(size_t size, int socket);
void gremc_memory_release(void *memory, size_t size);
/* Zeroed DPDK memory, aligned to a cache line, on NUMA node `socket`, or elsewhere when that one has none
 * left. rte_free() frees it. NULL: ENOMEM. */
void *gremc_memory_zalloc(size_t size, int socket);

/* ---- the EAL's files ---- */

/* Remove what is left in a runtime directory of the EAL, unless another process uses it: the files of a
 * primary process that is gone or is this one, and sockets that no process listens at. The directory goes
 * when it is empty. */
void gremc_runtime_remove(const char *path);
/* Do that at exit, for the EAL's runtime directory. To be called before rte_eal_init(), so that DPDK's own
 * exit handlers run before. Returns 0 or -ENOMEM. */
int gremc_runtime_remove_at_exit(void);
/* The primary process, other than this one, that uses the directory; 0: none; -1: one of another PID
 * namespace. This process holds no lock there any more afterwards. */
pid_t gremc_runtime_holder(const char *path);

/* ---- address text ---- */

struct gremc_prefix {
	rte_be32_t address; /* host bits are zero */
	uint8_t length;     /* 0 to 32 */
};

#define GREMC_IPV4_TEXT   16 /* "255.255.255.255" and its NUL */
#define GREMC_PREFIX_TEXT 19 /* "255.255.255.255/32" and its NUL */
#define GREMC_MAC_TEXT    18 /* "00:00:00:00:00:00" and its NUL */

/* Dotted quad, nothing before or after. Returns 0, or -EINVAL and leaves *address alone. */
int gremc_ipv4_parse(const char *text, rte_be32_t *address);
/* Writes at most GREMC_IPV4_TEXT bytes to text and returns text. */
char *gremc_ipv4_format(char *text, rte_be32_t address);
/* ADDRESS/LENGTH; without the length it is 32. Returns 0, -EINVAL (not a prefix), -ERANGE (length over 32).
 * Host bits are returned in *host_bits when that is not NULL (a caller refuses them or keeps them), and are
 * cleared in *prefix. */
int gremc_prefix_parse(const char *text, struct gremc_prefix *prefix, rte_be32_t *host_bits);
char *gremc_prefix_format(char *text, const struct gremc_prefix *prefix);
char *gremc_mac_format(char *text, const struct rte_ether_addr *mac);

/* The netmask of a prefix length of 0 to 32. */
static inline rte_be32_t gremc_netmask(uint8_t length)
{
	return length ? rte_cpu_to_be_32(UINT32_MAX << (32 - length)) : 0;
}

static inline bool gremc_prefix_is_equal(const struct gremc_prefix *a, const struct gremc_prefix *b)
{
	return a->address == b->address && a->length == b->length;
}

static inline bool gremc_prefix_covers(const struct gremc_prefix *prefix, rte_be32_t address)
{
	return (address & gremc_netmask(prefix->length)) == prefix->address;
}

/* 224.0.0.0/4 */
static inline bool gremc_ipv4_is_multicast(rte_be32_t address)
{
	return (address & RTE_BE32(0xf0000000)) == RTE_BE32(0xe0000000);
}

/* 224.0.0.0/24, never forwarded (RFC 5771, 4) */
static inline bool gremc_ipv4_is_link_local_group(rte_be32_t address)
{
	return (address & RTE_BE32(0xffffff00)) == RTE_BE32(0xe0000000);
}

/* 232.0.0.0/8, source-specific only (RFC 4607) */
#define GREMC_SSM_GROUPS RTE_BE32(0xe8000000)
#define GREMC_SSM_LENGTH 8

static inline bool gremc_ipv4_is_ssm(rte_be32_t address)
{
	return (address & RTE_BE32(0xff000000)) == GREMC_SSM_GROUPS;
}

#endif
