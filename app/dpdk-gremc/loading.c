/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loading.h"

#define NICE 10 /* behind the control loop, whose CPU it may share */

static void be_nice(void)
{
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
}

static void *load(void *argument)
{
	struct gremc_loading *loading = argument;

	be_nice();
	loading->config =
		gremc_config_load(loading->options->config, loading->options->ifcfg, &loading->errors);
	if (loading->config && loading->options->no_idle)
		loading->config->settings.idle = false;
	eventfd_write(loading->event, 1);
	return NULL;
}

int gremc_loading_start(struct gremc_loading *loading, const struct gremc_options *options)
{
	int rc;

	if (loading->event < 0)
		loading->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loading->event < 0)
		return -errno;
	loading->options = options;
	loading->config = NULL;
	loading->errors = (struct gremc_errors){0};
	rc = pthread_create(&loading->thread, NULL, load, loading);
	loading->active = rc == 0;
	return -rc;
}

struct gremc_config *gremc_loading_finish(struct gremc_loading *loading, struct gremc_errors *errors)
{
	eventfd_t ended;

	eventfd_read(loading->event, &ended);
	pthread_join(loading->thread, NULL);
	loading->active = false;
	*errors = loading->errors;
	return loading->config;
}

static void *release(void *config)
{
	be_nice();
	gremc_config_free(config);
	return NULL;
}

void gremc_loading_free(struct gremc_config *config)
{
	pthread_t thread;

	if (config == NULL)
		return;
	if (pthread_create(&thread, NULL, release, config) == 0)
		pthread_detach(thread);
	else
		gremc_config_free(config);
}
