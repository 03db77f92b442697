/* SPDX-License-Identifier: BSD-3-Clause */
/* Work that is proportional to the number of mroutes or tunnels: the control loop runs it in slices, between
 * packets of the host, timers, events and signals. */
#include <string.h>

#include "control/control_priv.h"

#define SLICE_MICROSECONDS 2000u
#define RETRY_INTERVAL     100u /* milliseconds between two attempts to start a thread */

bool gremc_control_job_start(struct gremc_control *control, const char *name, int (*function)(void *control),
			     void (*done)(struct gremc_control *control, int rc))
{
	struct gremc_control_job *job = &control->job;
	int rc;

	gremc_assert_control_thread();
	if (job->job.is_active || gremc_clock_ms() < job->blocked_until)
		return false;
	rc = gremc_job_start(&job->job, name, function, control);
	if (rc) {
		GREMC_LOG_LIMITED(ERR, "cannot start the thread %s, it is tried again: %s", name,
				  strerror(-rc));
		job->blocked_until = gremc_clock_ms() + RETRY_INTERVAL;
	}
	job->done = done;
	return rc == 0;
}

static void active_job_run(struct gremc_control *control, uint32_t microseconds)
{
	struct gremc_control_job *job = &control->job;
	int rc;

	if (!job->job.is_active || !gremc_job_run(&job->job, microseconds))
		return;
	rc = gremc_job_finish(&job->job);
	if (job->done)
		job->done(control, rc);
}

static bool due_job_start(struct gremc_control *control)
{
	return gremc_reload_job_start(control) || gremc_repeat_job_start(control) ||
	       gremc_membership_job_start(control) || gremc_steering_job_start(control);
}

bool gremc_control_jobs_run(struct gremc_control *control)
{
	gremc_assert_control_thread();
	if (!control->job.job.is_active && !due_job_start(control))
		return false;
	active_job_run(control, SLICE_MICROSECONDS);
	return control->job.job.is_active;
}

void gremc_control_stop(struct gremc_control *control)
{
	gremc_assert_control_thread();
	if (!control->job.job.is_active)
		return;
	gremc_job_cancel(&control->job.job);
	active_job_run(control, GREMC_JOB_TO_END);
}
