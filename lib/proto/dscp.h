/* SPDX-License-Identifier: BSD-3-Clause */
/* DSCPs: the upper six bits of the TOS field (RFC 2474). */
#ifndef GREMC_PROTO_DSCP_H
#define GREMC_PROTO_DSCP_H

#define GREMC_DSCP_COUNT 64u

/* Returns: the DSCP with this name, such as `ef` or `af41`; -ENOENT: none.
 * RFC:     2474, 2597, 3246, 5865 and 8622. */
int gremc_dscp_parse(const char *name);

#endif
