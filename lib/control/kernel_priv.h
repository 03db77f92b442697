/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's multicast routes as one of the origins, in the control plane. */
#ifndef GREMC_CONTROL_KERNEL_PRIV_H
#define GREMC_CONTROL_KERNEL_PRIV_H

#include "base/base.h"
#include "mfc/mfc.h"

struct gremc_control;

/* A pass over all mroutes, in parts. */
struct gremc_kernel_pass {
	uint64_t next; /* milliseconds: when it begins or goes on */
	uint32_t id;   /* where it goes on */
};

struct gremc_kernel {
	struct gremc_mfc *mfc; /* once opened it stays; atomic: telemetry reads it */
	struct gremc_watch watch;
	bool active;
	struct gremc_kernel_pass flows, samples;
	uint64_t *seen; /* [mroute id] packets at the last look */
	uint64_t alive; /* packets given to the kernel so that it counts a flow; atomic */
};

/* As control->config says. */
void gremc_kernel_configure(struct gremc_control *control);
void gremc_kernel_fini(struct gremc_kernel *kernel);
/* Keep the kernel's flows alive. Returns how long to wait, at most `wait` milliseconds (-1: for ever). */
int gremc_kernel_run(struct gremc_control *control, int wait);

#endif
