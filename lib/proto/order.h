/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GREMC_PROTO_ORDER_H
#define GREMC_PROTO_ORDER_H

#include "base/keyword.h"

/* The order in which the OIFs of an mroute get the replicas of a packet. */
enum gremc_order {
	GREMC_ORDER_FIXED,  /* that of the oil, for each packet */
	GREMC_ORDER_ROTATE, /* another one for each packet (datapath/rotate.h) */
};

extern const struct gremc_keywords gremc_order_keywords;

#endif
