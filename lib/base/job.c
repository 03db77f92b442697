/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_cycles.h>

#include "base/job.h"

static _Thread_local struct gremc_job *job_current;

static void semaphore_wait(sem_t *semaphore)
{
	while (sem_wait(semaphore) && errno == EINTR)
		;
}

static void *job_thread(void *argument)
{
	struct gremc_job *job = argument;

	semaphore_wait(&job->resumed);
	gremc_roles_acquire(&job->roles);
	job_current = job;
	job->result = job->function(job->argument);
	job->is_ended = true;
	gremc_roles_release(&job->roles);
	sem_post(&job->paused);
	return NULL;
}

int gremc_job_start(struct gremc_job *job, const char *name, int (*function)(void *argument), void *argument)
{
	int rc;

	gremc_assert(!job->is_active);
	*job = (struct gremc_job){.function = function, .argument = argument, .is_active = true};
	if (sem_init(&job->resumed, 0, 0) || sem_init(&job->paused, 0, 0)) {
		job->is_active = false;
		return -errno;
	}
	rc = pthread_create(&job->thread, NULL, job_thread, job);
	if (rc) {
		job->is_active = false;
		return -rc;
	}
	/* for ps and top only: a thread without the name works as well */
	(void)pthread_setname_np(job->thread, name);
	return 0;
}

bool gremc_job_run(struct gremc_job *job, uint32_t microseconds)
{
	gremc_assert(job->is_active && !job->is_ended);
	/* before the EAL is up the frequency is 0, and each pause ends a slice */
	job->deadline = microseconds == GREMC_JOB_TO_END
				? UINT64_MAX
				: rte_rdtsc() + microseconds * rte_get_tsc_hz() / 1000000;
	gremc_roles_release(&job->roles);
	sem_post(&job->resumed);
	semaphore_wait(&job->paused);
	gremc_roles_acquire(&job->roles);
	return job->is_ended;
}

int gremc_job_finish(struct gremc_job *job)
{
	gremc_assert(job->is_ended);
	pthread_join(job->thread, NULL);
	sem_destroy(&job->resumed);
	sem_destroy(&job->paused);
	job->is_active = false;
	return job->result;
}

void gremc_job_cancel(struct gremc_job *job)
{
	job->is_cancelled = true;
}

bool gremc_job_pause(void)
{
	struct gremc_job *job = job_current;

	if (job == NULL)
		return false;
	if (rte_rdtsc() >= job->deadline) {
		gremc_roles_release(&job->roles);
		sem_post(&job->paused);
		semaphore_wait(&job->resumed);
		gremc_roles_acquire(&job->roles);
	}
	return job->is_cancelled;
}
