/* SPDX-License-Identifier: BSD-3-Clause */
/* Work that is proportional to the number of mroutes or tunnels: the control loop runs it in slices, between
 * packets of the host, timers, events and signals. */
#include <string.h>

#include "forwarder.h"

#define SLICE_MICROSECONDS 2000u

bool gremc_forwarder_job_start(struct gremc_forwarder *forwarder, const char *name,
			       int (*function)(void *forwarder),
			       void (*done)(struct gremc_forwarder *forwarder, int rc))
{
	struct gremc_forwarder_job *job = &forwarder->job;
	int rc;

	if (job->job.is_active)
		return false;
	rc = gremc_job_start(&job->job, name, function, forwarder);
	if (rc)
		GREMC_LOG_LIMITED(ERR, "cannot start the thread %s, which is tried again: %s", name,
				  strerror(-rc));
	job->done = done;
	return rc == 0;
}

static void job_run(struct gremc_forwarder *forwarder, uint32_t microseconds)
{
	struct gremc_forwarder_job *job = &forwarder->job;
	int rc;

	if (!job->job.is_active || !gremc_job_run(&job->job, microseconds))
		return;
	rc = gremc_job_finish(&job->job);
	if (job->done)
		job->done(forwarder, rc);
}

static bool job_start(struct gremc_forwarder *forwarder)
{
	return gremc_reload_job_start(forwarder) || gremc_membership_job_start(forwarder) ||
	       gremc_steering_job_start(forwarder);
}

bool gremc_forwarder_jobs_run(struct gremc_forwarder *forwarder)
{
	if (!forwarder->job.job.is_active && !job_start(forwarder))
		return false;
	job_run(forwarder, SLICE_MICROSECONDS);
	return forwarder->job.job.is_active;
}

void gremc_forwarder_jobs_end(struct gremc_forwarder *forwarder)
{
	if (!forwarder->job.job.is_active)
		return;
	gremc_job_cancel(&forwarder->job.job);
	job_run(forwarder, GREMC_JOB_TO_END);
}
