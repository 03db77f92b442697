/* SPDX-License-Identifier: BSD-3-Clause */
/* Contract assertions.
 *
 * A build with `-Dasserts=enabled` checks them; `auto`, the default, enables them in debug builds (the suites
 * of the sanitizers are such builds). Otherwise they compile to nothing and their condition is not evaluated.
 * A violated contract prints the condition, its place and a stack trace, and aborts the process.
 *
 * Thread contracts: a thread registers the role that it has. A process that registers no thread for a role,
 * like most unit tests, meets every contract of that role. */
#ifndef GREMC_BASE_ASSERT_H
#define GREMC_BASE_ASSERT_H

#include <assert.h> /* static_assert() */
#include <pthread.h>
#include <stdbool.h>

#include <rte_common.h>

#ifndef GREMC_ASSERTS
#	define GREMC_ASSERTS 0
#endif

enum gremc_role {
	GREMC_ROLE_CONTROL, /* changes the tables; at most one thread at a time */
	GREMC_ROLE_WORKER,  /* polls ports */
	GREMC_ROLE_COUNT,
};

/* The roles of a thread, on their way to another. */
struct gremc_roles {
	bool held[GREMC_ROLE_COUNT];
};

/* Present in builds with assertions only.
 * Returns: whether the calling thread has the role, or no thread has it. */
bool gremc_role_is_allowed(enum gremc_role role);
/* Present in builds with assertions only.
 * Input:   a mutex of the default type.
 * Returns: whether a thread holds the mutex. */
bool gremc_mutex_is_locked(pthread_mutex_t *mutex);

#if GREMC_ASSERTS
/* Add a role to the calling thread, which does not have it. A thread may have several roles. */
void gremc_role_register(enum gremc_role role);
/* Remove a role from the calling thread, which has it. */
void gremc_role_unregister(enum gremc_role role);
/* Remove all roles from the calling thread, into *roles. */
void gremc_roles_release(struct gremc_roles *roles);
/* Add the roles to the calling thread, which has none of them. */
void gremc_roles_acquire(const struct gremc_roles *roles);
/* Report a violated contract and abort. */
__rte_noreturn void gremc_assert_fail(const char *condition, const char *function, const char *file,
				      unsigned line);

#	define gremc_assert(condition)                                                                      \
		((condition) ? (void)0 : gremc_assert_fail(#condition, __func__, __FILE__, __LINE__))
#else
/* Roles are not tracked. */
static inline void gremc_role_register(enum gremc_role role)
{
	(void)role;
}

/* Roles are not tracked. */
static inline void gremc_role_unregister(enum gremc_role role)
{
	(void)role;
}

/* No-op without assertions. */
static inline void gremc_roles_release(struct gremc_roles *roles)
{
	(void)roles;
}

/* No-op without assertions. */
static inline void gremc_roles_acquire(const struct gremc_roles *roles)
{
	(void)roles;
}

/* The condition is compiled, so that it stays correct and its variables count as used. */
#	define gremc_assert(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

/* The calling thread is the control thread. */
#define gremc_assert_control_thread() gremc_assert(gremc_role_is_allowed(GREMC_ROLE_CONTROL))
/* The calling thread is a worker. */
#define gremc_assert_worker() gremc_assert(gremc_role_is_allowed(GREMC_ROLE_WORKER))
/* Some thread, which should be the calling one, holds the mutex. */
#define gremc_assert_locked(mutex) gremc_assert(gremc_mutex_is_locked(mutex))

#endif
