/* SPDX-License-Identifier: BSD-3-Clause */
/* The set of tunnels and groups that a shared port takes. */
#ifndef GREMC_STEER_SET_PRIV_H
#define GREMC_STEER_SET_PRIV_H

#include "steer/steer.h"

/* The outer headers that identify packets of a tunnel. */
struct gremc_steer_tunnel {
	rte_be32_t local, remote;
	uint16_t udp_port; /* of GRE-in-UDP, host order; 0: plain GRE */
	uint32_t key;      /* 0 without one */
	bool has_key;
};

/* Both arrays are ascending in host byte order and have no duplicates: tunnels by local, UDP port, remote,
 * has_key and key; groups by address, length and source. */
struct gremc_steer_set {
	struct gremc_steer_tunnel *tunnels; /* of the configuration; routing may bring them to any port */
	struct gremc_steer_group *groups;   /* native multicast */
	uint32_t tunnel_count, group_count;
};

/* How much of a tunnel's outer headers a rule matches. */
enum gremc_steer_match { GREMC_STEER_TUNNEL, GREMC_STEER_ADDRESSES, GREMC_STEER_LOCAL, GREMC_STEER_MATCHES };

/* Collect the tunnels of a configuration, and the groups of its mroutes that accept port `port`.
 * Owner:   gremc_steer_set_fini() frees the arrays.
 * Returns: 0 or -ENOMEM. */
__rte_warn_unused_result int gremc_steer_set_init(struct gremc_steer_set *set,
						  const struct gremc_config *config, uint32_t port);
/* Make a set of `count` groups in any order, without tunnels.
 * Owner:   gremc_steer_set_fini() frees the arrays.
 * Returns: 0 or -ENOMEM. */
__rte_warn_unused_result int gremc_steer_set_init_groups(struct gremc_steer_set *set,
							 const struct gremc_steer_group *groups,
							 uint32_t count);
/* Free the arrays and leave an empty set. */
void gremc_steer_set_fini(struct gremc_steer_set *set);
/* Add the groups of another set, which has no tunnels.
 * Returns: 0, or -ENOMEM: the set has not changed. */
__rte_warn_unused_result int gremc_steer_set_join(struct gremc_steer_set *set,
						  const struct gremc_steer_set *groups);
/* Make a set of the groups of `set` that are neither in a nor in b.
 * Owner:   gremc_steer_set_fini() frees the arrays.
 * Returns: 0 or -ENOMEM. */
__rte_warn_unused_result int gremc_steer_set_subtract(struct gremc_steer_set *rest,
						      const struct gremc_steer_set *set,
						      const struct gremc_steer_set *a,
						      const struct gremc_steer_set *b);
/* Clear the fields that a rule does not match, so that tunnels with a common rule are equal. */
struct gremc_steer_tunnel gremc_steer_tunnel_reduce(const struct gremc_steer_tunnel *tunnel,
						    enum gremc_steer_match match);
/* Returns: whether a rule with this match for `tunnel` matches a tunnel of the set. */
bool gremc_steer_set_has_tunnel(const struct gremc_steer_set *set, const struct gremc_steer_tunnel *tunnel,
				enum gremc_steer_match match);
/* Returns: whether the set has exactly this group. */
bool gremc_steer_set_has_group(const struct gremc_steer_set *set, const struct gremc_steer_group *group);
/* Sort an array like qsort(). The comparisons pause the job. */
void gremc_steer_sort(void *array, uint32_t count, size_t size, int (*compare)(const void *, const void *));
/* Compare two tunnels in the order of a set, for qsort() and bsearch(). */
int gremc_steer_tunnel_compare(const void *a, const void *b);
/* Compare two groups in the order of a set, for qsort() and bsearch(). */
int gremc_steer_group_compare(const void *a, const void *b);

#endif
