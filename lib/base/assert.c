/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "base/atomic.h"

#if GREMC_ASSERTS
#	include <errno.h>

#	include <rte_debug.h>

/* The threads that have the role. Writers: each thread for itself. Readers: all. */
static gremc_atomic_u32 role_threads[GREMC_ROLE_COUNT];
static _Thread_local bool role_held[GREMC_ROLE_COUNT];

void gremc_role_register(enum gremc_role role)
{
	gremc_assert(!role_held[role]);
	gremc_assert(role != GREMC_ROLE_CONTROL || gremc_u32_load(&role_threads[role]) == 0);
	role_held[role] = true;
	gremc_u32_add(&role_threads[role], 1);
}

void gremc_role_unregister(enum gremc_role role)
{
	gremc_assert(role_held[role]);
	gremc_u32_add(&role_threads[role], UINT32_MAX);
	role_held[role] = false;
}

void gremc_roles_release(struct gremc_roles *roles)
{
	for (unsigned role = 0; role < GREMC_ROLE_COUNT; role++) {
		roles->held[role] = role_held[role];
		if (role_held[role])
			gremc_role_unregister(role);
	}
}

void gremc_roles_acquire(const struct gremc_roles *roles)
{
	for (unsigned role = 0; role < GREMC_ROLE_COUNT; role++)
		if (roles->held[role])
			gremc_role_register(role);
}

bool gremc_role_is_allowed(enum gremc_role role)
{
	return role_held[role] || gremc_u32_load(&role_threads[role]) == 0;
}

bool gremc_mutex_is_locked(pthread_mutex_t *mutex)
{
	return pthread_mutex_trylock(mutex) == EBUSY;
}

void gremc_assert_fail(const char *condition, const char *function, const char *file, unsigned line)
{
	rte_panic("%s:%u: %s(): contract violated: %s\n", file, line, function, condition);
}
#endif
