/* SPDX-License-Identifier: BSD-3-Clause */
/* Lookups. */
#include "fanout/fanout_priv.h"

static_assert(GREMC_FANOUT_BULK <= GREMC_HASH_BULK, "one call of the hash takes a whole bulk");

/* Lookups of one key while the writer removes routes. */
#define RETRIES 16

static bool mroute_has_key(const void *mroute, const void *key)
{
	return gremc_object_has_key(RTE_PTR_SUB(mroute, sizeof(struct gremc_object)), key);
}

static void keys_probe(const struct gremc_fanout_node *node, const struct gremc_hash *hash,
		       const struct gremc_fanout_key *keys, uint32_t n, const struct gremc_mroute **found)
{
	struct gremc_hash_probe probes[GREMC_FANOUT_BULK];

	for (uint32_t i = 0; i < n; i++)
		probes[i] = gremc_hash_probe_start(hash, gremc_key_hash(hash, &keys[i]));
	/* the mroutes in the lines, not the lines */
	gremc_hash_find_bulk(hash, probes, n, RTE_PTR_ADD(node->lines, sizeof(struct gremc_object)),
			     mroute_has_key, keys, sizeof(*keys), (const void **)found);
}

/* Probe one prefix length for the keys without a match, at least one. Returns: the number that remain. */
static uint32_t length_probe(const struct gremc_fanout_node *node, const struct gremc_hash *hash,
			     uint8_t length, const struct gremc_fanout_key *keys, uint8_t *waiting,
			     uint32_t count, const struct gremc_mroute **out)
{
	const rte_be32_t mask = gremc_ipv4_mask(length), stand_in = rte_cpu_to_be_32(length);
	struct gremc_fanout_key prefix[GREMC_FANOUT_BULK];
	const struct gremc_mroute *found[GREMC_FANOUT_BULK];
	uint32_t i = 0, left = 0;

	do
		prefix[i] = (struct gremc_fanout_key){stand_in, keys[waiting[i]].group & mask};
	while (++i < count);
	keys_probe(node, hash, prefix, count, found);
	for (i = 0; i < count; i++) {
		if (found[i])
			out[waiting[i]] = found[i];
		else
			waiting[left++] = waiting[i];
	}
	return left;
}

/* Probe (*,232.0.0.0/8) for the groups inside it that have no (S,G). No other wildcard matches them. */
static __rte_noinline void ssm_probe(const struct gremc_fanout_node *node, const struct gremc_hash *hash,
				     const struct gremc_fanout_key *keys, uint32_t n,
				     const struct gremc_mroute **out)
{
	uint8_t waiting[GREMC_FANOUT_BULK];
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		waiting[count] = (uint8_t)i;
		count += out[i] == NULL && gremc_ipv4_is_ssm(keys[i].group);
	}
	if (count > 0)
		length_probe(node, hash, GREMC_SSM_LENGTH, keys, waiting, count, out);
}

static void keys_match(const struct gremc_fanout_node *node, const struct gremc_fanout_key *keys, uint32_t n,
		       const struct gremc_mroute **out)
{
	uint64_t lengths = gremc_u64_load_acquire(&node->lengths);
	const struct gremc_hash *hash = gremc_pointer_load_acquire(&node->hash);
	uint8_t waiting[GREMC_FANOUT_BULK];
	uint32_t count = 0;

	if (lengths >> GREMC_LENGTH_SG & 1) {
		keys_probe(node, hash, keys, n, out);
		lengths ^= UINT64_C(1) << GREMC_LENGTH_SG;
	} else {
		for (uint32_t i = 0; i < n; i++)
			out[i] = NULL;
	}
	if (lengths == 0)
		return;
	if (unlikely(lengths >> GREMC_LENGTH_SSM & 1)) {
		ssm_probe(node, hash, keys, n, out);
		lengths ^= UINT64_C(1) << GREMC_LENGTH_SSM;
	}
	for (uint32_t i = 0; i < n; i++) {
		waiting[count] = (uint8_t)i;
		count += out[i] == NULL && !gremc_ipv4_is_ssm(keys[i].group);
	}
	while (count > 0 && lengths) {
		uint8_t length = (uint8_t)(63 - __builtin_clzll(lengths));

		lengths ^= UINT64_C(1) << length;
		count = length_probe(node, hash, length, keys, waiting, count, out);
	}
}

/* A lookup consists of several probes, and the writer does not wait for it. If one change adds a route and
 * removes its predecessor, a probe may be too early for the first and a later one too late for the second.
 * The counter changes between additions and removals. If it is the same before and after the lookup, the
 * lookup has seen all additions of each change or none of its removals. Otherwise each key is looked up again
 * by itself, which is too short for many repetitions. */
void gremc_fanout_lookup_bulk(const struct gremc_fanout_node *node, const struct gremc_fanout_key *keys,
			      uint32_t n, const struct gremc_mroute **out)
{
	uint64_t before;

	if (n == 0)
		return;
	before = gremc_u64_load_acquire(&node->removals);
	keys_match(node, keys, n, out);
	/* relaxed: every probe ends with an acquire, which keeps this load after it */
	if (likely(gremc_u64_load(&node->removals) == before))
		return;
	for (uint32_t i = 0; i < n; i++) {
		for (unsigned tries = 0; tries < RETRIES; tries++) {
			before = gremc_u64_load_acquire(&node->removals);
			keys_match(node, &keys[i], 1, &out[i]);
			if (gremc_u64_load(&node->removals) == before)
				break;
		}
	}
}

const struct gremc_mroute *gremc_fanout_find(const struct gremc_fanout *table, rte_be32_t source,
					     rte_be32_t group, uint8_t length)
{
	const struct gremc_fanout_key key = gremc_fanout_key_of(source, group, length);
	const struct gremc_fanout_node *node = table->node[0];
	const struct gremc_hash *hash = gremc_pointer_load_acquire(&node->hash);
	const struct gremc_object *object =
		gremc_hash_find(hash, gremc_key_hash(hash, &key), node->lines, gremc_object_has_key, &key);
	const struct gremc_mroute *mroute = object ? (const struct gremc_mroute *)(object + 1) : NULL;

	/* a source that is a length, or a length beside a source */
	if (mroute && (mroute->source != source || mroute->length != length))
		return NULL;
	return mroute;
}
