/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel processes a request during sendto(), so its answer is in the socket when the call returns and no
 * receive blocks. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "netlink/netlink.h"

int gremc_netlink_open(struct gremc_netlink *netlink)
{
	*netlink = (struct gremc_netlink){.sequence = time(NULL)};
	netlink->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (netlink->socket == NULL)
		return -errno;
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		gremc_netlink_close(netlink);
		return -error;
	}
	netlink->port = mnl_socket_get_portid(netlink->socket);
	return 0;
}

void gremc_netlink_close(struct gremc_netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

struct nlmsghdr *gremc_netlink_request_init(struct gremc_netlink *netlink, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(netlink->request);

	gremc_assert(netlink->socket != NULL);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	return header;
}

int gremc_netlink_send(struct gremc_netlink *netlink, struct nlmsghdr *request, mnl_cb_t answer,
		       void *argument)
{
	char *buffer = netlink->answer;
	ssize_t length;
	int rc;

	gremc_assert(request->nlmsg_len <= GREMC_NETLINK_REQUEST_SIZE ||
		     request != (struct nlmsghdr *)netlink->request);
	request->nlmsg_seq = ++netlink->sequence;
	if (answer == NULL)
		request->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		length = mnl_socket_recvfrom(netlink->socket, buffer, sizeof(netlink->answer));
		if (length < 0)
			return -errno;
		rc = mnl_cb_run(buffer, length, request->nlmsg_seq, netlink->port, answer, argument);
		if (rc < 0)
			return -errno;
	} while (rc > MNL_CB_STOP && request->nlmsg_flags & NLM_F_DUMP);
	return 0;
}

int gremc_netlink_dump(struct gremc_netlink *netlink, struct nlmsghdr *request, mnl_cb_t answer,
		       void *argument)
{
	int fd = mnl_socket_get_fd(netlink->socket), on = 1, off = 0, rc;

	/* The kernel filters a dump by the request's header only with this option (Linux 4.20). */
	if (setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)))
		GREMC_LOG(DEBUG, "netlink: the kernel does not filter dumps: %s", strerror(errno));
	rc = gremc_netlink_send(netlink, request, answer, argument);
	if (setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &off, sizeof(off)))
		GREMC_LOG(DEBUG, "netlink: the kernel does not filter dumps: %s", strerror(errno));
	return rc;
}
