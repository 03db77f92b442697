/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "netlink/netlink.h"

/* SO_RCVBUFFORCE exceeds the system's limit and needs CAP_NET_ADMIN. A smaller buffer overflows earlier, and
 * an overflow costs a resynchronisation only. */
static void receive_buffer_set(int fd, int size)
{
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)))
		GREMC_LOG(DEBUG, "netlink: cannot enlarge the receive buffer: %s", strerror(errno));
}

int gremc_netlink_events_open(struct gremc_netlink_events *events, const unsigned *groups, unsigned count,
			      int buffer_size)
{
	int rc = 0;

	events->overflowed = false;
	events->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (events->socket == NULL)
		return -errno;
	if (mnl_socket_bind(events->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		rc = -errno;
	if (rc == 0)
		receive_buffer_set(gremc_netlink_events_fd(events), buffer_size);
	for (unsigned i = 0; rc == 0 && i < count; i++)
		rc = gremc_netlink_events_join(events, groups[i]);
	if (rc)
		gremc_netlink_events_close(events);
	return rc;
}

int gremc_netlink_events_join(const struct gremc_netlink_events *events, unsigned group)
{
	return mnl_socket_setsockopt(events->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) ? -errno
												    : 0;
}

void gremc_netlink_events_close(struct gremc_netlink_events *events)
{
	if (events->socket)
		mnl_socket_close(events->socket);
	events->socket = NULL;
}

int gremc_netlink_events_fd(const struct gremc_netlink_events *events)
{
	gremc_assert(events->socket != NULL);
	return mnl_socket_get_fd(events->socket);
}

enum gremc_netlink_event gremc_netlink_events_receive(struct gremc_netlink_events *events, size_t *length)
{
	ssize_t n;

	do {
		n = mnl_socket_recvfrom(events->socket, events->buffer, sizeof(events->buffer));
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		*length = (size_t)n;
		return GREMC_NETLINK_MESSAGES;
	}
	/* ENOSPC: a datagram was larger than the buffer, and libmnl has discarded it */
	if (n < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
		events->overflowed = true;
		return GREMC_NETLINK_OVERFLOW;
	}
	if (!events->overflowed)
		return GREMC_NETLINK_EMPTY;
	events->overflowed = false;
	return GREMC_NETLINK_RESYNC;
}
