/* SPDX-License-Identifier: BSD-3-Clause */
/* rib: its state, and the functions that its files share.
 * Thread:  control thread. */
#ifndef GREMC_RIB_RIB_PRIV_H
#define GREMC_RIB_RIB_PRIV_H

#include "base/assert.h"
#include "base/map.h"
#include "rib/rib.h"

/* 224.0.0.0/4 and 232.0.0.0/8, of any source */
extern const struct gremc_rib_key gremc_rib_every_group, gremc_rib_ssm_groups;

/* Interfaces, ascending. */
struct interface_set {
	uint32_t *items;
	uint32_t count, capacity;
};

/* The requests of members: for (*,G) those that include it; for (S,G) those that include and those that
 * exclude it. */
struct membership_set {
	struct interface_set included, excluded;
};

/* An OIF of a kernel route. */
struct kernel_oif {
	uint32_t interface;
	uint8_t threshold; /* a packet's TTL must be greater; 0: each packet with a TTL above 1 */
};

/* A kernel route and its OIFs. */
struct kernel_entry {
	struct kernel_entry *next, **previous; /* of rib->kernel_entries */
	struct rib_entry *entry;
	uint32_t iif; /* GREMC_RIB_NONE: unknown */
	uint32_t oif_count;
	bool is_wildcard;  /* any source */
	bool has_register; /* GREMC_RIB_REGISTER is among the OIFs */
	bool is_stale;     /* not set since gremc_rib_kernel_begin() */
	struct kernel_oif oifs[];
};

/* A key and the requests of all origins for exactly this key. The passes over all entries read the first 64
 * bytes only. */
struct rib_entry {
	struct gremc_map_node node;
	const struct gremc_rib_route *static_route, *static_before; /* before: during a replacement */
	struct membership_set *members;
	struct kernel_entry *kernel;
	struct rib_entry *wildcard; /* of an (S,G): its (*,G), which exists as long as it */
	bool is_dirty, is_published;
	bool is_batched; /* in rib->batch */
	bool is_waiting; /* did not fit into the table; is retried */
	bool is_listed;  /* in rib->waiting, perhaps although it waits no more */
	struct gremc_rib_key key;
	struct rib_entry *sources;          /* of a (*,G): its (S,G) */
	struct rib_entry *next, **previous; /* of its (*,G)'s `sources` */
	struct rib_entry *next_dirty, *next_waiting;
};

/* The lists of all routes of one batch, one behind the other. */
struct list_arena {
	uint32_t *items;
	size_t count, capacity;
};

/* The branches of all routes of one batch. */
struct branch_arena {
	struct gremc_mroute_spec *items;
	size_t count, capacity;
};

/* The policies of interfaces. */
struct policy_table {
	const struct gremc_config_policy *const *policies; /* [interface below count] NULL: none */
	uint32_t count;
	uint32_t least_fanout; /* the least `max_fanout`; 0: none */
};

struct gremc_rib {
	struct gremc_fanout *fanout;
	struct gremc_rib_callbacks callbacks;
	struct gremc_map entries;
	struct rib_entry *dirty;
	uint32_t dirty_count;
	bool all_dirty;           /* each entry, although it is not in the list */
	bool is_busy;             /* a flush or a replacement is in progress */
	struct rib_entry **batch; /* its entries */
	uint32_t batch_count, batch_capacity;
	bool batch_failed;                        /* out of memory for it */
	struct rib_entry *waiting, **waiting_end; /* the longest first */
	gremc_atomic_u32 waiting_count;           /* with is_waiting. Writer: control; reader: telemetry */
	uint32_t kernel_count;
	struct kernel_entry *kernel_entries;
	uint32_t lengths[129]; /* [length] number of static routes of any source */
	uint32_t upstream;
	struct interface_set filtered; /* interfaces with a source filter */
	const uint32_t *vifs;
	uint32_t interface_count;
	struct policy_table policies, next_policies; /* next: of the next replacement */
	/* of the route in composition */
	const struct gremc_prefix *oil_groups; /* while its oil is composed: its groups; else NULL */
	bool is_conditional;                   /* it has OIFs that check packets */
	uint32_t now;
	gremc_atomic_u32 *since; /* [mroute id] reserved address space. Writer: control; reader: telemetry */
	gremc_atomic_u64 failures; /* writer: control; reader: telemetry */
	struct list_arena arena;
	struct branch_arena branches;
	struct gremc_fanout_op *ops;
	struct rib_entry **op_entries; /* [op] */
	uint32_t op_capacity;
};

/* Count failed routes or requests. */
static inline void gremc_rib_failures_add(struct gremc_rib *rib, uint32_t count)
{
	gremc_u64_store(&rib->failures, gremc_u64_load(&rib->failures) + count);
}

/* ---- set.c ---- */

/* Add an item; no-op if the set has it.
 * Errors:  -ENOMEM: no change. */
__rte_warn_unused_result int gremc_interface_set_add(struct interface_set *set, uint32_t item);
/* Remove an item; no-op if the set does not have it. */
void gremc_interface_set_remove(struct interface_set *set, uint32_t item);
/* Whether the set has the item. */
bool gremc_interface_set_has(const struct interface_set *set, uint32_t item);

/* ---- entry.c ---- */

/* Returns: 0; -EAFNOSUPPORT: the table cannot have the key. */
__rte_warn_unused_result int gremc_rib_key_check(const struct gremc_rib_key *key);
/* Returns: the key of a group and a source, which may have no family. */
static inline struct gremc_rib_key gremc_rib_key_make(const struct gremc_addr *source,
						      const struct gremc_addr *group)
{
	return (struct gremc_rib_key){*source, {*group, gremc_family_bits(group->family)}};
}
/* Returns: the entry with this key, or NULL. */
struct rib_entry *gremc_rib_entry_find(const struct gremc_rib *rib, const struct gremc_rib_key *key);
/* Find or create an entry.
 * Returns: NULL: out of memory. */
struct rib_entry *gremc_rib_entry_get(struct gremc_rib *rib, const struct gremc_rib_key *key);
/* Free the entry if nothing uses it, and then likewise its (*,G). */
void gremc_rib_entry_release(struct gremc_rib *rib, struct rib_entry *entry);
/* Make the entry dirty. */
void gremc_rib_entry_touch(struct gremc_rib *rib, struct rib_entry *entry);
/* Make the entry and its (S,G) dirty. */
void gremc_rib_group_touch(struct gremc_rib *rib, struct rib_entry *entry);
/* Make each entry dirty. */
void gremc_rib_all_touch(struct gremc_rib *rib);
/* Visit each entry. Pauses between entries; an entry that is added during a pause is visited or not. */
void gremc_rib_entries_visit(struct gremc_rib *rib,
			     void (*visit)(struct gremc_rib *rib, struct rib_entry *entry));
/* Free the requests of members, if the entry has any. */
void gremc_rib_entry_members_free(struct rib_entry *entry);

/* ---- kernel.c ---- */

/* Free the kernel route of the entry, if it has one. */
void gremc_rib_entry_kernel_free(struct rib_entry *entry);

/* ---- compose.c ---- */

/* Compose the mroute of an entry.
 * Output:  *is_requested: whether an origin requests it. The lists and branches of *spec are offsets into the
 *          arenas, which gremc_rib_spec_finish() replaces by pointers when the arenas do not grow any more.
 * Errors:  -ENOMEM. */
__rte_warn_unused_result int gremc_rib_spec_compose(struct gremc_rib *rib, const struct rib_entry *entry,
						    struct gremc_mroute_spec *spec, bool *is_requested);
/* Empty the arenas. */
void gremc_rib_specs_reset(struct gremc_rib *rib);
/* Replace the offsets of the lists and branches by pointers. */
void gremc_rib_spec_finish(const struct gremc_rib *rib, struct gremc_mroute_spec *spec);

/* ---- flush.c ---- */

/* gremc_rib_flush() while rib->is_busy is set. */
uint32_t gremc_rib_dirty_flush(struct gremc_rib *rib);
/* Add an entry to the batch; no-op if it is in it.
 * Errors:  -ENOMEM. */
__rte_warn_unused_result int gremc_rib_batch_add(struct gremc_rib *rib, struct rib_entry *entry);
/* Apply the batch to the table, all or nothing; it stays the batch. Entries that wait and are not static go
 * on waiting.
 * Errors:  -ENOMEM; -ECANCELED: the job that runs this is cancelled; those of gremc_fanout_apply(). */
__rte_warn_unused_result int gremc_rib_batch_apply(struct gremc_rib *rib);
/* Empty the batch, and free its entries that nothing uses. */
void gremc_rib_batch_clean(struct gremc_rib *rib);

#endif
