/* SPDX-License-Identifier: BSD-3-Clause */
/* /gremc/kernel: the mirror of the kernel's multicast routes, and how often mirrors were overrun. */
#include <stdio.h>
#include <string.h>

#include "telemetry/telemetry_priv.h"

#define MORE " ..." /* behind the names, if there are more */

/* Write the names that fit, whole ones only. Returns: text. */
static char *unknown_names_format(char *text, size_t size, const struct gremc_mfc_info *info)
{
	bool has_more = info->has_more_unknown;
	size_t length = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < info->unknown_count; i++) {
		if (length + 1 + strlen(info->unknown[i]) + sizeof(MORE) > size) {
			has_more = true;
			break;
		}
		length += (size_t)snprintf(text + length, size - length, "%s%s", i ? " " : "",
					   info->unknown[i]);
	}
	if (has_more)
		snprintf(text + length, size - length, "%s", MORE);
	return text;
}

void gremc_command_kernel(struct gremc_query *query)
{
	struct gremc_mfc *mfc = gremc_pointer_load_acquire(query->telemetry->mfc);
	const struct gremc_telemetry_hosts *hosts = &query->telemetry->hosts;
	struct gremc_mfc_info info = {0};
	char names[RTE_TEL_MAX_STRING_LEN];

	if (mfc)
		gremc_mfc_info(mfc, &info);
	gremc_reply_u64(query->reply, "mirrored", mfc != NULL);
	gremc_reply_u64(query->reply, "messages", info.messages);
	gremc_reply_u64(query->reply, "set", info.set);
	gremc_reply_u64(query->reply, "removed", info.removed);
	gremc_reply_u64(query->reply, "unresolved", info.unresolved);
	gremc_reply_u64(query->reply, "other_table", info.other_table);
	gremc_reply_u64(query->reply, "malformed", info.malformed);
	gremc_reply_u64(query->reply, "too_many_oifs", info.too_many_oifs);
	gremc_reply_u64(query->reply, "dumps", info.resyncs);
	gremc_reply_u64(query->reply, "overruns", info.overruns);
	gremc_reply_u64(query->reply, "host_overruns", hosts->count ? hosts->overruns(hosts->host) : 0);
	gremc_reply_u64(query->reply, "kept_alive", gremc_u64_load(query->telemetry->alive));
	gremc_reply_text(query->reply, "unknown_names", unknown_names_format(names, sizeof(names), &info));
}
