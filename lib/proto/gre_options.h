/* SPDX-License-Identifier: BSD-3-Clause */
/* The GRE header of a sent packet with a checksum or a sequence number (RFC 2784, 2.1; RFC 2890, 2). */
#ifndef GREMC_PROTO_GRE_OPTIONS_H
#define GREMC_PROTO_GRE_OPTIONS_H

#include <stdint.h>

/* Write a GRE header.
 * Input:   `head` is its first word, flags and protocol type, followed by the key if the flags have one.
 *          `sequence` is used if the flags have a sequence number, payload_sum if they have a checksum: the
 *          ones' complement sum of the payload, folded to 16 bits, in the byte order of the packet.
 * Output:  `gre` has a capacity of GREMC_GRE_MAX_LENGTH bytes; `head` is elsewhere.
 * Returns: length of the header in bytes. */
unsigned gremc_gre_options_write(uint8_t *gre, const uint8_t *head, uint32_t sequence, uint16_t payload_sum);

#endif
