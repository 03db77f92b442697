/* SPDX-License-Identifier: BSD-3-Clause */
/* stderr as the one destination of all messages. Without a stream DPDK up to 24.07 writes each message to
 * stderr and to syslog, and the journal receives both. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

/* ---- lines with their levels ---- */

/* Write a level as a word, or for the journal as a number (sd-daemon(3)). */
static size_t log_level_format(char *text, size_t size, uint32_t level, bool for_journal)
{
	static const char *const names[] = {"",        "emergency", "alert", "critical", "error",
					    "warning", "notice",    "info",  "debug"};

	if (level < RTE_LOG_EMERG || level > RTE_LOG_DEBUG)
		level = RTE_LOG_DEBUG;
	if (for_journal)
		return (size_t)snprintf(text, size, "<%u>", level - 1);
	return (size_t)snprintf(text, size, "%s: ", names[level]);
}

char *gremc_log_lines(const char *message, size_t length, uint32_t level, bool for_journal, bool *is_inside)
{
	char prefix[16], *text, *at;
	size_t prefix_length = log_level_format(prefix, sizeof(prefix), level, for_journal), lines = 1;

	for (size_t i = 0; i < length; i++)
		lines += message[i] == '\n';
	text = at = malloc(length + lines * prefix_length + 1);
	for (size_t i = 0; text && i < length; i++) {
		if (!*is_inside) {
			memcpy(at, prefix, prefix_length);
			at += prefix_length;
		}
		*at++ = message[i];
		*is_inside = message[i] != '\n';
	}
	if (text)
		*at = '\0';
	return text;
}

/* ---- the stream ---- */

/* Protected by the lock of the stream. */
struct destination {
	bool for_journal;
	bool is_inside; /* the last message did not end its line */
};

static ssize_t stream_message_write(void *cookie, const char *message, size_t length)
{
	struct destination *destination = cookie;
	int level = rte_log_cur_msg_loglevel();
	char *text = gremc_log_lines(message, length, level < 0 ? RTE_LOG_INFO : (uint32_t)level,
				     destination->for_journal, &destination->is_inside);

	/* print without the level rather than nothing; an error of stderr cannot be reported */
	(void)fputs(text ? text : "gremc: out of memory for a message\n", stderr);
	(void)fflush(stderr);
	free(text);
	return (ssize_t)length;
}

/* Whether systemd reads stderr: JOURNAL_STREAM has the device and inode of that file (sd_journal_print(3)).
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

int gremc_log_open(void)
{
	static struct destination destinations[2];
	static unsigned count;
	struct destination *destination = &destinations[count++ % 2];
	FILE *stream = fopencookie(destination, "w", (cookie_io_functions_t){.write = stream_message_write});

	destination->for_journal = stderr_is_journal();
	return stream && rte_openlog_stream(stream) == 0 ? 0 : -1;
}
