/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "telemetry_client.h"

/* Parse the value at *at, which advances. Returns false if it is not JSON as telemetry writes it. */
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

bool reply_parse(struct reply *reply)
{
	const char *at = reply->json;
	char command[96];

	reply->count = 0;
	if (*at++ != '{' || !reply_string(&at, command, sizeof(command)) || *at++ != ':')
		return false;
	return *at == '{' && reply_value(reply, &at, "") && strcmp(at, "}") == 0;
}

static const char *reply_find(const struct reply *reply, const char *path, bool is_text)
{
	for (unsigned i = 0; i < reply->count; i++) {
		if (strcmp(reply->field[i].path, path) == 0 && reply->field[i].is_text == is_text)
			return reply->field[i].value;
	}
	return NULL;
}

const char *reply_find_text(const struct reply *reply, const char *path)
{
	return reply_find(reply, path, true);
}

const char *reply_find_number(const struct reply *reply, const char *path)
{
	return reply_find(reply, path, false);
}

int client_connect(const char *path)
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

bool client_query(int fd, const char *query, struct reply *reply)
{
	ssize_t length;

	if (send(fd, query, strlen(query), 0) < 0)
		return false;
	length = recv(fd, reply->json, sizeof(reply->json) - 1, 0);
	if (length <= 0)
		return false;
	reply->json[length] = '\0';
	reply->length = length;
	return true;
}
