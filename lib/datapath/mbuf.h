/* SPDX-License-Identifier: BSD-3-Clause */
/* The mbuf fields that the data path reuses for its own data.
 *
 * field         name here     meaning                                        set by           valid until
 * -----------------------------------------------------------------------------------------------------------
 * hash.usr      vif           vif of a replica, an injected frame or a punt  replicate, punt  freed
 * hash.fdir.hi  vif_serial    serial number of that vif                      leaving a worker freed
 * vlan_tci      inner_length  length of a replica's inner packet             replicate        transmitted
 * packet_type   timestamp     gremc_timestamp() of a punt (punt_ring.h)      punt             freed
 * packet_type   iif_serial    serial number of the iif of a host replica     tx               freed
 * packet_type   packet_type   GREMC_FRAGMENT_MARK: 1st segment of a fragment reassembly       packet complete
 * packet_type   handoff       enum gremc_handoff of a packet in a ring       handoff          dequeued
 *
 * RX drivers and TX drivers do not use them in these periods: ol_flags of a transmitted mbuf names neither a
 * VLAN tag nor a hash. A punted mbuf still has the driver's VLAN tag in vlan_tci. */
#ifndef GREMC_DATAPATH_MBUF_H
#define GREMC_DATAPATH_MBUF_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "vif/vif.h"

/* The bytes of a struct rte_mbuf from data_off on, with the data path's names for the fields that it reuses.
 */
struct gremc_mbuf_fields {
	uint16_t data_off, refcnt, nb_segs, port;
	uint64_t ol_flags;
	union {
		uint32_t packet_type;
		uint32_t timestamp;
		uint32_t iif_serial;
		uint32_t handoff;
	};
	uint32_t pkt_len;
	uint16_t data_len;
	uint16_t inner_length;
	uint32_t vif;
	uint32_t vif_serial;
} __attribute__((may_alias));

#define GREMC_FRAGMENT_MARK 0x47524546u /* an arbitrary value; no other segment of a fragment has it */

#define GREMC_MBUF_FIELD(mbuf_field, field)                                                                  \
	static_assert(offsetof(struct rte_mbuf, mbuf_field) - offsetof(struct rte_mbuf, data_off) ==         \
				      offsetof(struct gremc_mbuf_fields, field) &&                           \
			      sizeof(((struct rte_mbuf *)0)->mbuf_field) ==                                  \
				      sizeof(((struct gremc_mbuf_fields *)0)->field),                        \
		      "gremc_mbuf_fields." #field " is rte_mbuf." #mbuf_field)
GREMC_MBUF_FIELD(refcnt, refcnt);
GREMC_MBUF_FIELD(nb_segs, nb_segs);
GREMC_MBUF_FIELD(port, port);
GREMC_MBUF_FIELD(ol_flags, ol_flags);
GREMC_MBUF_FIELD(packet_type, packet_type);
GREMC_MBUF_FIELD(pkt_len, pkt_len);
GREMC_MBUF_FIELD(data_len, data_len);
GREMC_MBUF_FIELD(vlan_tci, inner_length);
GREMC_MBUF_FIELD(hash.usr, vif);
GREMC_MBUF_FIELD(hash.fdir.hi, vif_serial);
static_assert(offsetof(struct rte_mbuf, data_off) % sizeof(uint64_t) == 0, "ol_flags is aligned in both");

/* The fields of an mbuf by the data path's names. */
static inline struct gremc_mbuf_fields *gremc_mbuf_fields(struct rte_mbuf *mbuf)
{
	return (struct gremc_mbuf_fields *)&mbuf->data_off;
}

/* ---- an mbuf that names a vif ----
 *
 * An mbuf may stay in a ring or a backlog for longer than a grace period. Meanwhile its vif may be removed
 * and the index reused. The serial number distinguishes the two vifs. */

/* Name a vif, or GREMC_VIF_NONE.
 * Thread:  a reader of the vifs that found the vif after its last quiescent state. */
static inline void gremc_mbuf_vif_set(struct rte_mbuf *mbuf, const struct gremc_vifs *vifs, uint32_t vif)
{
	gremc_mbuf_fields(mbuf)->vif = vif;
	gremc_mbuf_fields(mbuf)->vif_serial = vif == GREMC_VIF_NONE ? 0 : gremc_vif_serial(vifs, vif);
}

/* The vif that the mbuf names.
 * Thread:   a reader of the vifs.
 * Lifetime: valid until the reader's next quiescent state.
 * Returns:  GREMC_VIF_NONE if the mbuf names none or the vif has been removed. */
static inline uint32_t gremc_mbuf_vif(const struct rte_mbuf *mbuf, const struct gremc_vifs *vifs)
{
	const uint32_t vif = mbuf->hash.usr;

	return vif < GREMC_VIFS_MAX && gremc_vif_is(vifs, vif, mbuf->hash.fdir.hi) ? vif : GREMC_VIF_NONE;
}

#endif
