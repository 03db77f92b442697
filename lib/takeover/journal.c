/* SPDX-License-Identifier: BSD-3-Clause */
/* The journal of a takeover: a file that exists until the takeover is finished or undone. It holds everything
 * that the reversal needs. The process that writes it keeps it locked, so a journal without a lock belongs to
 * a process that was killed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "takeover/takeover_priv.h"

#define PREFIX "gremc-takeover-"
#define MAGIC  0x314f5447u /* version of the layout: "GTO1" */
#define LIMIT  (64u << 20) /* bytes of a journal */

struct journal_header {
	uint32_t magic, ifindex, flags, address_count, route_count;
	char name[IFNAMSIZ], aside[IFNAMSIZ];
};
static_assert(sizeof(struct journal_header) == 5 * sizeof(uint32_t) + 2 * IFNAMSIZ,
	      "a journal is read by another build of the program, so its layout is fixed");

/* The name includes the network namespace, because interface names are unique only within one. */
static int journal_prefix_format(char *text, size_t size)
{
	struct stat status;

	if (stat("/proc/thread-self/ns/net", &status))
		return -errno;
	snprintf(text, size, PREFIX "%ju-", (uintmax_t)status.st_ino);
	return 0;
}

static int file_write_all(int fd, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	while (length > 0) {
		ssize_t n = write(fd, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		length -= n;
	}
	return 0;
}

static int journal_messages_write(int fd, const struct gremc_netlink_messages *messages)
{
	int rc = 0;

	for (uint32_t i = 0; i < messages->count && rc == 0; i++)
		rc = file_write_all(fd, messages->message[i], messages->message[i]->nlmsg_len);
	return rc;
}

static int journal_contents_write(int fd, const struct gremc_takeover *takeover)
{
	struct journal_header header = {
		.magic = MAGIC,
		.ifindex = takeover->ifindex,
		.flags = takeover->flags,
		.address_count = takeover->addresses.count,
		.route_count = takeover->routes.count,
	};
	int rc;

	memcpy(header.name, takeover->name, sizeof(header.name));
	memcpy(header.aside, takeover->aside, sizeof(header.aside));
	rc = file_write_all(fd, &header, sizeof(header));
	if (rc == 0)
		rc = journal_messages_write(fd, &takeover->addresses);
	if (rc == 0)
		rc = journal_messages_write(fd, &takeover->routes);
	return rc;
}

int gremc_takeover_journal_write(const char *directory, struct gremc_takeover *takeover)
{
	char prefix[64], temporary[PATH_MAX];
	int rc = journal_prefix_format(prefix, sizeof(prefix));

	gremc_assert(takeover->fd < 0);
	if (rc)
		return rc;
	if (snprintf(takeover->journal, sizeof(takeover->journal), "%s/%s%s", directory, prefix,
		     takeover->name) >= (int)sizeof(takeover->journal) ||
	    snprintf(temporary, sizeof(temporary), "%s/." PREFIX "%d", directory, (int)getpid()) >=
		    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	takeover->fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (takeover->fd < 0)
		return -errno;
	rc = flock(takeover->fd, LOCK_EX | LOCK_NB) ? -errno : journal_contents_write(takeover->fd, takeover);
	if (rc == 0 && rename(temporary, takeover->journal))
		rc = -errno;
	if (rc == 0)
		return 0;
	unlink(temporary);
	close(takeover->fd);
	takeover->fd = -1;
	return rc;
}

void gremc_takeover_journal_remove(struct gremc_takeover *takeover)
{
	if (takeover->fd < 0)
		return;
	if (unlink(takeover->journal) && errno != ENOENT)
		GREMC_LOG(WARNING, "%s cannot be removed: %s", takeover->journal, strerror(errno));
	close(takeover->fd);
	takeover->fd = -1;
}

/* ---- reading ---- */

static uint8_t *journal_bytes_read(int fd, size_t *size)
{
	struct stat status;
	uint8_t *bytes;

	if (fstat(fd, &status) || status.st_size < (off_t)sizeof(struct journal_header) ||
	    status.st_size > (off_t)LIMIT)
		return NULL;
	*size = (size_t)status.st_size;
	bytes = malloc(*size);
	if (bytes && pread(fd, bytes, *size, 0) != (ssize_t)*size) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

/* Returns: bytes that were read; 0: the messages are damaged, or out of memory. */
static size_t journal_messages_read(const uint8_t *bytes, size_t left, uint32_t count,
				    struct gremc_netlink_messages *messages)
{
	size_t at = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct nlmsghdr header;

		if (left - at < sizeof(header))
			return 0;
		memcpy(&header, bytes + at, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > left - at)
			return 0;
		gremc_netlink_messages_add(messages, bytes + at, header.nlmsg_len);
		at += header.nlmsg_len;
	}
	return messages->no_memory ? 0 : at;
}

static bool journal_parse(const uint8_t *bytes, size_t size, struct gremc_takeover *takeover)
{
	struct journal_header header;
	size_t at = sizeof(header), length;

	memcpy(&header, bytes, sizeof(header));
	if (header.magic != MAGIC || memchr(header.name, 0, sizeof(header.name)) == NULL ||
	    memchr(header.aside, 0, sizeof(header.aside)) == NULL)
		return false;
	takeover->ifindex = header.ifindex;
	takeover->flags = header.flags;
	memcpy(takeover->name, header.name, sizeof(takeover->name));
	memcpy(takeover->aside, header.aside, sizeof(takeover->aside));
	length = journal_messages_read(bytes + at, size - at, header.address_count, &takeover->addresses);
	if (length == 0 && header.address_count)
		return false;
	at += length;
	length = journal_messages_read(bytes + at, size - at, header.route_count, &takeover->routes);
	return at + length == size;
}

/* Returns: NULL: a process holds the journal, or it cannot be read, which is logged. */
static struct gremc_takeover *journal_open(const char *directory, const char *name)
{
	struct gremc_takeover *takeover = gremc_takeover_new();
	uint8_t *bytes = NULL;
	size_t size;

	if (takeover == NULL)
		return NULL;
	if (snprintf(takeover->journal, sizeof(takeover->journal), "%s/%s", directory, name) >=
	    (int)sizeof(takeover->journal))
		goto fail;
	takeover->fd = open(takeover->journal, O_RDWR | O_CLOEXEC);
	if (takeover->fd < 0 || flock(takeover->fd, LOCK_EX | LOCK_NB))
		goto fail;
	bytes = journal_bytes_read(takeover->fd, &size);
	if (bytes && journal_parse(bytes, size, takeover)) {
		free(bytes);
		return takeover;
	}
	GREMC_LOG(WARNING, "%s: the journal of a takeover that was not finished cannot be read",
		  takeover->journal);
fail:
	free(bytes);
	gremc_takeover_free(takeover);
	return NULL;
}

struct gremc_takeover *gremc_takeover_journal_next(const char *directory, const char *after)
{
	struct gremc_takeover *takeover = NULL;
	struct dirent **entries;
	char prefix[64];
	int count;

	if (journal_prefix_format(prefix, sizeof(prefix)))
		return NULL;
	count = scandir(directory, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (takeover == NULL && strncmp(name, prefix, strlen(prefix)) == 0 &&
		    (after == NULL || strcmp(name + strlen(prefix), after) > 0))
			takeover = journal_open(directory, name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return takeover;
}
