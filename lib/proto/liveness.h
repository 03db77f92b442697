/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GREMC_PROTO_LIVENESS_H
#define GREMC_PROTO_LIVENESS_H

#include "base/keyword.h"

/* The sign of life of a tunnel's peer. Without one for a time the peer is dead. */
enum gremc_liveness {
	GREMC_LIVENESS_OFF,       /* the peer is never dead */
	GREMC_LIVENESS_KEEPALIVE, /* an answer to a keepalive */
	GREMC_LIVENESS_TRAFFIC,   /* any packet of the peer */
};

extern const struct gremc_keywords gremc_liveness_keywords;

#endif
