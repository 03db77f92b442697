/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields of the GRE header (RFC 2784, RFC 2890; bits of RFC 1701). Plain C, for the XDP program. */
#ifndef GREMC_PROTO_GRE_H
#define GREMC_PROTO_GRE_H

#define GREMC_GRE_CHECKSUM   0x8000u /* C: checksum and Reserved1 follow, 4 bytes */
#define GREMC_GRE_ROUTING    0x4000u /* R: must be zero */
#define GREMC_GRE_KEY        0x2000u /* K: 4 bytes */
#define GREMC_GRE_SEQUENCE   0x1000u /* S: 4 bytes */
#define GREMC_GRE_MBZ        0x0c00u /* strict source route and the first recursion bit: must be zero */
#define GREMC_GRE_VERSION    0x0007u /* bits 6-12 between are ignored */
#define GREMC_GRE_MAX_LENGTH 16
#define GREMC_GRE_IPV4       0x0800u

#endif
