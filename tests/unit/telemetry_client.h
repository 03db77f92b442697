/* SPDX-License-Identifier: BSD-3-Clause */
/* Ask the telemetry socket as a user does, and take the JSON of the reply to pieces: one entry for each
 * value, under its path, such as "list.3.name", "drops.rpf" or "bursts[0]". */
#ifndef GREMC_TESTS_TELEMETRY_CLIENT_H
#define GREMC_TESTS_TELEMETRY_CLIENT_H

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REPLY_LIMIT 16384 /* DPDK's max_output_len */
#define FIELDS_MAX  4096

struct reply {
	size_t length; /* of the JSON */
	unsigned count;
	struct {
		char path[96];
		char value[160];
		bool is_text;
	} field[FIELDS_MAX];
	char json[4 * REPLY_LIMIT];
};

/* The parser: *at moves on. Returns false on what is no JSON of the kind that telemetry makes. */
static bool reply_value(struct reply *reply, const char **at, const char *path);

static bool reply_string(const char **at, char *text, size_t size)
{
	size_t used = 0;

	if (*(*at)++ != '"')
		return false;
	while (**at && **at != '"') {
		if (**at == '\\')
			(*at)++;
		if (used + 1 < size)
			text[used++] = **at;
		(*at)++;
	}
	text[used] = '\0';
	return *(*at)++ == '"';
}

static bool reply_members(struct reply *reply, const char **at, const char *path, char end)
{
	unsigned index = 0;

	(*at)++;
	while (**at != end) {
		char key[96], inner[256];

		if (end == '}') {
			if (!reply_string(at, key, sizeof(key)) || *(*at)++ != ':')
				return false;
			snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", key);
		} else {
			snprintf(inner, sizeof(inner), "%s[%u]", path, index++);
		}
		if (!reply_value(reply, at, inner))
			return false;
		if (**at == ',')
			(*at)++;
		else if (**at != end)
			return false;
	}
	(*at)++;
	return true;
}

static bool reply_value(struct reply *reply, const char **at, const char *path)
{
	unsigned used = 0;

	if (**at == '{' || **at == '[')
		return reply_members(reply, at, path, **at == '{' ? '}' : ']');
	if (reply->count == FIELDS_MAX || strlen(path) >= sizeof(reply->field[0].path))
		return false;
	strcpy(reply->field[reply->count].path, path);
	reply->field[reply->count].is_text = **at == '"';
	if (**at == '"') {
		if (!reply_string(at, reply->field[reply->count].value, sizeof(reply->field[0].value)))
			return false;
	} else {
		while (isdigit((unsigned char)**at) && used < 20)
			reply->field[reply->count].value[used++] = *(*at)++;
		reply->field[reply->count].value[used] = '\0';
		if (used == 0)
			return false;
	}
	reply->count++;
	return true;
}

/* Take `reply->json`, {"/gremc/...": {...}}, to pieces. */
static inline bool reply_parse(struct reply *reply)
{
	const char *at = reply->json;
	char command[96];

	reply->count = 0;
	if (*at++ != '{' || !reply_string(&at, command, sizeof(command)) || *at++ != ':')
		return false;
	return *at == '{' && reply_value(reply, &at, "") && strcmp(at, "}") == 0;
}

static inline const char *reply_find(const struct reply *reply, const char *path, bool is_text)
{
	for (unsigned i = 0; i < reply->count; i++) {
		if (strcmp(reply->field[i].path, path) == 0 && reply->field[i].is_text == is_text)
			return reply->field[i].value;
	}
	return NULL;
}

/* A connection to DPDK's telemetry socket, or -1. */
static inline int client_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char hello[1024];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    recv(fd, hello, sizeof(hello), 0) > 0)
		return fd;
	close(fd);
	return -1;
}

/* One question; the answer is in reply->json. */
static inline bool client_ask(int fd, const char *question, struct reply *reply)
{
	ssize_t length;

	if (send(fd, question, strlen(question), 0) < 0)
		return false;
	length = recv(fd, reply->json, sizeof(reply->json) - 1, 0);
	if (length <= 0)
		return false;
	reply->json[length] = '\0';
	reply->length = length;
	return true;
}

#endif
