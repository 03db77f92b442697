/* SPDX-License-Identifier: BSD-3-Clause */
/* proto: parsers and builders of wire formats. Pure functions over bytes: no state, no allocation, no mbuf.
 * Every parser checks its bounds before it reads, so bytes of any value and length are safe input. */
#ifndef GREMC_PROTO_PROTO_H
#define GREMC_PROTO_PROTO_H

#include "proto/error.h"
#include "proto/gre_options.h"
#include "proto/gre_parse.h"
#include "proto/igmp.h"
#include "proto/ipv4.h"
#include "proto/udp.h"

#endif
