/* SPDX-License-Identifier: BSD-3-Clause */
/* The differences between DPDK 22.11 and 25.11 that this program meets, and nothing else. */
#ifndef GREMC_BASE_COMPAT_H
#define GREMC_BASE_COMPAT_H

#include <pthread.h>

#include <rte_config.h>
#include <rte_eth_bond.h>
#include <rte_lcore.h>
#include <rte_telemetry.h>
#include <rte_thread.h>
#include <rte_version.h>

#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
#	define gremc_bond_member_add    rte_eth_bond_slave_add
#	define gremc_bond_member_remove rte_eth_bond_slave_remove
#	define gremc_bond_members_get   rte_eth_bond_slaves_get
#	define gremc_tel_dict_u64       rte_tel_data_add_dict_u64
#	define gremc_tel_array_u64      rte_tel_data_add_array_u64
#	define GREMC_TEL_U64            RTE_TEL_U64_VAL
#else
#	define gremc_bond_member_add    rte_eth_bond_member_add
#	define gremc_bond_member_remove rte_eth_bond_member_remove
#	define gremc_bond_members_get   rte_eth_bond_members_get
#	define gremc_tel_dict_u64       rte_tel_data_add_dict_uint
#	define gremc_tel_array_u64      rte_tel_data_add_array_uint
#	define GREMC_TEL_U64            RTE_TEL_UINT_VAL
#endif

/* An lcore's cache of a mempool, made with `size`, holds up to one and a half times that before DPDK 26.07,
 * and up to `size` from then on, where twice the size has the same effect. Pools are planned for the larger
 * of both, so that one plan fits all versions. */
#define GREMC_CACHE_HOLDS(size) (2 * (size))
#if RTE_VERSION < RTE_VERSION_NUM(26, 7, 0, 0)
#	define GREMC_MEMPOOL_CACHE(size) (size)
#else
#	define GREMC_MEMPOOL_CACHE(size) (2 * (size))
#endif

/* A control thread runs off the polling lcores' CPUs. Its function is
 *   static gremc_thread_result run(void *argument)
 * gremc_thread_create() returns 0 or a negative errno. */
#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
typedef pthread_t gremc_thread;
typedef void *gremc_thread_result;
#	define gremc_thread_create(thread, name, run, argument)                                             \
		rte_ctrl_thread_create(thread, name, NULL, run, argument)
#	define gremc_thread_join(thread) ((void)pthread_join(thread, NULL))
#else
typedef rte_thread_t gremc_thread;
typedef uint32_t gremc_thread_result;
#	define gremc_thread_create(thread, name, run, argument)                                             \
		rte_thread_create_control(thread, name, run, argument)
#	define gremc_thread_join(thread) ((void)rte_thread_join(thread, NULL))
#endif

#endif
