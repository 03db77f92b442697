/* SPDX-License-Identifier: BSD-3-Clause */
/* Annotations for the sanitizers of gcc and clang. GREMC_ASAN and GREMC_TSAN are defined in builds with
 * AddressSanitizer and ThreadSanitizer.
 * ThreadSanitizer does not instrument DPDK's libraries, so it misses the memory order of their atomic
 * operations, such as those of QSBR. GREMC_TSAN_RELEASE and GREMC_TSAN_ACQUIRE declare it; without
 * ThreadSanitizer they expand to nothing. */
#ifndef GREMC_BASE_ANNOTATE_H
#define GREMC_BASE_ANNOTATE_H

#include <stdint.h>

#include <rte_common.h>

#if defined(__SANITIZE_ADDRESS__)
#	define GREMC_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#	define GREMC_TSAN 1
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define GREMC_ASAN 1
#	elif __has_feature(thread_sanitizer)
#		define GREMC_TSAN 1
#	endif
#endif

#ifdef GREMC_TSAN
#	include <sanitizer/tsan_interface.h>
/* Accesses before GREMC_TSAN_RELEASE happen before those after GREMC_TSAN_ACQUIRE of the same address. */
#	define GREMC_TSAN_RELEASE(address) __tsan_release((void *)(uintptr_t)(address))
#	define GREMC_TSAN_ACQUIRE(address) __tsan_acquire((void *)(uintptr_t)(address))
#else
#	define GREMC_TSAN_RELEASE(address) RTE_SET_USED(address)
#	define GREMC_TSAN_ACQUIRE(address) RTE_SET_USED(address)
#endif

#endif
