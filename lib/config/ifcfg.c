/* SPDX-License-Identifier: BSD-3-Clause */
/* ifcfg-* files of the network-scripts kind: lines of KEY=VALUE as a shell reads them, without running one.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config_priv.h"

/* The keys of a tunnel and their YAML counterparts. */
enum ifcfg_id { TYPE, DEVICE, MY_OUTER, PEER_OUTER, MY_INNER, PEER_INNER, TUNNEL_KEY, TTL, MTU, IFCFG_COUNT };

static const struct {
	const char *name;
	enum key_id key;  /* KEY_COUNT: none */
	const char *type; /* the accepted values if they differ from those of the YAML key */
} ifcfg_keys[IFCFG_COUNT] = {
	[TYPE] = {"TYPE", KEY_COUNT, NULL},
	[DEVICE] = {"DEVICE", KEY_COUNT, NULL},
	[MY_OUTER] = {"MY_OUTER_IPADDR", KEY_LOCAL, NULL},
	[PEER_OUTER] = {"PEER_OUTER_IPADDR", KEY_REMOTE, NULL},
	[MY_INNER] = {"MY_INNER_IPADDR", KEY_COUNT, NULL},
	[PEER_INNER] = {"PEER_INNER_IPADDR", KEY_COUNT, NULL},
	[TUNNEL_KEY] = {"KEY", KEY_KEY, "a number from 0 to 4294967295, or a dotted quad"},
	[TTL] = {"TTL", KEY_TTL, NULL},
	[MTU] = {"MTU", KEY_TUNNEL_MTU, NULL},
};

struct ifcfg {
	struct loader *l; /* NULL: the first pass, without messages */
	uint32_t file;
	bool names_gre;                   /* a TYPE line begins with GRE */
	char *output;                     /* where the next unquoted value is written */
	struct value values[IFCFG_COUNT]; /* text NULL: not given */
};

/* ---- lines ---- */

static const char *text_skip_blanks(const char *c)
{
	while (*c == ' ' || *c == '\t' || *c == '\r')
		c++;
	return c;
}

static bool char_ends_word(char c)
{
	return c == '\0' || c == ' ' || c == '\t' || c == '\r';
}

/* Write one shell word without its quotes to file->output.
 * Returns: the text behind the word; NULL: a quote is not closed. */
static const char *ifcfg_word_unquote(struct ifcfg *file, const char *c)
{
	char *out = file->output;

	while (!char_ends_word(*c) && *c != ';') {
		char quote = *c == '"' || *c == '\'' ? *c : '\0';

		if (quote) {
			for (c++; *c && *c != quote; c++) {
				if (quote == '"' && *c == '\\' && c[1] && strchr("\"\\$`", c[1]))
					c++;
				*out++ = *c;
			}
			if (*c++ == '\0')
				return NULL;
		} else {
			if (*c == '\\' && c[1])
				c++;
			*out++ = *c++;
		}
	}
	*out++ = '\0';
	file->output = out;
	return c;
}

static void ifcfg_line_error(const struct ifcfg *file, struct place place, const char *what)
{
	if (file->l)
		gremc_config_error_add(file->l, place, "%s", what);
}

static void ifcfg_value_set(struct ifcfg *file, enum ifcfg_id id, const char *text, struct place place)
{
	char where[WHERE_TEXT];

	/* the scripts treat KEY= as absent */
	if (*text == '\0')
		return;
	if (file->values[id].text && file->l)
		gremc_config_error_add(
			file->l, place, "`%s` is given twice, first on %s; keep one of them",
			ifcfg_keys[id].name,
			gremc_config_place_format(where, file->l, file->values[id].place, place));
	file->values[id] = (struct value){text, place, false};
}

/* Whether the line resembles TYPE=GRE, with spaces around the `=`, quotes, or text behind GRE. A file with
 * such a line describes a tunnel: its errors are reported and the file is not skipped. */
static bool line_has_type_gre(const char *c)
{
	static const char type[] = "TYPE", gre[] = "GRE";

	if (strncmp(c, type, strlen(type)))
		return false;
	c = text_skip_blanks(c + strlen(type));
	if (*c++ != '=')
		return false;
	while (*c == '"' || *c == '\'' || *c == '\\' || *c == ' ' || *c == '\t')
		c++;
	return strncasecmp(c, gre, strlen(gre)) == 0 && !isalnum((unsigned char)c[strlen(gre)]) &&
	       c[strlen(gre)] != '_';
}

static void ifcfg_line_read(struct ifcfg *file, const char *line, uint32_t number)
{
	struct place place = {file->file, number, 1};
	const char *c = text_skip_blanks(line), *name, *value;
	size_t length;

	if (*c == '\0' || *c == '#')
		return;
	if (strncmp(c, "export", 6) == 0 && (c[6] == ' ' || c[6] == '\t'))
		c = text_skip_blanks(c + 6);
	file->names_gre |= line_has_type_gre(c);
	name = c;
	while (isalnum((unsigned char)*c) || *c == '_')
		c++;
	length = c - name;
	place.column = name - line + 1;
	if (length == 0 || *c != '=') {
		ifcfg_line_error(file, place,
				 "this line is not KEY=VALUE; correct it, or make it a comment with #");
		return;
	}
	place.column = c + 1 - line + 1;
	value = file->output;
	c = ifcfg_word_unquote(file, c + 1);
	if (c == NULL) {
		ifcfg_line_error(file, place, "a quote is not closed on this line; close it");
		return;
	}
	c = text_skip_blanks(c);
	if (*c == ';')
		c = text_skip_blanks(c + 1);
	if (*c && *c != '#') {
		place.column = c - line + 1;
		ifcfg_line_error(file, place,
				 "text follows the value; put a value with spaces in quotes, and "
				 "each assignment on its own line");
		return;
	}
	for (enum ifcfg_id id = 0; id < IFCFG_COUNT; id++)
		if (strlen(ifcfg_keys[id].name) == length && strncmp(ifcfg_keys[id].name, name, length) == 0)
			ifcfg_value_set(file, id, value, place);
}

/* Read the lines of a NUL-terminated text, which is modified. */
static void ifcfg_lines_read(struct ifcfg *file, char *text)
{
	char *line;

	for (uint32_t number = 1; (line = strsep(&text, "\n")) != NULL; number++)
		ifcfg_line_read(file, line, number);
}

/* ---- a tunnel ---- */

static void ifcfg_key_read(struct loader *l, const struct ifcfg *file, enum ifcfg_id id,
			   struct tunnel_draft *draft)
{
	struct key key = gremc_config_keys[ifcfg_keys[id].key];

	if (file->values[id].text == NULL)
		return;
	/* messages use the key's name in this file */
	key.name = ifcfg_keys[id].name;
	if (ifcfg_keys[id].type)
		key.type = ifcfg_keys[id].type;
	key.scalar(l, &key, &file->values[id], draft);
}

static void ifcfg_local_default(struct loader *l, const struct ifcfg *file, struct tunnel_draft *draft)
{
	/* with an error in the ports the address cannot be chosen */
	if (l->address_count == 1)
		draft->tunnel.options.local = gremc_addr_to_ipv4(&l->addresses[0].address);
	else if (!l->ports_broken)
		gremc_config_error_add(
			l, file->values[TYPE].place,
			"there is no `MY_OUTER_IPADDR`, and %s; add it with the outer address of this "
			"end",
			l->address_count ? "the ports have several addresses" : "no port has an address");
	draft->local = file->values[TYPE].place;
}

static void ifcfg_inner_read(struct loader *l, const struct ifcfg *file, struct tunnel_draft *draft)
{
	struct gremc_config_tunnel *tunnel = &draft->tunnel;
	struct gremc_config_address peer;

	if (file->values[MY_INNER].text)
		gremc_config_interface_address_read(l, &file->values[MY_INNER], 32, &tunnel->address);
	/* the scripts accept the length at either end */
	if (file->values[PEER_INNER].text == NULL ||
	    !gremc_config_interface_address_read(l, &file->values[PEER_INNER], 32, &peer))
		return;
	/* a route to the remote by its own tunnel would loop; the scripts do not add it, either */
	if (gremc_addr_to_ipv4(&peer.address) != tunnel->options.remote)
		tunnel->peer = peer.address;
	else
		gremc_config_note_add(
			l, file->values[PEER_INNER].place,
			"`PEER_INNER_IPADDR` is `PEER_OUTER_IPADDR`: it is ignored, because the route to it "
			"would lead the tunnel into itself");
}

static void ifcfg_tunnel_add(struct loader *l, const struct ifcfg *file, const char *path)
{
	const struct value *values = file->values;
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	struct value name = values[DEVICE];
	uint32_t problems = l->problems.count;
	struct tunnel_draft *draft;

	if (name.text == NULL)
		name = (struct value){base + strlen("ifcfg-"), values[TYPE].place, false};
	draft = gremc_config_tunnel_add(l, &name);
	if (draft == NULL)
		return;
	gremc_config_defaults_set(l, SECTION_TUNNEL, &name, draft);
	/* the file describes an interface of the kernel */
	draft->tunnel.host = true;
	draft->local = values[MY_OUTER].place;
	draft->mtu = values[MTU].place;
	draft->peer = values[PEER_INNER].place;
	ifcfg_key_read(l, file, MY_OUTER, draft);
	ifcfg_key_read(l, file, PEER_OUTER, draft);
	ifcfg_key_read(l, file, TUNNEL_KEY, draft);
	ifcfg_key_read(l, file, TTL, draft);
	ifcfg_key_read(l, file, MTU, draft);
	ifcfg_inner_read(l, file, draft);
	if (values[MY_OUTER].text == NULL)
		ifcfg_local_default(l, file, draft);
	if (values[PEER_OUTER].text == NULL)
		gremc_config_error_add(
			l, values[TYPE].place,
			"there is no `PEER_OUTER_IPADDR`; add it with the outer address of the other "
			"end");
	draft->broken = l->problems.count != problems || draft->tunnel.options.local == 0;
}

/* Blanks inside the quotes are ignored. */
static bool ifcfg_is_gre(const struct ifcfg *file)
{
	const char *text = file->values[TYPE].text;

	if (text == NULL)
		return false;
	text = text_skip_blanks(text);
	return strncasecmp(text, "GRE", 3) == 0 && *text_skip_blanks(text + 3) == '\0';
}

static void ifcfg_type_error(struct loader *l, const struct ifcfg *file)
{
	gremc_config_error_add(
		l, file->values[TYPE].place,
		"`TYPE` is `%s`, though a line begins with TYPE=GRE; write TYPE=GRE, or another "
		"type, on one line and nothing else",
		file->values[TYPE].text ? file->values[TYPE].text : "");
}

void gremc_config_ifcfg_read(struct loader *l, const char *path, const char *text, size_t size)
{
	char *lines = gremc_config_array_alloc(l, size + 1, 1),
	     *output = gremc_config_array_alloc(l, size + 1, 1);
	struct ifcfg file = {.output = output};
	uint32_t problems;

	if (lines == NULL || output == NULL)
		goto out;
	memcpy(lines, text, size);
	ifcfg_lines_read(&file, lines);
	if (!file.names_gre && !ifcfg_is_gre(&file))
		goto out;
	/* it describes a tunnel: read it again, and report errors */
	file = (struct ifcfg){.l = l, .file = gremc_config_file_add(l, path), .output = output};
	if (memchr(text, 0, size))
		gremc_config_error_add(l, (struct place){file.file, 0, 0},
				       "the file holds a NUL byte; an ifcfg file is text");
	memcpy(lines, text, size);
	problems = l->problems.count;
	ifcfg_lines_read(&file, lines);
	if (ifcfg_is_gre(&file))
		ifcfg_tunnel_add(l, &file, path);
	else if (l->problems.count == problems)
		ifcfg_type_error(l, &file);
out:
	free(output);
	free(lines);
}

/* ---- the directory ---- */

static int entry_is_ifcfg(const struct dirent *entry)
{
	static const char *const leftovers[] = {"~", ".bak", ".orig", ".rpmsave", ".rpmnew"};
	size_t length = strlen(entry->d_name);

	if (strncmp(entry->d_name, "ifcfg-", 6) || length == 6)
		return 0;
	for (size_t i = 0; i < RTE_DIM(leftovers); i++) {
		size_t end = strlen(leftovers[i]);

		if (length > end && strcmp(entry->d_name + length - end, leftovers[i]) == 0)
			return 0;
	}
	return 1;
}

static void ifcfg_file_load(struct loader *l, const char *directory, const char *name)
{
	char *path, *text;
	struct stat status;
	size_t size;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		l->no_memory = true;
		return;
	}
	/* ignore a directory or a pipe of that name */
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		goto out;
	text = gremc_config_file_read(l, path, &size);
	if (text)
		gremc_config_ifcfg_read(l, path, text, size);
	free(text);
out:
	free(path);
}

/* Compare by name, independent of the locale, which must not change the index of a tunnel. */
static int entry_compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

void gremc_config_load_ifcfg(struct loader *l, const char *directory)
{
	uint32_t problems = l->problems.count;
	struct dirent **entries;
	int count = scandir(directory, &entries, entry_is_ifcfg, entry_compare_names);

	if (count < 0) {
		gremc_config_error_add(l, (struct place){gremc_config_file_add(l, directory), 0, 0},
				       "the directory cannot be read: %s", strerror(errno));
		return;
	}
	for (int i = 0; i < count; i++) {
		ifcfg_file_load(l, directory, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	/* with a YAML file the directory may be empty; without one it is probably the wrong directory */
	if (!l->has_ports && l->tunnel_count == 0 && l->problems.count == problems)
		gremc_config_error_add(
			l, (struct place){gremc_config_file_add(l, directory), 0, 0},
			"there is no ifcfg-* file with TYPE=GRE in this directory; give the directory that has "
			"them");
}
