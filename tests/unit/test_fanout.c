/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_malloc.h>

#include "fanout/fanout_priv.h" /* for the seed of its hash, to make keys that collide */
#include "test.h"

#define IP(a, b, c, d) RTE_BE32((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static const rte_be32_t source = IP(10, 1, 1, 1), group = IP(239, 1, 1, 1);
static const uint32_t vifs123[] = {1, 2, 3};

struct fixture {
	const struct gremc_nodes *nodes;
	struct gremc_rcu *rcu;
	struct gremc_fanout *table;
	uint32_t *ramp; /* GREMC_FANOUT_MAX + 1 vifs: 5, 8, 11 ... */
};

/* The second of them need not exist: its copy is then in other memory, but a copy it is. */
static const struct gremc_nodes two_nodes = {.count = 2, .socket = {0, 1}};

static int set_up_on(void **state, const struct gremc_nodes *nodes)
{
	static struct fixture f;

	f.nodes = nodes;
	f.rcu = gremc_rcu_create();
	f.table = f.rcu ? gremc_fanout_create(0, nodes, f.rcu) : NULL;
	f.ramp = malloc((GREMC_FANOUT_MAX + 1) * sizeof(*f.ramp));
	if (f.table == NULL || f.ramp == NULL)
		return -1;
	for (uint32_t i = 0; i <= GREMC_FANOUT_MAX; i++)
		f.ramp[i] = 5 + i * 3;
	*state = &f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_on(state, &gremc_nodes_any);
}

static int set_up_two(void **state)
{
	return set_up_on(state, &two_nodes);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->ramp);
	gremc_fanout_destroy(f->table);
	gremc_rcu_destroy(f->rcu);
	return 0;
}

static struct gremc_fanout_op set(rte_be32_t s, rte_be32_t g, uint8_t length, const uint32_t *oifs,
				  uint32_t count)
{
	return (struct gremc_fanout_op){
		.kind = GREMC_FANOUT_SET,
		.spec = {.source = s, .group = g, .length = length, .oifs = oifs, .oif_count = count},
	};
}

static struct gremc_fanout_op rem(rte_be32_t s, rte_be32_t g, uint8_t length)
{
	return (struct gremc_fanout_op){
		.kind = GREMC_FANOUT_REMOVE,
		.spec = {.source = s, .group = g, .length = length},
	};
}

static int apply(struct fixture *f, struct gremc_fanout_op op)
{
	return gremc_fanout_apply(f->table, &op, 1, NULL, NULL);
}

static void add(struct fixture *f, rte_be32_t s, rte_be32_t g, uint8_t length)
{
	assert_int_equal(apply(f, set(s, g, length, vifs123, 3)), 0);
}

/* The object is the same on the node as on the first, and lies in its range. */
static void check_copy(const struct gremc_slab *slab, uint32_t node, const struct gremc_mroute *copy,
		       const struct gremc_mroute *first)
{
	const uint32_t vifs = first ? first->oif_count + (first->iif_count > 1 ? first->iif_count : 0) : 0;

	assert_int_equal(copy == NULL, first == NULL);
	if (first == NULL)
		return;
	assert_in_range((uintptr_t)copy, (uintptr_t)slab->lines[node],
			(uintptr_t)slab->lines[node] + slab->size - 1);
	assert_ptr_equal(copy, gremc_slab_at(slab, node, first));
	assert_memory_equal(copy, first, sizeof(*first) + vifs * sizeof(*first->vif));
}

/* On every node. */
static const struct gremc_mroute *lookup(struct fixture *f, rte_be32_t s, rte_be32_t g)
{
	const struct gremc_fanout_key key = {s, g};
	const struct gremc_mroute *found = (const struct gremc_mroute *)f; /* must be overwritten */
	const struct gremc_mroute *copy = found;

	gremc_fanout_lookup_bulk(gremc_fanout_at(f->table, SOCKET_ID_ANY), &key, 1, &found);
	for (uint32_t i = 1; i < f->nodes->count; i++) {
		gremc_fanout_lookup_bulk(gremc_fanout_at(f->table, f->nodes->socket[i]), &key, 1, &copy);
		check_copy(&f->table->slab, i, copy, found);
	}
	return found;
}

static struct gremc_fanout_usage usage_of(struct fixture *f)
{
	struct gremc_fanout_usage usage;

	gremc_fanout_usage(f->table, &usage);
	return usage;
}

static void lower_bound(void **state)
{
	const uint32_t vifs[] = {3, 5, 9, 9000, UINT32_MAX};

	(void)state;
	assert_int_equal(gremc_vif_lower_bound(NULL, 0, 7), 0);
	for (uint32_t count = 1; count <= RTE_DIM(vifs); count++) {
		for (uint32_t i = 0; i < count; i++) {
			assert_int_equal(gremc_vif_lower_bound(vifs, count, vifs[i]), i);
			assert_int_equal(gremc_vif_lower_bound(vifs, count, vifs[i] - 1), i);
		}
		if (vifs[count - 1] < UINT32_MAX)
			assert_int_equal(gremc_vif_lower_bound(vifs, count, vifs[count - 1] + 1), count);
	}
	assert_int_equal(gremc_vif_lower_bound(vifs, 5, 0), 0);
}

static void longest_match_wins(void **state)
{
	struct fixture *f = *state;
	const rte_be32_t other = IP(10, 9, 9, 9);

	assert_null(lookup(f, source, group));
	assert_int_equal(usage_of(f).lengths, 0);
	/* from the shortest to the longest: each takes over from the one before */
	for (uint8_t length = 4; length <= 32; length++) {
		if (length > 8 && length < 24 && length % 5)
			continue;
		add(f, 0, group & gremc_netmask(length), length);
		assert_int_equal(lookup(f, source, group)->length, length);
		assert_true(usage_of(f).lengths >> length & 1);
	}
	add(f, source, group, 32);
	assert_int_equal(lookup(f, source, group)->source, source);
	assert_int_equal(lookup(f, other, group)->source, 0);
	assert_int_equal(lookup(f, other, group)->length, 32);
	assert_int_equal(lookup(f, source, IP(239, 1, 1, 0))->length, 31);
	assert_int_equal(lookup(f, source, IP(239, 1, 1, 9))->length, 28);
	assert_int_equal(lookup(f, source, IP(239, 200, 0, 1))->length, 8);
	assert_int_equal(lookup(f, source, IP(225, 0, 0, 1))->length, 4);
	assert_null(lookup(f, source, IP(192, 0, 2, 1)));

	assert_int_equal(apply(f, rem(source, group, 32)), 0);
	assert_int_equal(lookup(f, source, group)->length, 32);
	assert_int_equal(lookup(f, source, group)->source, 0);
	assert_int_equal(usage_of(f).lengths >> 33, 0);
	assert_int_equal(apply(f, rem(0, group, 32)), 0);
	assert_int_equal(lookup(f, source, group)->length, 31);
}

/* RFC 4607: in 232.0.0.0/8 nothing but (S,G). */
static void source_specific_groups(void **state)
{
	struct fixture *f = *state;
	const rte_be32_t ssm = IP(232, 1, 2, 3);

	add(f, 0, IP(224, 0, 0, 0), 4);
	assert_non_null(lookup(f, source, IP(233, 0, 0, 1)));
	assert_null(lookup(f, source, ssm));
	add(f, source, ssm, 32);
	assert_int_equal(lookup(f, source, ssm)->group, ssm);
	assert_null(lookup(f, IP(10, 1, 1, 2), ssm));
	assert_int_equal(apply(f, set(0, ssm, 32, vifs123, 3)), -EINVAL);
	assert_int_equal(apply(f, set(0, IP(232, 0, 0, 0), 9, vifs123, 3)), -EINVAL);
	add(f, 0, IP(232, 0, 0, 0), 7); /* covers 233.0.0.0/8, too */
	assert_null(lookup(f, IP(10, 1, 1, 2), ssm));
	assert_int_equal(lookup(f, source, IP(233, 0, 0, 1))->length, 7);
	/* or what is said of all of them */
	add(f, 0, IP(232, 0, 0, 0), 8);
	assert_int_equal(usage_of(f).lengths >> 34, 1);
	assert_int_equal(usage_of(f).lengths >> 8 & 1, 0);
	assert_int_equal(lookup(f, IP(10, 1, 1, 2), ssm)->length, 8);
	assert_int_equal(lookup(f, source, ssm)->length, 32);
	assert_int_equal(lookup(f, source, IP(233, 0, 0, 1))->length, 7);
	assert_int_equal(apply(f, rem(0, IP(232, 0, 0, 0), 8)), 0);
	assert_int_equal(usage_of(f).lengths >> 34, 0);
	assert_null(lookup(f, IP(10, 1, 1, 2), ssm));
}

static void a_bulk_mixes_all_kinds(void **state)
{
	struct fixture *f = *state;
	struct gremc_fanout_key keys[GREMC_FANOUT_BULK] = {{0, 0}};
	const struct gremc_mroute *out[GREMC_FANOUT_BULK + 1];

	for (uint32_t i = 0; i < GREMC_FANOUT_BULK; i += 4)
		add(f, source, rte_cpu_to_be_32(0xef000000 + i), 32);
	for (uint32_t i = 1; i < GREMC_FANOUT_BULK; i += 4)
		add(f, 0, rte_cpu_to_be_32(0xef000000 + i), 32);
	add(f, 0, IP(239, 0, 0, 32), 27);
	for (uint32_t n = 0; n <= GREMC_FANOUT_BULK; n++) {
		out[n] = (const struct gremc_mroute *)f;
		for (uint32_t i = 0; i < n; i++)
			keys[i] = (struct gremc_fanout_key){source, rte_cpu_to_be_32(0xef000000 + i)};
		gremc_fanout_lookup_bulk(gremc_fanout_at(f->table, SOCKET_ID_ANY), keys, n, out);
		for (uint32_t i = 0; i < n; i++) {
			if (i % 4 < 2) {
				assert_int_equal(out[i]->group, keys[i].group);
				assert_int_equal(out[i]->source, i % 4 ? 0 : source);
			} else if (i >= 32) {
				assert_int_equal(out[i]->length, 27);
			} else {
				assert_null(out[i]);
			}
		}
		assert_ptr_equal(out[n], f); /* no more than n are written */
	}
}

static void find_is_exact(void **state)
{
	struct fixture *f = *state;

	add(f, source, group, 32);
	add(f, 0, IP(239, 0, 0, 0), 8);
	assert_int_equal(gremc_fanout_find(f->table, source, group, 32)->source, source);
	assert_int_equal(gremc_fanout_find(f->table, 0, IP(239, 0, 0, 0), 8)->length, 8);
	assert_null(gremc_fanout_find(f->table, 0, group, 32));
	assert_null(gremc_fanout_find(f->table, source, group, 24));
	assert_null(gremc_fanout_find(f->table, 0, IP(239, 0, 0, 0), 9));
	assert_null(gremc_fanout_find(f->table, 0, IP(239, 0, 0, 0), 0));
	/* a source that looks like a length */
	assert_null(gremc_fanout_find(f->table, IP(0, 0, 0, 8), IP(239, 0, 0, 0), 32));
	assert_null(gremc_fanout_get(f->table, GREMC_MROUTE_IDS_MAX));
	assert_null(gremc_fanout_get(f->table, UINT32_MAX));
}

static void accepted_iifs(void **state)
{
	struct fixture *f = *state;
	const uint32_t iifs[] = {70, 7, 700};
	struct gremc_fanout_op op = set(source, group, 32, vifs123, 3);
	const struct gremc_mroute *mroute;

	assert_int_equal(apply(f, op), 0);
	mroute = lookup(f, source, group);
	assert_true(gremc_mroute_accepts(mroute, 0) && gremc_mroute_accepts(mroute, UINT32_MAX));

	op.spec.iifs = iifs;
	op.spec.iif_count = 1;
	assert_int_equal(apply(f, op), 0);
	mroute = lookup(f, source, group);
	assert_true(gremc_mroute_accepts(mroute, 70));
	assert_false(gremc_mroute_accepts(mroute, 7) || gremc_mroute_accepts(mroute, 71));
	assert_int_equal(gremc_mroute_iifs(mroute)[0], 70);

	op.spec.iif_count = 3;
	assert_int_equal(apply(f, op), 0);
	mroute = lookup(f, source, group);
	for (uint32_t vif = 0; vif < 800; vif++)
		assert_int_equal(gremc_mroute_accepts(mroute, vif), vif == 7 || vif == 70 || vif == 700);
	assert_int_equal(mroute->oif_count, 3);
	assert_memory_equal(mroute->vif, vifs123, sizeof(vifs123));
}

static void the_oil_is_sorted(void **state)
{
	struct fixture *f = *state;
	const uint32_t mixed[] = {9, 1, UINT32_MAX, 0, 4}, sorted[] = {0, 1, 4, 9, UINT32_MAX};
	const uint32_t twice[] = {3, 1, 2, 3};
	struct gremc_fanout_op op = set(source, group, 32, mixed, 5);
	const struct gremc_mroute *mroute;

	assert_int_equal(apply(f, op), 0);
	mroute = lookup(f, source, group);
	assert_memory_equal(mroute->vif, sorted, sizeof(sorted));
	assert_int_equal(apply(f, set(source, group, 32, twice, 4)), -EINVAL);
	op.spec.iifs = twice;
	op.spec.iif_count = 4;
	assert_int_equal(apply(f, op), -EINVAL);
	assert_ptr_equal(lookup(f, source, group), mroute);
}

static void any_fan_out(void **state)
{
	static const uint32_t sizes[] = {0,   1,   2,   4,   5,    20,    230,   244,
					 245, 255, 256, 257, 1000, 20000, 65534, 65535};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < RTE_DIM(sizes); i++)
		assert_int_equal(apply(f, set(0, rte_cpu_to_be_32(0xef000000 + i), 32, f->ramp, sizes[i])),
				 0);
	for (uint32_t i = 0; i < RTE_DIM(sizes); i++) {
		const struct gremc_mroute *mroute = lookup(f, source, rte_cpu_to_be_32(0xef000000 + i));

		assert_int_equal(mroute->oif_count, sizes[i]);
		assert_memory_equal(mroute->vif, f->ramp, sizes[i] * sizeof(uint32_t));
		assert_int_equal((uintptr_t)mroute % 8, 0);
	}
	assert_int_equal(apply(f, set(0, group, 32, f->ramp, GREMC_FANOUT_MAX + 1)), -E2BIG);
	assert_null(gremc_fanout_find(f->table, 0, group, 32));
}

static void a_replacement_keeps_its_id(void **state)
{
	struct fixture *f = *state;
	const struct gremc_mroute *first, *second;

	add(f, 0, IP(239, 0, 0, 0), 8);
	add(f, source, group, 32);
	first = lookup(f, source, group);
	assert_ptr_equal(gremc_fanout_get(f->table, first->id), first);
	assert_int_equal(apply(f, set(source, group, 32, f->ramp, 300)), 0);
	second = lookup(f, source, group);
	assert_ptr_not_equal(first, second);
	assert_int_equal(first->id, second->id);
	assert_int_equal(second->oif_count, 300);
	assert_ptr_equal(gremc_fanout_get(f->table, second->id), second);
	assert_int_equal(gremc_fanout_id_limit(f->table), 2);
	assert_int_equal(usage_of(f).mroutes, 2);
}

static void the_same_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const uint32_t mixed[] = {3, 1, 2};
	struct gremc_fanout_op op = set(source, group, 32, vifs123, 3);
	const struct gremc_mroute *first;
	uint64_t token;

	assert_int_equal(apply(f, op), 0);
	first = lookup(f, source, group);
	token = gremc_rcu_qsbr(f->rcu)->token;
	op.spec.oifs = mixed;
	assert_int_equal(apply(f, op), 0);
	assert_ptr_equal(lookup(f, source, group), first);
	assert_int_equal(gremc_rcu_qsbr(f->rcu)->token, token);
	op.spec.origin = 1;
	assert_int_equal(apply(f, op), 0);
	assert_int_equal(lookup(f, source, group)->origin, 1);
	op.spec.iifs = vifs123;
	op.spec.iif_count = 1;
	assert_int_equal(apply(f, op), 0);
	assert_int_equal(lookup(f, source, group)->iif, 1);
}

static void wrong_specs_are_refused(void **state)
{
	struct fixture *f = *state;
	const struct gremc_fanout_op wrong[] = {
		set(source, IP(192, 0, 2, 1), 32, vifs123, 3),
		set(0, IP(10, 0, 0, 0), 8, vifs123, 3),
		set(source, IP(239, 1, 1, 0), 24, vifs123, 3),
		set(0, IP(239, 1, 1, 1), 24, vifs123, 3),
		set(0, IP(224, 0, 0, 0), 3, vifs123, 3),
		set(0, 0, 0, vifs123, 3),
		set(0, group, 33, vifs123, 3),
		set(IP(0, 0, 0, 32), group, 32, vifs123, 3),
		set(IP(239, 9, 9, 9), group, 32, vifs123, 3),
	};
	struct gremc_fanout_usage before = usage_of(f), after;

	for (uint32_t i = 0; i < RTE_DIM(wrong); i++)
		assert_int_equal(apply(f, wrong[i]), -EINVAL);
	assert_int_equal(apply(f, rem(source, group, 32)), -ENOENT);
	assert_int_equal(gremc_fanout_apply(f->table, NULL, 0, NULL, NULL), 0);
	after = usage_of(f);
	assert_memory_equal(&before, &after, sizeof(before));
}

/* What the caller must not do: it costs an error, not the table. */
static void a_key_twice_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct gremc_fanout_op set_new = set(0, IP(239, 0, 0, 0), 8, vifs123, 3);
	const struct gremc_fanout_op set_old = set(source, group, 32, vifs123, 2),
				     rem_old = rem(source, group, 32);
	const struct gremc_fanout_op pairs[][2] = {{set_new, set_new},
						   {set_old, set_old},
						   {rem_old, rem_old},
						   {rem_old, set_old},
						   {set_old, rem_old}};
	const struct gremc_mroute *old;

	add(f, source, group, 32);
	old = lookup(f, source, group);
	for (uint32_t i = 0; i < RTE_DIM(pairs); i++) {
		assert_int_equal(gremc_fanout_apply(f->table, pairs[i], 2, NULL, NULL), -EINVAL);
		assert_ptr_equal(lookup(f, source, group), old);
		assert_null(lookup(f, source, IP(239, 1, 1, 2)));
		assert_int_equal(usage_of(f).mroutes, 1);
		assert_int_equal(usage_of(f).lengths, UINT64_C(1) << 33);
		gremc_rcu_synchronize(f->rcu);
		assert_int_equal(f->table->view->hash[0]->count, 1);
	}
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(apply(f, pairs[i][0]), 0);
	assert_int_equal(usage_of(f).mroutes, 2);
	assert_int_equal(apply(f, rem_old), 0);
	assert_int_equal(lookup(f, source, group)->length, 8);
}

/* A batch that fails in its middle leaves everything as it was. */
static void all_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct gremc_fanout_op batch[] = {
		set(source, group, 32, f->ramp, 2),            /* a replacement */
		set(source, IP(239, 1, 1, 2), 32, f->ramp, 9), /* an addition */
		rem(0, IP(239, 0, 0, 0), 8),                   /* a removal */
		{0},
		set(0, IP(239, 1, 1, 3), 32, f->ramp, 1000),
	};
	const struct gremc_fanout_op failing[] = {
		set(0, group, 32, f->ramp, GREMC_FANOUT_MAX + 1),
		rem(0, IP(239, 9, 9, 9), 32),
		set(0, IP(1, 2, 3, 4), 32, f->ramp, 1),
	};
	const int expected[] = {-E2BIG, -ENOENT, -EINVAL};
	const struct gremc_mroute *exact, *prefix;
	struct gremc_fanout_usage before, after;

	/* some chunks of memory that stay */
	assert_int_equal(apply(f, set(0, IP(239, 7, 7, 7), 32, f->ramp, 9)), 0);
	add(f, source, group, 32);
	add(f, 0, IP(239, 0, 0, 0), 8);
	exact = lookup(f, source, group);
	prefix = lookup(f, source, IP(239, 1, 1, 2));
	before = usage_of(f);
	for (uint32_t i = 0; i < RTE_DIM(failing); i++) {
		batch[3] = failing[i];
		assert_int_equal(gremc_fanout_apply(f->table, batch, RTE_DIM(batch), NULL, NULL),
				 expected[i]);
		assert_ptr_equal(lookup(f, source, group), exact);
		assert_ptr_equal(lookup(f, source, IP(239, 1, 1, 2)), prefix);
		assert_ptr_equal(lookup(f, source, IP(239, 1, 1, 3)), prefix);
		after = usage_of(f);
		assert_memory_equal(&before, &after, sizeof(before));
		assert_int_equal(gremc_rcu_reclaim(f->rcu), 0);
	}
	batch[3] = batch[4];
	assert_int_equal(gremc_fanout_apply(f->table, batch, 4, NULL, NULL), 0);
	assert_int_equal(lookup(f, source, group)->oif_count, 2);
	assert_int_equal(lookup(f, source, IP(239, 1, 1, 2))->oif_count, 9);
	assert_int_equal(lookup(f, source, IP(239, 1, 1, 3))->oif_count, 1000);
	assert_null(lookup(f, source, IP(239, 1, 1, 4)));
}

/* A table made while the process may have so many MiB of address space more than it has. */
static struct gremc_fanout *create_within(size_t mebibytes, const struct fixture *f)
{
	struct gremc_fanout *table;
	struct rlimit before, limit;
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");

	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%lu", &pages), 1);
	fclose(statm);
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	limit = before;
	limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (mebibytes << 20);
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	table = gremc_fanout_create(0, f->nodes, f->rcu);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	return table;
}

/* More than there is memory for. */
static void no_memory_is_nothing_changed(void **state)
{
	struct fixture *f = *state;
	const uint32_t count = 2000; /* of 256 KiB each */
	struct gremc_fanout_op *ops = calloc(count, sizeof(*ops));
	struct gremc_fanout_usage before, after;

	assert_non_null(ops);
	assert_null(create_within(100, f));
	gremc_fanout_destroy(f->table);
	f->table = create_within(400 * f->nodes->count, f);
	assert_non_null(f->table);
	add(f, 0, rte_cpu_to_be_32(0xef000000), 32);
	before = usage_of(f);
	for (uint32_t i = 0; i < count; i++)
		ops[i] = set(0, rte_cpu_to_be_32(0xef000000 + i), 32, f->ramp, GREMC_FANOUT_MAX);
	assert_int_equal(gremc_fanout_apply(f->table, ops, count, NULL, NULL), -ENOMEM);
	after = usage_of(f);
	assert_int_equal(after.mroutes, before.mroutes);
	assert_int_equal(after.lengths, before.lengths);
	assert_int_equal(lookup(f, source, rte_cpu_to_be_32(0xef000000))->oif_count, 3);
	assert_null(lookup(f, source, rte_cpu_to_be_32(0xef000001)));
	assert_int_equal(gremc_fanout_apply(f->table, ops, 10, NULL, NULL), 0);
	assert_int_equal(lookup(f, source, rte_cpu_to_be_32(0xef000009))->oif_count, GREMC_FANOUT_MAX);
	free(ops);
}

struct new_ids {
	struct fixture *f;
	uint32_t count, last;
};

static void on_new_id(uint32_t id, void *argument)
{
	struct new_ids *ids = argument;

	assert_null(gremc_fanout_get(ids->f->table, id));
	ids->count++;
	ids->last = id;
}

static void new_ids_are_told(void **state)
{
	struct fixture *f = *state;
	struct new_ids ids = {f, 0, UINT32_MAX};
	struct gremc_fanout_op ops[] = {set(source, group, 32, vifs123, 3),
					set(0, IP(239, 0, 0, 0), 8, vifs123, 3)};

	assert_int_equal(gremc_fanout_apply(f->table, ops, 1, on_new_id, &ids), 0);
	assert_int_equal(ids.count, 1);
	ops[0].spec.oif_count = 2;
	assert_int_equal(gremc_fanout_apply(f->table, ops, 2, on_new_id, &ids), 0);
	assert_int_equal(ids.count, 2);
	assert_int_equal(lookup(f, source, IP(239, 5, 5, 5))->id, ids.last);
	assert_int_equal(gremc_fanout_apply(f->table, ops, 2, on_new_id, &ids), 0);
	assert_int_equal(ids.count, 2);
}

/* Neither the route nor its id go to anybody else while a reader may hold it. */
static void a_removed_route_waits_for_its_readers(void **state)
{
	struct fixture *f = *state;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(f->rcu);
	int slot = gremc_rcu_reader_register(f->rcu);
	const struct gremc_mroute *held;

	assert_true(slot >= 0);
	rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
	assert_int_equal(apply(f, set(source, group, 32, f->ramp, 7)), 0);
	held = lookup(f, source, group);
	assert_int_equal(held->id, 0);
	assert_int_equal(apply(f, rem(source, group, 32)), 0);
	assert_null(lookup(f, source, group));
	assert_null(gremc_fanout_get(f->table, 0));
	assert_int_equal(gremc_rcu_reclaim(f->rcu), 1);
	assert_int_equal(f->table->view->hash[0]->count,
			 0); /* a place in the hash is free at once: keys are compared */
	assert_int_equal(apply(f, set(source, group, 32, f->ramp, 7)), 0);
	assert_int_equal(lookup(f, source, group)->id, 1);
	assert_ptr_not_equal(lookup(f, source, group), held);
	assert_int_equal(held->oif_count, 7);
	assert_memory_equal(held->vif, f->ramp, 7 * sizeof(uint32_t));

	rte_rcu_qsbr_quiescent(qsbr, (unsigned)slot);
	assert_int_equal(gremc_rcu_reclaim(f->rcu), 0);
	add(f, 0, IP(239, 0, 0, 0), 8);
	assert_int_equal(lookup(f, source, IP(239, 3, 3, 3))->id, 0);
	assert_int_equal(gremc_fanout_id_limit(f->table), 2);
	rte_rcu_qsbr_thread_offline(qsbr, (unsigned)slot);
	gremc_rcu_reader_unregister(f->rcu, slot);
}

static void set_many(struct fixture *f, enum gremc_fanout_op_kind kind, uint32_t count, uint32_t batch)
{
	struct gremc_fanout_op *ops = calloc(batch, sizeof(*ops));

	assert_non_null(ops);
	for (uint32_t i = 0; i < count; i += batch) {
		uint32_t n = RTE_MIN(batch, count - i);

		for (uint32_t j = 0; j < n; j++) {
			ops[j] = set(rte_cpu_to_be_32(0x0a000000 + (i + j) % 251),
				     rte_cpu_to_be_32(0xef000000 + (i + j) / 251), 32, f->ramp,
				     1 + (i + j) % 4);
			ops[j].kind = kind;
		}
		assert_int_equal(gremc_fanout_apply(f->table, ops, n, NULL, NULL), 0);
	}
	free(ops);
}

static void check_many(struct fixture *f, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct gremc_mroute *mroute = lookup(f, rte_cpu_to_be_32(0x0a000000 + i % 251),
							   rte_cpu_to_be_32(0xef000000 + i / 251));

		assert_non_null(mroute);
		assert_int_equal(mroute->oif_count, 1 + i % 4);
		assert_ptr_equal(gremc_fanout_get(f->table, mroute->id), mroute);
	}
}

static void it_grows(void **state)
{
	struct fixture *f = *state;
	const uint32_t count = 50000;
	struct gremc_fanout_usage usage = usage_of(f);

	assert_in_range(usage.capacity, 1024, 2048);
	set_many(f, GREMC_FANOUT_SET, count, 1);
	usage = usage_of(f);
	assert_int_equal(usage.mroutes, count);
	assert_in_range(usage.capacity, count, 4 * count);
	assert_int_equal(usage.lengths, UINT64_C(1) << 33);
	check_many(f, count);
	/* and in one leap */
	set_many(f, GREMC_FANOUT_REMOVE, count, count);
	assert_int_equal(usage_of(f).mroutes, 0);
	gremc_rcu_synchronize(f->rcu);
	gremc_fanout_destroy(f->table);
	f->table = gremc_fanout_create(0, f->nodes, f->rcu);
	assert_non_null(f->table);
	set_many(f, GREMC_FANOUT_SET, count, count);
	check_many(f, count);
}

/* A reader that sleeps on the job: what waits for it does not fill the hash. */
static void removed_routes_do_not_fill_it(void **state)
{
	struct fixture *f = *state;
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(f->rcu);
	int slot = gremc_rcu_reader_register(f->rcu);

	assert_true(slot >= 0);
	rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
	for (uint32_t i = 0; i < 50; i++) {
		set_many(f, GREMC_FANOUT_SET, 500, 100);
		check_many(f, 500);
		set_many(f, GREMC_FANOUT_REMOVE, 500, 100);
	}
	assert_in_range(usage_of(f).capacity, 1024, 2048);
	assert_true(gremc_rcu_reclaim(f->rcu) > 0);
	rte_rcu_qsbr_thread_offline(qsbr, (unsigned)slot);
	assert_int_equal(gremc_rcu_reclaim(f->rcu), 0);
	gremc_rcu_reader_unregister(f->rcu, slot);
	set_many(f, GREMC_FANOUT_SET, 5000, 100);
	check_many(f, 5000);
}

#define COLLIDING (GREMC_HASH_ENTRIES + 8) /* more than one bucket holds */

/* Routes whose keys share their bucket. */
static void collide(struct fixture *f, struct gremc_fanout_op *ops)
{
	const struct gremc_hash *hash = f->table->view->hash[0];
	const struct gremc_hash_bucket *bucket = NULL;
	uint32_t found = 0;

	for (uint32_t i = 0; found < COLLIDING; i++) {
		const struct gremc_fanout_key key = {rte_cpu_to_be_32(0x0b000000 + i), group};
		const struct gremc_hash_bucket *its = gremc_hash_bucket_get(hash, gremc_key_hash(hash, &key));

		assert_true(i < 1u << 24);
		if (found > 0 && its != bucket)
			continue;
		bucket = its;
		ops[found++] = set(key.source, key.group, 32, vifs123, 3);
	}
}

static void colliding_keys_find_room(void **state)
{
	struct fixture *f = *state;
	struct gremc_fanout_op ops[COLLIDING];
	uint32_t capacity = usage_of(f).capacity;

	add(f, source, group, 32);
	collide(f, ops);
	assert_int_equal(gremc_fanout_apply(f->table, ops, COLLIDING, NULL, NULL), 0);
	assert_int_equal(usage_of(f).mroutes, COLLIDING + 1);
	assert_int_equal(usage_of(f).capacity, capacity);
	assert_non_null(lookup(f, source, group));
	for (uint32_t i = 0; i < COLLIDING; i++)
		assert_int_equal(lookup(f, ops[i].spec.source, group)->source, ops[i].spec.source);
}

/* Half of the batch is published when a key comes for the second time. */
static void a_half_published_batch_is_undone(void **state)
{
	struct fixture *f = *state;
	struct gremc_fanout_op ops[COLLIDING + 3];
	const uint32_t twice = RTE_DIM(ops) - 1;
	const struct gremc_mroute *replaced, *removed;
	struct gremc_fanout_usage before, after;

	add(f, source, group, 32);
	add(f, 0, IP(239, 0, 0, 0), 8);
	replaced = lookup(f, source, group);
	removed = lookup(f, source, IP(239, 2, 2, 2));
	ops[0] = set(source, group, 32, vifs123, 1);
	ops[1] = rem(0, IP(239, 0, 0, 0), 8);
	collide(f, &ops[2]);
	ops[twice] = ops[5];
	before = usage_of(f);
	assert_int_equal(gremc_fanout_apply(f->table, ops, RTE_DIM(ops), NULL, NULL), -EINVAL);
	gremc_rcu_synchronize(f->rcu);
	after = usage_of(f);
	assert_int_equal(after.mroutes, before.mroutes);
	assert_int_equal(after.lengths, before.lengths);
	assert_ptr_equal(lookup(f, source, group), replaced);
	assert_ptr_equal(gremc_fanout_get(f->table, replaced->id), replaced);
	assert_ptr_equal(lookup(f, source, IP(239, 2, 2, 2)), removed);
	for (uint32_t i = 2; i < RTE_DIM(ops); i++)
		assert_ptr_equal(lookup(f, ops[i].spec.source, group), removed);
	for (uint32_t id = 2; id < gremc_fanout_id_limit(f->table); id++)
		assert_null(gremc_fanout_get(f->table, id));

	/* nothing was lost by it: neither places nor ids */
	assert_int_equal(gremc_fanout_apply(f->table, ops, twice, NULL, NULL), 0);
	assert_int_equal(lookup(f, source, group)->oif_count, 1);
	assert_int_equal(lookup(f, source, group)->id, 0);
	assert_null(lookup(f, source, IP(239, 2, 2, 2)));
	assert_in_range(gremc_fanout_id_limit(f->table), COLLIDING, COLLIDING + 2);
	assert_int_equal(usage_of(f).mroutes, COLLIDING + 1);
}

static void memory_comes_back(void **state)
{
	struct fixture *f = *state;
	struct gremc_fanout_usage full[3], empty[3];

	for (uint32_t i = 0; i < 3; i++) {
		set_many(f, GREMC_FANOUT_SET, 20000, 1000);
		for (uint32_t j = 0; j < 40; j++)
			assert_int_equal(
				apply(f, set(0, rte_cpu_to_be_32(0xe1000000 + j), 32, f->ramp, 50 * j)), 0);
		gremc_rcu_synchronize(f->rcu);
		full[i] = usage_of(f);
		set_many(f, GREMC_FANOUT_REMOVE, 20000, 1000);
		for (uint32_t j = 0; j < 40; j++)
			assert_int_equal(apply(f, rem(0, rte_cpu_to_be_32(0xe1000000 + j), 32)), 0);
		gremc_rcu_synchronize(f->rcu);
		empty[i] = usage_of(f);
		assert_int_equal(empty[i].mroutes, 0);
		assert_int_equal(empty[i].lengths, 0);
		assert_true(full[i].bytes > empty[i].bytes + 20000 * 60);
	}
	assert_int_equal(empty[1].bytes, empty[2].bytes);
	assert_int_equal(full[1].bytes, full[2].bytes);
	assert_int_equal(gremc_fanout_id_limit(f->table), 20040);
}

static void memory_per_entry(void **state)
{
	struct fixture *f = *state;
	const uint32_t count = 100000;

	set_many(f, GREMC_FANOUT_SET, count, 1000);
	gremc_rcu_synchronize(f->rcu);
	assert_true(usage_of(f).bytes / count < 200);
}

static void the_limit_is_kept(void **state)
{
	struct fixture *f = *state;
	const rte_be32_t removed = RTE_BE32(0x0a000000), its_group = RTE_BE32(0xef000000);
	struct gremc_fanout_op ops[] = {rem(removed, its_group, 32),
					set(source, IP(225, 0, 0, 1), 32, vifs123, 3)};

	set_many(f, GREMC_FANOUT_SET, GREMC_MROUTES_MAX, 4096);
	assert_int_equal(usage_of(f).mroutes, GREMC_MROUTES_MAX);
	assert_int_equal(gremc_fanout_id_limit(f->table), GREMC_MROUTES_MAX);
	assert_int_equal(apply(f, ops[1]), -ENOSPC);
	assert_int_equal(apply(f, set(removed, its_group, 32, vifs123, 2)), 0);
	assert_int_equal(lookup(f, removed, its_group)->oif_count, 2);
	/* additions come first, but the limit holds for what there is in the end */
	assert_int_equal(gremc_fanout_apply(f->table, ops, 2, NULL, NULL), 0);
	assert_null(lookup(f, removed, its_group));
	assert_int_equal(lookup(f, source, IP(225, 0, 0, 1))->oif_count, 3);
	assert_int_equal(apply(f, rem(source, IP(225, 0, 0, 1), 32)), 0);
	assert_int_equal(apply(f, ops[1]), 0);
	assert_int_equal(usage_of(f).mroutes, GREMC_MROUTES_MAX);
}

static void tables_are_independent(void **state)
{
	struct fixture *f = *state;
	struct gremc_fanout *other = gremc_fanout_create(GREMC_MROUTES_MAX / 16, &gremc_nodes_any, f->rcu);
	struct gremc_fanout_op op = set(0, group, 32, vifs123, 3);
	struct gremc_fanout_usage usage;

	assert_non_null(other);
	gremc_fanout_usage(other, &usage);
	assert_true(usage.capacity >= GREMC_MROUTES_MAX / 16);
	assert_int_equal(gremc_fanout_apply(other, &op, 1, NULL, NULL), 0);
	assert_null(lookup(f, source, group));
	add(f, source, group, 32);
	assert_int_equal(apply(f, rem(source, group, 32)), 0);
	gremc_fanout_destroy(other);
	gremc_fanout_destroy(NULL);
	assert_null(lookup(f, source, group));
}

static int start_eal(void **state)
{
	static char name[] = "test_fanout", no_huge[] = "--no-huge", m[] = "-m", size[] = "512",
		    no_pci[] = "--no-pci", no_shconf[] = "--no-shconf", no_telemetry[] = "--no-telemetry",
		    l[] = "-l", cpus[] = "0";
	char *arguments[] = {name, no_huge, m, size, no_pci, no_shconf, no_telemetry, l, cpus};

	(void)state;
	return rte_eal_init(RTE_DIM(arguments), arguments) < 0;
}

static int stop_eal(void **state)
{
	(void)state;
	return rte_eal_cleanup();
}

static void thresholds_are_of_their_oifs(void **state)
{
	static const uint32_t iifs[] = {7, 8}, descending[] = {3, 2, 1};
	uint8_t thresholds[] = {0, 16, 255};
	struct fixture *f = *state;
	struct gremc_fanout_op op = set(source, group, 32, vifs123, 3);
	const struct gremc_mroute *mroute, *same;

	op.spec.iifs = iifs;
	op.spec.iif_count = 2;
	op.spec.thresholds = thresholds;
	assert_int_equal(apply(f, op), 0);
	mroute = lookup(f, source, group);
	assert_true(mroute->limited);
	assert_memory_equal(gremc_mroute_thresholds(mroute), thresholds, 3);
	assert_memory_equal(gremc_mroute_iifs(mroute), iifs, sizeof(iifs));
	assert_int_equal(apply(f, op), 0);
	same = lookup(f, source, group);
	assert_ptr_equal(same, mroute);
	thresholds[2] = 1; /* nothing else has changed */
	assert_int_equal(apply(f, op), 0);
	assert_int_equal(gremc_mroute_thresholds(lookup(f, source, group))[2], 1);
	op.spec.oifs = descending;
	assert_int_equal(apply(f, op), -EINVAL);
	op.spec.thresholds = NULL;
	assert_int_equal(apply(f, op), 0);
	assert_false(lookup(f, source, group)->limited);
}

/* What a second node costs, and that nobody needs to know whether it has a copy. */
static void a_copy_on_each_node(void **state)
{
	struct fixture *f = *state;
	const struct gremc_fanout_node *first = gremc_fanout_at(f->table, 0);
	const struct gremc_fanout_usage empty = usage_of(f);
	struct gremc_fanout *single = gremc_fanout_create(0, &gremc_nodes_any, f->rcu);
	struct gremc_fanout_usage one, one_empty, two;

	assert_ptr_not_equal(gremc_fanout_at(f->table, 1), first);
	assert_ptr_equal(gremc_fanout_at(f->table, 7), first);
	assert_ptr_equal(gremc_fanout_at(f->table, SOCKET_ID_ANY), first);
	assert_non_null(single);
	assert_ptr_equal(gremc_fanout_at(single, 1), gremc_fanout_at(single, 0));
	gremc_fanout_usage(single, &one_empty);
	gremc_fanout_destroy(single);
	set_many(f, GREMC_FANOUT_SET, 500, 100);
	two = usage_of(f);
	f->table->nodes.count = 1; /* the usage of one of them */
	one = usage_of(f);
	f->table->nodes.count = 2;
	assert_int_equal(one_empty.nodes, 1);
	assert_int_equal(two.nodes, 2);
	assert_true(two.bytes - one.bytes >= 500 * 64);
	assert_true(empty.bytes > one_empty.bytes + GREMC_HASH_ENTRIES * 64);
	check_many(f, 500);
}

/* What is removed is gone from every node's memory, too. */
static void freed_on_every_node(void **state)
{
	struct fixture *f = *state;
	const struct gremc_mroute *mroute, *copy;

	add(f, source, group, 32);
	add(f, source, IP(239, 2, 2, 2), 32);
	mroute = lookup(f, source, group);
	copy = gremc_slab_at(&f->table->slab, 1, mroute);
	assert_int_equal(copy->oif_count, 3);
	assert_int_equal(apply(f, rem(source, group, 32)), 0);
	assert_int_equal(copy->oif_count, 3); /* a reader may hold it still */
	gremc_rcu_synchronize(f->rcu);
#ifndef __SANITIZE_ADDRESS__
	assert_int_equal(copy->oif_count, 0);
#endif
	assert_null(lookup(f, source, group));
	assert_non_null(lookup(f, source, IP(239, 2, 2, 2)));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define TWO(function)                                                                                        \
	{                                                                                                    \
#		function " on two nodes", function, set_up_two, tear_down, NULL                             \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lower_bound),
		TEST(longest_match_wins),
		TEST(thresholds_are_of_their_oifs),
		TEST(source_specific_groups),
		TEST(a_bulk_mixes_all_kinds),
		TEST(find_is_exact),
		TEST(accepted_iifs),
		TEST(the_oil_is_sorted),
		TEST(any_fan_out),
		TEST(a_replacement_keeps_its_id),
		TEST(the_same_changes_nothing),
		TEST(wrong_specs_are_refused),
		TEST(a_key_twice_is_refused),
		TEST(all_or_nothing),
		TEST(no_memory_is_nothing_changed),
		TEST(new_ids_are_told),
		TEST(a_removed_route_waits_for_its_readers),
		TEST(it_grows),
		TEST(removed_routes_do_not_fill_it),
		TEST(colliding_keys_find_room),
		TEST(a_half_published_batch_is_undone),
		TEST(memory_comes_back),
		TEST(memory_per_entry),
		TEST(the_limit_is_kept),
		TEST(tables_are_independent),
		TWO(longest_match_wins),
		TWO(accepted_iifs),
		TWO(any_fan_out),
		TWO(a_replacement_keeps_its_id),
		TWO(all_or_nothing),
		TWO(no_memory_is_nothing_changed),
		TWO(it_grows),
		TWO(colliding_keys_find_room),
		TWO(a_half_published_batch_is_undone),
		TWO(memory_comes_back),
		TWO(a_copy_on_each_node),
		TWO(freed_on_every_node),
	};

	return cmocka_run_group_tests_name("fanout", tests, start_eal, stop_eal);
}
