/* SPDX-License-Identifier: BSD-3-Clause */
/* Processes netlink events, and combines them with dumps. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mfc/mfc.h"

#define RECEIVE_BUFFER (4 << 20) /* a daemon adds thousands of routes at once when it starts */
#define CACHE          128u      /* interfaces whose numbers are cached until the next dump */

static const unsigned mfc_event_groups[] = {RTNLGRP_IPV4_MROUTE, RTNLGRP_LINK, RTNLGRP_IPV4_NETCONF};

struct gremc_mfc {
	struct gremc_mfc_callbacks callbacks;
	struct gremc_netlink_events events;
	uint32_t sequence; /* of the present dump */
	bool dumping;
	bool again;              /* request another dump when the present one ends */
	bool interfaces_changed; /* since the last dump was due */
	uint64_t resynced;       /* milliseconds of the caller's clock; 0: never */
	struct {
		uint32_t ifindex, interface;
	} cache[CACHE];
	uint32_t cached;
	pthread_mutex_t lock; /* protects info, which telemetry reads */
	struct gremc_mfc_info info;
};

static void mfc_counter_increment(struct gremc_mfc *mfc, uint64_t *counter)
{
	pthread_mutex_lock(&mfc->lock);
	(*counter)++;
	pthread_mutex_unlock(&mfc->lock);
}

/* ---- names ---- */

static void unknown_name_add(struct gremc_mfc *mfc, const char *name)
{
	struct gremc_mfc_info *info = &mfc->info;
	uint32_t i = 0;

	pthread_mutex_lock(&mfc->lock);
	while (i < info->unknown_count && strcmp(info->unknown[i], name))
		i++;
	if (i == GREMC_MFC_UNKNOWN) {
		info->has_more_unknown = true;
	} else if (i == info->unknown_count) {
		gremc_text_copy(info->unknown[i], sizeof(info->unknown[i]), name);
		info->unknown_count++;
	}
	pthread_mutex_unlock(&mfc->lock);
}

#define REGISTER "pimreg" /* prefix of the register interface's name; the number of its table may follow */

static uint32_t interface_by_ifindex(struct gremc_mfc *mfc, uint32_t ifindex)
{
	uint32_t interface = GREMC_MFC_NONE;
	char name[IF_NAMESIZE];

	for (uint32_t i = 0; i < mfc->cached; i++)
		if (mfc->cache[i].ifindex == ifindex)
			return mfc->cache[i].interface;
	if (if_indextoname(ifindex, name) == NULL)
		return GREMC_MFC_NONE; /* removed: another event or dump corrects the route */
	interface = mfc->callbacks.interface_of(mfc->callbacks.argument, name);
	if (interface == GREMC_MFC_NONE)
		unknown_name_add(mfc, name);
	if (interface == GREMC_MFC_NONE && strncmp(name, REGISTER, strlen(REGISTER)) == 0)
		interface = GREMC_MFC_REGISTER;
	if (mfc->cached < CACHE) {
		mfc->cache[mfc->cached].ifindex = ifindex;
		mfc->cache[mfc->cached++].interface = interface;
	}
	return interface;
}

/* ---- messages ---- */

static void mroute_set_report(struct gremc_mfc *mfc, const struct gremc_mfc_message *message)
{
	uint32_t oifs[GREMC_MFC_OIFS_MAX], oif_count = 0;
	uint8_t thresholds[GREMC_MFC_OIFS_MAX];

	for (uint32_t i = 0; i < message->oif_count; i++) {
		uint32_t interface = interface_by_ifindex(mfc, message->oifs[i]);

		if (interface == GREMC_MFC_NONE)
			continue;
		thresholds[oif_count] = message->thresholds[i];
		oifs[oif_count++] = interface;
	}
	mfc->callbacks.set(mfc->callbacks.argument, &message->source, &message->group,
			   interface_by_ifindex(mfc, message->iif), oifs, thresholds, oif_count);
}

/* A route with a part of its OIFs would lose packets. Without the route they are the kernel's. */
static void oifs_excess_report(struct gremc_mfc *mfc, const struct gremc_mfc_message *message)
{
	char source[GREMC_ADDR_TEXT], group[GREMC_ADDR_TEXT];

	mfc_counter_increment(mfc, &mfc->info.too_many_oifs);
	GREMC_LOG_LIMITED(ERR,
			  "the kernel's multicast route for source %s and group %s is not used: it has more "
			  "than %u outgoing interfaces",
			  gremc_addr_format(source, &message->source),
			  gremc_addr_format(group, &message->group), GREMC_MFC_OIFS_MAX);
	mfc->callbacks.remove(mfc->callbacks.argument, &message->source, &message->group);
}

static void mroute_message_handle(struct gremc_mfc *mfc, const struct nlmsghdr *header)
{
	struct gremc_mfc_message message;

	mfc_counter_increment(mfc, &mfc->info.messages);
	switch (gremc_mfc_message_parse(header, &message)) {
	case GREMC_MFC_SET:
		mfc_counter_increment(mfc, &mfc->info.set);
		mroute_set_report(mfc, &message);
		break;
	case GREMC_MFC_REMOVED:
		mfc_counter_increment(mfc, &mfc->info.removed);
		mfc->callbacks.remove(mfc->callbacks.argument, &message.source, &message.group);
		break;
	case GREMC_MFC_TOO_MANY_OIFS:
		oifs_excess_report(mfc, &message);
		break;
	case GREMC_MFC_UNRESOLVED:
		mfc_counter_increment(mfc, &mfc->info.unresolved);
		break;
	case GREMC_MFC_OTHER_TABLE:
		mfc_counter_increment(mfc, &mfc->info.other_table);
		break;
	case GREMC_MFC_MALFORMED:
		mfc_counter_increment(mfc, &mfc->info.malformed);
		break;
	case GREMC_MFC_OTHER:
		break;
	}
}

/* ---- dumps ---- */

static void mroute_dump_request(struct gremc_mfc *mfc)
{
	uint8_t request[MNL_NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct rtmsg))];
	struct nlmsghdr *header = mnl_nlmsg_put_header(request);
	struct rtmsg *route;

	gremc_assert_control_thread();
	gremc_assert(!mfc->dumping);
	header->nlmsg_type = RTM_GETROUTE;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = ++mfc->sequence;
	route = mnl_nlmsg_put_extra_header(header, sizeof(*route));
	route->rtm_family = RTNL_FAMILY_IPMR;
	mfc_counter_increment(mfc, &mfc->info.resyncs);
	pthread_mutex_lock(&mfc->lock);
	mfc->info.unknown_count = 0;
	mfc->info.has_more_unknown = false;
	pthread_mutex_unlock(&mfc->lock);
	mfc->again = false;
	mfc->cached = 0;
	mfc->dumping = mnl_socket_sendto(mfc->events.socket, header, header->nlmsg_len) >= 0;
	if (mfc->dumping)
		mfc->callbacks.begin(mfc->callbacks.argument);
	else
		GREMC_LOG_LIMITED(ERR, "cannot request the kernel's multicast routes: %s", strerror(errno));
}

void gremc_mfc_resync(struct gremc_mfc *mfc)
{
	gremc_assert_control_thread();
	if (mfc->dumping)
		mfc->again = true; /* the kernel processes one dump at a time */
	else
		mroute_dump_request(mfc);
}

uint32_t gremc_mfc_resync_poll(struct gremc_mfc *mfc, uint64_t now)
{
	const uint64_t age = now - mfc->resynced;
	const uint32_t interval =
		mfc->interfaces_changed ? GREMC_MFC_REDUMP_INTERVAL : GREMC_MFC_DUMP_INTERVAL;

	gremc_assert_control_thread();
	if (mfc->resynced && age < interval)
		return (uint32_t)(interval - age);
	/* gremc_mfc_open() has requested the first dump */
	if (mfc->resynced)
		gremc_mfc_resync(mfc);
	mfc->interfaces_changed = false;
	mfc->resynced = now;
	return GREMC_MFC_DUMP_INTERVAL;
}

/* End a dump. A dump during which something changed is requested again. */
static void mroute_dump_end(struct gremc_mfc *mfc)
{
	gremc_assert(mfc->dumping);
	mfc->dumping = false;
	if (!mfc->again)
		mfc->callbacks.end(mfc->callbacks.argument);
	else
		mroute_dump_request(mfc);
}

static int netlink_error_parse(const struct nlmsghdr *header)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(header);

	return mnl_nlmsg_get_payload_len(header) < sizeof(error->error) ? 0 : -error->error;
}

static void netlink_message_handle(struct gremc_mfc *mfc, const struct nlmsghdr *header)
{
	bool ours = mfc->dumping && header->nlmsg_seq == mfc->sequence && header->nlmsg_pid;

	if (ours && header->nlmsg_flags & NLM_F_DUMP_INTR)
		mfc->again = true;
	if (ours && header->nlmsg_type == NLMSG_DONE) {
		mroute_dump_end(mfc);
	} else if (ours && header->nlmsg_type == NLMSG_ERROR) {
		GREMC_LOG_LIMITED(ERR, "the kernel rejects the dump of its multicast routes: %s",
				  strerror(netlink_error_parse(header)));
		/* a kernel without multicast routing answers so; events may follow when it has it */
		mfc->dumping = false;
		mfc->callbacks.end(mfc->callbacks.argument);
	} else if (header->nlmsg_type == RTM_DELLINK || header->nlmsg_type == RTM_NEWNETCONF ||
		   header->nlmsg_type == RTM_DELNETCONF) {
		mfc->interfaces_changed = true;
	} else if (header->nlmsg_type >= NLMSG_MIN_TYPE && header->nlmsg_type != RTM_NEWLINK) {
		mroute_message_handle(mfc, header);
	}
}

static void datagram_handle(struct gremc_mfc *mfc, size_t length)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)mfc->events.buffer;
	int left = (int)length;

	for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left))
		netlink_message_handle(mfc, header);
}

void gremc_mfc_events_read(struct gremc_mfc *mfc)
{
	gremc_assert_control_thread();
	for (;;) {
		size_t length = 0;

		switch (gremc_netlink_events_receive(&mfc->events, &length)) {
		case GREMC_NETLINK_MESSAGES:
			datagram_handle(mfc, length);
			break;
		case GREMC_NETLINK_OVERFLOW:
			mfc_counter_increment(mfc, &mfc->info.overruns);
			break;
		case GREMC_NETLINK_RESYNC:
			gremc_mfc_resync(mfc);
			break;
		case GREMC_NETLINK_EMPTY:
			return;
		}
	}
}

/* ---- life ---- */

struct gremc_mfc *gremc_mfc_open(const struct gremc_mfc_callbacks *callbacks)
{
	struct gremc_mfc *mfc = calloc(1, sizeof(*mfc));
	int rc;

	gremc_assert_control_thread();
	if (mfc == NULL)
		return NULL;
	mfc->callbacks = *callbacks;
	pthread_mutex_init(&mfc->lock, NULL);
	rc = gremc_netlink_events_open(&mfc->events, mfc_event_groups, RTE_DIM(mfc_event_groups),
				       RECEIVE_BUFFER);
	if (rc) {
		gremc_mfc_close(mfc);
		errno = -rc;
		return NULL;
	}
	mroute_dump_request(mfc);
	return mfc;
}

void gremc_mfc_close(struct gremc_mfc *mfc)
{
	if (mfc == NULL)
		return;
	gremc_netlink_events_close(&mfc->events);
	pthread_mutex_destroy(&mfc->lock);
	free(mfc);
}

int gremc_mfc_fd_get(const struct gremc_mfc *mfc)
{
	return gremc_netlink_events_fd(&mfc->events);
}

void gremc_mfc_info(struct gremc_mfc *mfc, struct gremc_mfc_info *info)
{
	pthread_mutex_lock(&mfc->lock);
	*info = mfc->info;
	pthread_mutex_unlock(&mfc->lock);
}
