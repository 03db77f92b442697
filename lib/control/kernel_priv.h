/* SPDX-License-Identifier: BSD-3-Clause */
/* `mroutes: kernel`: the kernel's multicast routes in the rib, and the kernel's counters of their flows. */
#ifndef GREMC_CONTROL_KERNEL_PRIV_H
#define GREMC_CONTROL_KERNEL_PRIV_H

#include "base/atomic.h"
#include "base/base.h"
#include "mfc/mfc.h"

struct gremc_control;

/* A periodic pass over all mroutes, in parts. */
struct gremc_kernel_pass {
	uint64_t next; /* milliseconds: it begins or continues */
	uint32_t id;   /* of the next mroute */
};

/* Owner:   the control thread. */
struct gremc_kernel {
	gremc_atomic_mfc mfc; /* once opened it stays. Writer: control thread. Readers: telemetry. */
	struct gremc_watch watch;
	bool is_active;                          /* the running configuration has `mroutes: kernel` */
	struct gremc_kernel_pass flows, samples; /* keepalives; punt-sampled mroutes */
	uint64_t *seen;                          /* [mroute id] packets at the last pass; reserved space */
	gremc_atomic_u64 alive;                  /* keepalives so far; telemetry reads */
};

/* Apply the running configuration.
 * Returns: false: the mirror cannot be opened, logged. A repeated call tries again. */
__rte_warn_unused_result bool gremc_kernel_configure(struct gremc_control *control);
/* Close the mirror. Routes stay in the table. */
void gremc_kernel_fini(struct gremc_kernel *kernel);
/* Continue the passes that keep the kernel's flows alive and sample packets.
 * Returns: the milliseconds until the next call, at most `wait`; -1: unlimited. */
int gremc_kernel_poll(struct gremc_control *control, int wait);

#endif
