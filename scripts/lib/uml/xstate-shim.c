/* SPDX-License-Identifier: BSD-3-Clause */
/* A library to preload into Debian's user-mode-linux 6.1. Two of its calls need help:
 *
 * ptrace: UML keeps a process's floating-point state in 2696 bytes. On processors with AMX the state is
 * larger (11008 bytes), and Linux answers EFAULT to a PTRACE_SETREGSET(NT_X86_XSTATE) of any other than the
 * full size: UML dies with "ptrace set fp regs failed, errno = 14". So UML's state overwrites the
 * first part of the process's full state. Where the sizes agree nothing changes.
 *
 * setsockopt: UML's raw network sets PACKET_VNET_HDR, and then leaves checksums unfinished, as for a NIC
 * that will finish them ("on [fixed]": ethtool inside cannot turn it off). Refused, the guest's kernel
 * computes them itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* <sys/ptrace.h> declares another ptrace() than the one below. */
#define PEEK_FIRST   1L
#define PEEK_LAST    3L
#define GETREGSET    0x4204L
#define SETREGSET    0x4205L
#define X86_XSTATE   0x202L
#define XSTATE_BYTES 65536

long ptrace(int request, ...);

static long set_xstate(long pid, const struct iovec *given)
{
	static unsigned char state[XSTATE_BYTES]; /* UML calls ptrace from one thread */
	struct iovec full = {state, sizeof(state)};
	long rc = syscall(SYS_ptrace, GETREGSET, pid, X86_XSTATE, &full);

	if (rc < 0)
		return rc;
	if (full.iov_len <= given->iov_len)
		return syscall(SYS_ptrace, SETREGSET, pid, X86_XSTATE, given);
	memcpy(state, given->iov_base, given->iov_len);
	return syscall(SYS_ptrace, SETREGSET, pid, X86_XSTATE, &full);
}

long ptrace(int request, ...)
{
	long pid, address, data, word = 0, rc;
	va_list arguments;

	va_start(arguments, request);
	pid = (int)va_arg(arguments, long);
	address = va_arg(arguments, long);
	data = va_arg(arguments, long);
	va_end(arguments);
	if (request == SETREGSET && address == X86_XSTATE)
		return set_xstate(pid, (const struct iovec *)data);
	if (request < PEEK_FIRST || request > PEEK_LAST)
		return syscall(SYS_ptrace, (long)request, pid, address, data);
	/* The C library's convention for these: the word is the result, and errno marks a failure. */
	rc = syscall(SYS_ptrace, (long)request, pid, address, &word);
	if (rc < 0)
		return rc;
	errno = 0;
	return word;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	if (level == SOL_PACKET && name == PACKET_VNET_HDR) {
		errno = ENOPROTOOPT;
		return -1;
	}
	return syscall(SYS_setsockopt, fd, level, name, value, length);
}
