/* SPDX-License-Identifier: BSD-3-Clause */
/* A long piece of work that the control loop runs in slices.
 *
 * The job has a thread of its own, so it keeps its stack between slices and its code needs no state machine.
 * But job and owner never run at the same time: the owner waits while a slice runs, and the job waits between
 * slices. So they share data without locks. The job decides where it may be interrupted: it calls
 * gremc_job_pause() where the data that it shares with the owner is consistent, and never while it holds a
 * mutex. */
#ifndef GREMC_BASE_JOB_H
#define GREMC_BASE_JOB_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"

#define GREMC_JOB_TO_END UINT32_MAX /* as the length of a slice: run the job to its end */

struct gremc_job {
	int (*function)(void *argument);
	void *argument;
	pthread_t thread;
	sem_t resumed, paused;
	struct gremc_roles roles; /* of the owner; the job has them while a slice runs */
	uint64_t deadline;        /* of the slice, TSC; UINT64_MAX: none */
	bool is_active;           /* started and not finished */
	bool is_ended, is_cancelled;
	int result;
};

/* Create the job's thread. The job begins with the first slice. It inherits the caller's signal mask and
 * CPUs.
 * Thread:  the owner of the job.
 * Returns: 0, or a negative errno: there is no job. */
__rte_warn_unused_result int gremc_job_start(struct gremc_job *job, const char *name,
					     int (*function)(void *argument), void *argument);
/* Run the job until it pauses after `microseconds`, or ends.
 * Thread:  the owner; the job has its roles meanwhile.
 * Returns: whether the job has ended: gremc_job_finish() follows. */
bool gremc_job_run(struct gremc_job *job, uint32_t microseconds);
/* Free the resources of a job. The job has ended.
 * Thread:  the owner.
 * Returns: the result of the job's function. */
__rte_warn_unused_result int gremc_job_finish(struct gremc_job *job);
/* gremc_job_pause() returns true from now on.
 * Thread:  the owner. */
void gremc_job_cancel(struct gremc_job *job);

/* Let the owner continue if the slice is used up. Outside a job this does nothing.
 * Thread:  any, without a mutex.
 * Returns: whether the job is cancelled. A step that cannot be undone ignores that. */
bool gremc_job_pause(void);

#endif
