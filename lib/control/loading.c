/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "control/loading.h"

#define NICE 10 /* behind the control loop, which may share the CPU */

/* The thread writes config and errors; the owner reads them after it has joined the thread. */
struct gremc_loading {
	struct gremc_config_source source;
	int event;
	pthread_t thread;
	/* Thread or owner, whichever sets it first, leaves the object to the other one. */
	gremc_atomic_u32 is_left;
	struct gremc_config *config;
	struct gremc_errors errors;
};

static void priority_lower(void)
{
	/* a thread of normal priority works as well */
	(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
}

static void loading_free(struct gremc_loading *loading)
{
	close(loading->event);
	free(loading);
}

static void loading_drop(struct gremc_loading *loading)
{
	gremc_errors_fini(&loading->errors);
	gremc_config_free(loading->config);
	loading_free(loading);
}

/* Returns: whether the other one has left the object. */
static bool loading_leave(struct gremc_loading *loading)
{
	return gremc_u32_add_acq_rel(&loading->is_left, 1) == 2;
}

static void *loading_run(void *argument)
{
	struct gremc_loading *loading = argument;
	const struct gremc_config_source *source = &loading->source;

	priority_lower();
	loading->config = gremc_config_load(source->config, source->ifcfg, &loading->errors);
	if (loading->config && source->no_idle)
		loading->config->settings.idle = false;
	/* cannot fail: the counter of the descriptor is 0 */
	(void)eventfd_write(loading->event, 1);
	if (loading_leave(loading))
		loading_drop(loading);
	return NULL;
}

int gremc_loading_start(const struct gremc_config_source *source, struct gremc_loading **started)
{
	struct gremc_loading *loading = calloc(1, sizeof(*loading));
	int rc;

	if (loading == NULL)
		return -ENOMEM;
	loading->source = *source;
	loading->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loading->event < 0) {
		rc = -errno;
		free(loading);
		return rc;
	}
	rc = pthread_create(&loading->thread, NULL, loading_run, loading);
	if (rc) {
		loading_free(loading);
		return -rc;
	}
	*started = loading;
	return 0;
}

int gremc_loading_fd_get(const struct gremc_loading *loading)
{
	return loading->event;
}

struct gremc_config *gremc_loading_finish(struct gremc_loading *loading, struct gremc_errors *errors)
{
	struct gremc_config *config;

	pthread_join(loading->thread, NULL);
	config = loading->config;
	*errors = loading->errors;
	loading_free(loading);
	return config;
}

void gremc_loading_abandon(struct gremc_loading *loading)
{
	pthread_t thread;

	if (loading == NULL)
		return;
	thread = loading->thread;
	pthread_detach(thread);
	if (loading_leave(loading))
		loading_drop(loading);
}

static void *config_free_run(void *config)
{
	priority_lower();
	gremc_config_free(config);
	return NULL;
}

void gremc_config_free_later(struct gremc_config *config)
{
	pthread_t thread;

	if (config == NULL)
		return;
	if (pthread_create(&thread, NULL, config_free_run, config) == 0)
		pthread_detach(thread);
	else
		gremc_config_free(config);
}
