/* SPDX-License-Identifier: BSD-3-Clause */
/* A control plane without threads and devices of the kernel, with faults on request.
 *
 * The port wan0 (net_ring) returns each frame that it transmits: a test transmits a frame, the worker
 * receives it and transmits the replicas, and the test receives the replicas. The port nic0 is shared by flow
 * rules, which this file records. */
#ifndef GREMC_TEST_CONTROL_WORLD_H
#define GREMC_TEST_CONTROL_WORLD_H

#include <stdbool.h>
#include <stdio.h>

#include "control/control_priv.h"
#include "test.h"

struct world {
	struct gremc_control_context context;
	struct gremc_control *control;
};

/* ---- set-up ---- */

/* Start the EAL without huge pages, and a control plane that runs `running`: a struct world in *state. */
int world_set_up(void **state);
/* Destroy the world; each mbuf must have returned to its pool. */
int world_tear_down(void **state);

/* Two configurations. `changed` removes a tunnel and an mroute, adds tunnels, a MAC address, mroutes, IGMP,
 * source filters and traffic of the shared port, and changes settings of tunnels. */
extern const char running[], changed[];
/* Load a configuration from its text. */
struct gremc_config *world_load(const char *yaml);
/* Write it to the file that reloads load. */
void world_file_write(const char *yaml);
/* Apply a configuration without faults. */
void world_apply(struct world *world, const char *yaml);
/* Run jobs that are due at once, and end all grace periods. */
void world_settle(struct world *world);

/* ---- state ---- */

enum text_kind {
	STATE_EXACT,  /* with indexes, ids, addresses of mroutes, and counters */
	STATE_CONTENT /* without these: equal for equal configurations */
};

/* The state of tunnels, next hops, mroutes, IGMP and flow rules as sorted lines.
 * Owner:   the caller frees the text. */
char *world_state(const struct world *world, enum text_kind kind);
/* Forward a packet of each tunnel. Returns: the replicas as sorted lines, which the caller frees. */
char *world_forward(struct world *world);

/* ---- faults ---- */

enum faults {
	FAULT_ONE, /* one call fails */
	FAULT_ALL  /* one call and all after it fail */
};

/* Count the calls that allocate memory or start a thread from now on; call `first` (from 1) fails. */
void faults_begin(unsigned first, enum faults faults);
/* Returns: whether a call has failed. */
bool faults_end(void);
/* Print the flow rules of the device, a line each. */
void flow_rules_print(FILE *out);
/* The number of flow rules that the device has space for. */
void flow_space_set(unsigned rules);

#endif
