/* SPDX-License-Identifier: BSD-3-Clause */
/* A configuration from its files: read, validate, report. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_priv.h"

void gremc_config_free(struct gremc_config *config)
{
	if (config == NULL)
		return;
	for (uint32_t i = 0; i < config->port_count; i++) {
		free(config->ports[i].addresses);
		free(config->ports[i].routes);
		free(config->ports[i].neighbors);
		gremc_config_igmp_free(config->ports[i].igmp);
		gremc_config_policy_free(config->ports[i].policy);
	}
	for (uint32_t i = 0; i < config->tunnel_count; i++) {
		free(config->tunnels[i].routes);
		gremc_config_igmp_free(config->tunnels[i].igmp);
		gremc_config_policy_free(config->tunnels[i].policy);
	}
	for (uint32_t i = 0; i < config->mroute_count; i++) {
		free(config->mroutes[i].from);
		free(config->mroutes[i].to);
	}
	free(config->ports);
	free(config->tunnels);
	free(config->mroutes);
	gremc_errors_fini(&config->warnings);
	gremc_errors_fini(&config->notes);
	free(config);
}

static struct loader *loader_create(void)
{
	struct value program = {"the program", {0}, false};
	struct loader *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->config = calloc(1, sizeof(*l->config));
	if (l->config == NULL) {
		free(l);
		return NULL;
	}
	gremc_config_defaults_set(l, SECTION_SETTINGS, &program, &l->config->settings);
	gremc_config_defaults_set(l, SECTION_TIMING, &program, &l->config->igmp);
	return l;
}

void gremc_config_port_draft_fini(struct port_draft *draft)
{
	free(draft->port.addresses);
	free(draft->port.routes);
	free(draft->port.neighbors);
	gremc_config_igmp_free(draft->port.igmp);
	gremc_config_policy_free(draft->port.policy);
	free(draft->address_places);
	free(draft->routes);
}

static void loader_destroy(struct loader *l)
{
	for (uint32_t i = 0; i < l->port_count; i++)
		gremc_config_port_draft_fini(&l->ports[i]);
	for (uint32_t i = 0; i < l->netplan_port_count; i++)
		free(l->netplan_ports[i].addresses);
	free(l->netplan_ports);
	for (uint32_t i = 0; i < l->tunnel_count; i++) {
		free(l->tunnels[i].tunnel.routes);
		gremc_config_igmp_free(l->tunnels[i].tunnel.igmp);
		gremc_config_policy_free(l->tunnels[i].tunnel.policy);
	}
	free(l->addresses);
	free(l->tunnels);
	free(l->mroute_places);
	gremc_config_names_fini(&l->names);
	if (l->has_document)
		yaml_document_delete(&l->document);
	gremc_config_messages_fini(l);
	gremc_config_free(l->config);
	free(l);
}

void gremc_config_read_settings(struct loader *l, const struct key *key, yaml_node_t *node, void *object)
{
	struct value owner = {key->name, gremc_config_node_place(node), false};

	(void)object;
	gremc_config_mapping_read(l, node, SECTION_SETTINGS, &owner, &l->config->settings, NULL);
}

static const char *file_kind_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	default:
		return "a device";
	}
}

/* Open a regular file. Other files may never end, and open() of a FIFO without O_NONBLOCK waits for a writer.
 * Returns: NULL: the error is added. */
static FILE *config_file_open(struct loader *l, const char *path)
{
	struct place nowhere = {0};
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	FILE *file = NULL;
	struct stat stat;

	if (fd >= 0 && fstat(fd, &stat) == 0 && !S_ISREG(stat.st_mode)) {
		nowhere.file = gremc_config_file_add(l, path);
		gremc_config_error_add(l, nowhere, "this is %s; a configuration is a regular file",
				       file_kind_name(stat.st_mode));
		close(fd);
		return NULL;
	}
	if (fd >= 0)
		file = fdopen(fd, "r");
	if (file == NULL) {
		nowhere.file = gremc_config_file_add(l, path);
		gremc_config_error_add(l, nowhere, "the file cannot be opened: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	return file;
}

char *gremc_config_file_read(struct loader *l, const char *path, size_t *size)
{
	struct place nowhere = {0};
	size_t capacity = 0, length = 0;
	char *text = NULL;
	FILE *file = config_file_open(l, path);

	if (file == NULL)
		return NULL;
	/* read to the end: the size may change meanwhile */
	do {
		char *grown = capacity - length > 1
				      ? text
				      : realloc(text, capacity = capacity ? 2 * capacity : 65536);

		if (grown == NULL) {
			l->no_memory = true;
			goto fail;
		}
		text = grown;
		length += fread(text + length, 1, capacity - length - 1, file);
	} while (!feof(file) && !ferror(file) && length < GREMC_CONFIG_FILE_MAX);
	if (ferror(file) || length >= GREMC_CONFIG_FILE_MAX) {
		nowhere.file = gremc_config_file_add(l, path);
		gremc_config_error_add(l, nowhere, "the file cannot be read: %s",
				       ferror(file) ? strerror(errno) : "it is larger than 1 GiB");
		goto fail;
	}
	text[length] = '\0';
	*size = length;
	fclose(file);
	return text;
fail:
	free(text);
	fclose(file);
	return NULL;
}

static void loader_no_port_error(struct loader *l, struct place place)
{
	if (l->netplan_port_count == 0)
		gremc_config_error_add(l, place,
				       "the file names no port; add `ethernets: {NAME: {device: ...}}`");
	for (uint32_t i = 0; i < l->netplan_port_count; i++)
		gremc_config_error_add(
			l, l->netplan_ports[i].name.place,
			"%s has no `device`; add `device:`, which accepts the EAL's name of a device, "
			"or `interface:`, which accepts one of the kernel",
			QUOTE(l->netplan_ports[i].name.text));
}

static void loader_read_yaml(struct loader *l, const char *text, size_t size)
{
	struct value owner = {"the file", {0, 1, 1}, false};
	uint32_t problems;

	l->has_ports = true;
	if (!gremc_config_document_parse(l, text, size)) {
		l->ports_broken = true;
		return;
	}
	problems = l->problems.count;
	gremc_config_mapping_read(l, yaml_document_get_root_node(&l->document), SECTION_TOP, &owner, l, NULL);
	if (l->port_count == 0 && l->problems.count == problems)
		loader_no_port_error(l, owner.place);
}

struct ifcfg_source {
	const char *directory; /* NULL: the one file below */
	const char *path, *text;
	size_t size;
};

/* Each step uses the results of the previous one, so lack of memory ends the sequence. */
static void loader_validate(struct loader *l, const struct ifcfg_source *ifcfg)
{
	gremc_config_validate_ports(l);
	if (!l->no_memory && ifcfg && ifcfg->directory)
		gremc_config_load_ifcfg(l, ifcfg->directory);
	else if (!l->no_memory && ifcfg)
		gremc_config_ifcfg_read(l, ifcfg->path, ifcfg->text, ifcfg->size);
	if (!l->no_memory)
		gremc_config_validate_tunnels(l);
	if (!l->no_memory)
		gremc_config_validate_igmp(l);
	if (!l->no_memory)
		gremc_config_load_mroutes(l);
	if (!l->no_memory)
		gremc_config_validate_mroutes(l);
	if (!l->no_memory && l->problems.count == 0)
		gremc_config_check_mtus(l);
}

/* Validate, report and destroy the loader.
 * Returns: the configuration; NULL: every error is in *errors. */
static struct gremc_config *loader_finish(struct loader *l, const struct ifcfg_source *ifcfg,
					  struct gremc_errors *errors)
{
	struct gremc_config *config = NULL;

	if (!l->no_memory)
		loader_validate(l, ifcfg);
	gremc_config_messages_report(l, errors);
	if (l->problems.count == 0 && !l->no_memory) {
		config = l->config;
		l->config = NULL;
	}
	loader_destroy(l);
	return config;
}

static struct loader *loader_begin(struct gremc_errors *errors)
{
	struct loader *l = loader_create();

	if (l == NULL)
		gremc_errors_add(errors, NULL, 0, 0, "out of memory while loading the configuration");
	return l;
}

struct gremc_config *gremc_config_load(const char *path, const char *ifcfg_dir, struct gremc_errors *errors)
{
	const struct ifcfg_source ifcfg = {.directory = ifcfg_dir};
	struct loader *l = loader_begin(errors);
	struct gremc_config *config;
	char *text = NULL;
	size_t size;

	if (l == NULL)
		return NULL;
	if (path) {
		text = gremc_config_file_read(l, path, &size);
		/* without the file the ports are unknown, so tunnels are not checked against them */
		l->has_ports = true;
		l->ports_broken = text == NULL;
	}
	if (text) {
		gremc_config_file_add(l, path);
		loader_read_yaml(l, text, size);
	}
	config = loader_finish(l, ifcfg_dir ? &ifcfg : NULL, errors);
	free(text);
	return config;
}

struct gremc_config *gremc_config_load_memory(const char *path, const char *text, size_t size,
					      struct gremc_errors *errors)
{
	struct loader *l = loader_begin(errors);

	if (l == NULL)
		return NULL;
	gremc_config_file_add(l, path);
	loader_read_yaml(l, text, size);
	return loader_finish(l, NULL, errors);
}

struct gremc_config *gremc_config_load_ifcfg_memory(const char *path, const char *text, size_t size,
						    struct gremc_errors *errors)
{
	const struct ifcfg_source ifcfg = {.path = path, .text = text, .size = size};
	struct loader *l = loader_begin(errors);

	return l ? loader_finish(l, &ifcfg, errors) : NULL;
}
