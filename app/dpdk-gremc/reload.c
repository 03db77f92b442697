/* SPDX-License-Identifier: BSD-3-Clause */
/* SIGHUP: a thread loads the configuration, a job applies it. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "forwarder.h"

static void reload_refuse(struct gremc_forwarder *forwarder, const struct gremc_errors *errors)
{
	__atomic_add_fetch(&forwarder->reload_errors, 1, __ATOMIC_RELAXED);
	GREMC_LOG(ERR, "reload refused, the running configuration stays:");
	gremc_errors_log(errors);
}

/* A job's function. */
static int reload_apply(void *argument)
{
	struct gremc_forwarder *forwarder = argument;

	return gremc_forwarder_apply(forwarder, forwarder->reload.config, &forwarder->reload.errors);
}

/* The job has ended. */
static void reload_applied(struct gremc_forwarder *forwarder, int rc)
{
	struct gremc_reload *reload = &forwarder->reload;

	if (rc == 0) {
		__atomic_add_fetch(&forwarder->reloads, 1, __ATOMIC_RELAXED);
		GREMC_LOG(NOTICE, "reloaded %s: %u tunnels, %u mroutes", forwarder->options->config,
			  reload->config->tunnel_count, reload->config->mroute_count);
	} else {
		if (rc != -ECANCELED)
			reload_refuse(forwarder, &reload->errors);
		gremc_loading_free(reload->config);
	}
	reload->config = NULL;
	gremc_errors_fini(&reload->errors);
}

bool gremc_reload_job_start(struct gremc_forwarder *forwarder)
{
	return forwarder->reload.config &&
	       gremc_forwarder_job_start(forwarder, "gremc-apply", reload_apply, reload_applied);
}

/* The loading thread has ended. */
static void reload_loaded(void *argument)
{
	struct gremc_forwarder *forwarder = argument;
	struct gremc_reload *reload = &forwarder->reload;
	struct gremc_config *config = gremc_loading_finish(&reload->loading, &reload->errors);

	if (config && gremc_config_restart_check(forwarder->config, config, forwarder->options->config,
						 &reload->errors) == 0) {
		reload->config = config;
		return;
	}
	reload_refuse(forwarder, &reload->errors);
	gremc_errors_fini(&reload->errors);
	gremc_loading_free(config);
}

void gremc_reload_run(struct gremc_forwarder *forwarder)
{
	struct gremc_reload *reload = &forwarder->reload;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &reload->watch};
	const bool is_first = reload->loading.event < 0;
	struct gremc_errors errors = {0};
	int rc;

	if (!reload->is_due || reload->loading.active || reload->config)
		return;
	reload->is_due = false;
	reload->watch = (struct gremc_watch){.ready = reload_loaded, .argument = forwarder};
	rc = gremc_loading_start(&reload->loading, forwarder->options);
	if (rc == 0 && is_first && epoll_ctl(forwarder->epoll, EPOLL_CTL_ADD, reload->loading.event, &event))
		rc = -errno;
	if (rc) {
		gremc_errors_add(&errors, NULL, 0, 0, "cannot load it: %s", strerror(-rc));
		reload_refuse(forwarder, &errors);
		gremc_errors_fini(&errors);
	}
}
