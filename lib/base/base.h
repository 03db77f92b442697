/* SPDX-License-Identifier: BSD-3-Clause */
/* base: services for all modules: log, error lists, addresses, NUMA nodes, memory. */
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

#include "base/address.h"
#include "base/assert.h"
#include "base/compat.h"
#include "base/errors.h"
#include "base/keyword.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/nodes.h"
#include "base/runtime.h"
#include "base/text.h"

/* Bytes of the name of a port or tunnel with its NUL, as of a kernel interface (IFNAMSIZ). */
#define GREMC_NAME_SIZE 16

/* A file in the level-triggered epoll of the control loop. The event's data.ptr points here, and the control
 * thread calls ready(argument) when the file can be read. */
struct gremc_watch {
	void (*ready)(void *argument);
	void *argument;
};

#endif
