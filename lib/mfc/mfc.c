/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "mfc/mfc.h"

#define RECEIVE_BUFFER (4 << 20) /* a daemon that starts sets thousands of routes at once */
#define CACHE          128u      /* names that are remembered between dumps */

struct gremc_mfc {
	struct gremc_mfc_callbacks callbacks;
	struct mnl_socket *socket;
	uint32_t sequence; /* of the dump on its way */
	bool dumping, again;
	bool lost;       /* events, since the socket was empty */
	bool interfaces; /* have changed since the last look */
	uint64_t looked; /* milliseconds of the caller's clock */
	struct {
		uint32_t ifindex, interface;
	} cache[CACHE];
	uint32_t cached;
	pthread_mutex_t lock; /* of info */
	struct gremc_mfc_info info;
	uint8_t buffer[32768];
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
	if (i == info->unknown_count && i < GREMC_MFC_UNKNOWN) {
		snprintf(info->unknown[i], sizeof(info->unknown[i]), "%s", name);
		info->unknown_count++;
	}
	pthread_mutex_unlock(&mfc->lock);
}

#define REGISTER "pimreg" /* the kernel's name, with the number of a table behind it */

static uint32_t interface_by_ifindex(struct gremc_mfc *mfc, uint32_t ifindex)
{
	uint32_t interface = GREMC_MFC_NONE;
	char name[IF_NAMESIZE];

	for (uint32_t i = 0; i < mfc->cached; i++)
		if (mfc->cache[i].ifindex == ifindex)
			return mfc->cache[i].interface;
	if (if_indextoname(ifindex, name) == NULL)
		return GREMC_MFC_NONE; /* it has gone: the kernel will say that of its routes, too */
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
	mfc->callbacks.set(mfc->callbacks.argument, message->source, message->group,
			   interface_by_ifindex(mfc, message->iif), oifs, thresholds, oif_count);
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
		mfc->callbacks.remove(mfc->callbacks.argument, message.source, message.group);
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

	header->nlmsg_type = RTM_GETROUTE;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = ++mfc->sequence;
	route = mnl_nlmsg_put_extra_header(header, sizeof(*route));
	route->rtm_family = RTNL_FAMILY_IPMR;
	mfc_counter_increment(mfc, &mfc->info.resyncs);
	pthread_mutex_lock(&mfc->lock);
	mfc->info.unknown_count = 0;
	pthread_mutex_unlock(&mfc->lock);
	mfc->again = false;
	mfc->cached = 0;
	mfc->dumping = mnl_socket_sendto(mfc->socket, header, header->nlmsg_len) >= 0;
	if (mfc->dumping)
		mfc->callbacks.begin(mfc->callbacks.argument);
	else
		GREMC_LOG_LIMITED(ERR, "cannot ask for the kernel's multicast routes: %s", strerror(errno));
}

void gremc_mfc_resync(struct gremc_mfc *mfc)
{
	if (mfc->dumping)
		mfc->again = true; /* the kernel does one dump at a time */
	else
		mroute_dump_request(mfc);
}

uint32_t gremc_mfc_resync_poll(struct gremc_mfc *mfc, uint64_t now)
{
	const uint64_t age = now - mfc->looked;
	const uint32_t interval = mfc->interfaces ? GREMC_MFC_REDUMP_INTERVAL : GREMC_MFC_DUMP_INTERVAL;

	if (mfc->looked && age < interval)
		return (uint32_t)(interval - age);
	/* the first one is made when the mirror is opened */
	if (mfc->looked)
		gremc_mfc_resync(mfc);
	mfc->interfaces = false;
	mfc->looked = now;
	return GREMC_MFC_DUMP_INTERVAL;
}

/* The dump is over; one that something changed under, or that failed, is made again. */
static void mroute_dump_end(struct gremc_mfc *mfc, bool whole)
{
	mfc->dumping = false;
	if (whole && !mfc->again)
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
		mroute_dump_end(mfc, true);
	} else if (ours && header->nlmsg_type == NLMSG_ERROR) {
		GREMC_LOG_LIMITED(ERR, "the kernel refuses to tell its multicast routes: %s",
				  strerror(netlink_error_parse(header)));
		mfc->dumping = false; /* as a kernel without multicast routing does: events may come yet */
		mfc->callbacks.end(mfc->callbacks.argument);
	} else if (header->nlmsg_type == RTM_DELLINK || header->nlmsg_type == RTM_NEWNETCONF ||
		   header->nlmsg_type == RTM_DELNETCONF) {
		mfc->interfaces = true;
	} else if (header->nlmsg_type >= NLMSG_MIN_TYPE && header->nlmsg_type != RTM_NEWLINK) {
		mroute_message_handle(mfc, header);
	}
}

void gremc_mfc_events_read(struct gremc_mfc *mfc)
{
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(mfc->socket, mfc->buffer, sizeof(mfc->buffer));
		const struct nlmsghdr *header = (const struct nlmsghdr *)mfc->buffer;
		int left = (int)n;

		if (n < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
			mfc_counter_increment(mfc, &mfc->info.overruns);
			mfc->lost = true;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 && !mfc->lost)
			return;
		if (n <= 0) {
			/* not before: until the socket is empty the kernel loses what is new without a word
			 */
			mfc->lost = false;
			gremc_mfc_resync(mfc);
			continue;
		}
		for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left))
			netlink_message_handle(mfc, header);
	}
}

/* ---- life ---- */

struct gremc_mfc *gremc_mfc_open(const struct gremc_mfc_callbacks *callbacks)
{
	struct gremc_mfc *mfc = calloc(1, sizeof(*mfc));
	const int size = RECEIVE_BUFFER, netconf = RTNLGRP_IPV4_NETCONF;
	int error;

	if (mfc == NULL)
		return NULL;
	mfc->callbacks = *callbacks;
	pthread_mutex_init(&mfc->lock, NULL);
	mfc->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (mfc->socket == NULL ||
	    mnl_socket_bind(mfc->socket, RTMGRP_IPV4_MROUTE | RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(mfc->socket, NETLINK_ADD_MEMBERSHIP, (void *)(uintptr_t)&netconf,
				  sizeof(netconf))) {
		error = errno;
		gremc_mfc_close(mfc);
		errno = error;
		return NULL;
	}
	/* more than that it may have only with CAP_NET_ADMIN; it works with less, too */
	if (setsockopt(gremc_mfc_fd_get(mfc), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(gremc_mfc_fd_get(mfc), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	mroute_dump_request(mfc);
	return mfc;
}

void gremc_mfc_close(struct gremc_mfc *mfc)
{
	if (mfc == NULL)
		return;
	if (mfc->socket)
		mnl_socket_close(mfc->socket);
	pthread_mutex_destroy(&mfc->lock);
	free(mfc);
}

int gremc_mfc_fd_get(const struct gremc_mfc *mfc)
{
	return mnl_socket_get_fd(mfc->socket);
}

void gremc_mfc_info(struct gremc_mfc *mfc, struct gremc_mfc_info *info)
{
	pthread_mutex_lock(&mfc->lock);
	*info = mfc->info;
	pthread_mutex_unlock(&mfc->lock);
}
