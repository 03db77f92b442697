/* SPDX-License-Identifier: BSD-3-Clause */
/* The faults that a replica can have. */
#ifndef GREMC_LOADGEN_RECEIVE_FAULTS_H
#define GREMC_LOADGEN_RECEIVE_FAULTS_H

#include <assert.h>
#include <stdbool.h>

/* kind, name, text.
 * sequence:   the replica is intact but out of order;
 * damaged:    recognised as a replica, and not intact;
 * unexpected: the frame must not arrive here. */
#define GREMC_FAULTS(X)                                                                                      \
	X(sequence, duplicated, "received before with the same sequence number")                             \
	X(sequence, reordered, "received after a packet that was sent later in the same flow")               \
	X(sequence, late,                                                                                    \
	  "more than 64 sequence numbers behind the latest of its flow: first or second copy is unknown")    \
	X(damaged, outer_header, "outer IPv4 header: version, length, fragment or TTL 0")                    \
	X(damaged, outer_checksum, "outer IPv4 header checksum is wrong")                                    \
	X(damaged, gre_header, "GRE header: flags, version, protocol, length or checksum")                   \
	X(damaged, target_mac,                                                                               \
	  "destination MAC address is neither the site's nor its next hop's, or not the group's")            \
	X(damaged, source_mac, "source MAC address is not the forwarder's")                                  \
	X(damaged, inner_header, "inner headers differ from the sent ones")                                  \
	X(damaged, inner_checksum, "inner IPv4 header checksum is wrong")                                    \
	X(damaged, inner_ttl, "inner TTL is not one less than the sent TTL")                                 \
	X(damaged, stamp, "check value of the stamp is wrong")                                               \
	X(damaged, udp_checksum, "inner UDP checksum is wrong")                                              \
	X(damaged, payload, "payload after the stamp differs from the pattern")                              \
	X(unexpected, unknown_tunnel, "outer addresses and key belong to no tunnel of the configuration")    \
	X(unexpected, misdirected, "its flow must not leave by this tunnel")                                 \
	X(unexpected, wrong_port, "received on another port than its tunnel's")                              \
	X(unexpected, stale, "sent in an earlier trial")                                                     \
	X(unexpected, foreign, "neither a test packet nor ARP, IGMP, LACP, LLDP or IPv6")

enum gremc_fault {
#define GREMC_X(kind, name, text) GREMC_FAULT_##name,
	GREMC_FAULTS(GREMC_X)
#undef GREMC_X
		GREMC_FAULT_COUNT
};

/* The list is sorted by kind. */
enum {
	GREMC_FAULT_DAMAGED_FIRST = GREMC_FAULT_outer_header,
	GREMC_FAULT_UNEXPECTED_FIRST = GREMC_FAULT_unknown_tunnel
};

static_assert(GREMC_FAULT_late + 1 == GREMC_FAULT_DAMAGED_FIRST, "sequence faults come first");
static_assert(GREMC_FAULT_payload + 1 == GREMC_FAULT_UNEXPECTED_FIRST, "unexpected frames come last");

/* Input:   below GREMC_FAULT_COUNT. */
const char *gremc_fault_name(unsigned fault);
/* Input:   below GREMC_FAULT_COUNT. */
const char *gremc_fault_text(unsigned fault);

/* Returns: whether the replica is intact but out of order. */
static inline bool gremc_fault_is_sequence(unsigned fault)
{
	return fault < GREMC_FAULT_DAMAGED_FIRST;
}

/* Returns: whether the replica was recognised and is not intact. */
static inline bool gremc_fault_is_damage(unsigned fault)
{
	return fault >= GREMC_FAULT_DAMAGED_FIRST && fault < GREMC_FAULT_UNEXPECTED_FIRST;
}

#endif
