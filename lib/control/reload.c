/* SPDX-License-Identifier: BSD-3-Clause */
/* A reload: a thread loads the configuration, a job applies it. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "control/control_priv.h"

static void reload_refuse(struct gremc_control *control, const struct gremc_errors *errors)
{
	gremc_u64_count(&control->reload_errors);
	GREMC_LOG(ERR, "reload refused, the running configuration stays:");
	gremc_errors_log(errors);
}

/* A job's function. */
static int reload_apply(void *argument)
{
	struct gremc_control *control = argument;

	return gremc_control_apply(control, control->reload.config, &control->reload.errors);
}

/* The job has ended. */
static void reload_applied(struct gremc_control *control, int rc)
{
	struct gremc_reload *reload = &control->reload;

	if (rc == 0) {
		gremc_u64_count(&control->reloads);
		GREMC_LOG(NOTICE, "reloaded %s: %u tunnels, %u mroutes", control->source.config,
			  reload->config->tunnel_count, reload->config->mroute_count);
	} else {
		if (rc != -ECANCELED)
			reload_refuse(control, &reload->errors);
		gremc_config_free_later(reload->config);
	}
	reload->config = NULL;
	gremc_errors_fini(&reload->errors);
}

bool gremc_reload_job_start(struct gremc_control *control)
{
	gremc_assert_control_thread();
	return control->reload.config &&
	       gremc_control_job_start(control, "gremc-apply", reload_apply, reload_applied);
}

/* The loading thread has ended. */
static void reload_loaded(void *argument)
{
	struct gremc_control *control = argument;
	struct gremc_reload *reload = &control->reload;
	struct gremc_config *config = gremc_loading_finish(reload->loading, &reload->errors);

	reload->loading = NULL;
	if (config && gremc_config_restart_check(control->config, config, control->source.config,
						 &reload->errors) == 0) {
		reload->config = config;
		return;
	}
	reload_refuse(control, &reload->errors);
	gremc_errors_fini(&reload->errors);
	gremc_config_free_later(config);
}

static int reload_begin(struct gremc_control *control)
{
	struct gremc_reload *reload = &control->reload;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &reload->watch};
	int rc = gremc_loading_start(&control->source, &reload->loading);

	if (rc)
		return rc;
	reload->watch = (struct gremc_watch){.ready = reload_loaded, .argument = control};
	if (epoll_ctl(control->epoll, EPOLL_CTL_ADD, gremc_loading_fd_get(reload->loading), &event) == 0)
		return 0;
	rc = -errno;
	gremc_loading_abandon(reload->loading);
	reload->loading = NULL;
	return rc;
}

void gremc_reload_run(struct gremc_control *control)
{
	struct gremc_reload *reload = &control->reload;
	struct gremc_errors errors = {0};
	int rc;

	gremc_assert_control_thread();
	if (!reload->is_due || reload->loading || reload->config)
		return;
	reload->is_due = false;
	rc = reload_begin(control);
	if (rc) {
		gremc_errors_add(&errors, NULL, 0, 0, "cannot load it: %s", strerror(-rc));
		reload_refuse(control, &errors);
		gremc_errors_fini(&errors);
	}
}

void gremc_reload_fini(struct gremc_reload *reload)
{
	gremc_assert_control_thread();
	gremc_loading_abandon(reload->loading);
	gremc_config_free(reload->config);
	gremc_errors_fini(&reload->errors);
}
