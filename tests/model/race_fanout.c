/* SPDX-License-Identifier: BSD-3-Clause */
/* Readers on plain threads while one writer changes the table. The content of each route follows from its key
 * and a version that only rises, so a route that is torn, freed under a reader, or older than what the reader
 * has already seen is recognized by what it says.
 *
 *   race_fanout [SEED [CHANGES]]
 *
 * Built with -Db_sanitize=thread, ThreadSanitizer judges, too. DPDK's libraries are not instrumented: the
 * order that rte_hash gives to what is published in it is declared by the annotations of base/annotate.h, in
 * the very places that rely on it, so no report is suppressed. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "fanout/fanout.h"

#define ROUNDS  4u    /* each with a table that starts small */
#define KEYS    6000u /* the table has to grow twice */
#define FLIPS   32u   /* the first keys: always either an (S,G) or a (*,G) */
#define BATCH   16u
#define READERS 3u
#define BURSTS  16u /* between two quiescent states */
#define OIL_MAX 300u

/* The readers are on two nodes; the second need not exist. */
static const struct gremc_nodes nodes = {.count = 2, .socket = {0, 1}};

struct race {
	struct gremc_fanout *table;
	struct gremc_rcu *rcu;
	uint64_t seed;
	bool stop; /* atomic */
	uint64_t lookups;
};

static struct race race;

static _Noreturn void fail(const char *what, uint32_t key)
{
	fprintf(stderr, "race_fanout: seed %" PRIu64 ", key %u: %s\n", race.seed, key, what);
	abort();
}

static uint64_t mix(uint64_t z)
{
	z += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint32_t below(uint64_t *random, uint32_t limit)
{
	return (uint32_t)(mix((*random)++) % limit);
}

/* ---- keys and what their routes say ---- */

enum kind { SOURCE_GROUP, ANY_SOURCE, PREFIX };

static enum kind kind_of(uint32_t key)
{
	return key % 8 < 6 ? SOURCE_GROUP : key % 8 == 6 ? ANY_SOURCE : PREFIX;
}

/* The key is in the group; a prefix has 8 bits below it. */
static struct gremc_mroute_spec spec_of(uint32_t key, enum kind kind)
{
	return (struct gremc_mroute_spec){
		.source = kind == SOURCE_GROUP ? rte_cpu_to_be_32(0x0a000000 + key) : 0,
		.group = rte_cpu_to_be_32(kind == PREFIX ? 0xee000000 + (key << 8) : 0xef000000 + key),
		.length = kind == PREFIX ? 24 : 32,
	};
}

static uint32_t key_of(const struct gremc_mroute *mroute)
{
	uint32_t low = rte_be_to_cpu_32(mroute->group) & 0xffffff;

	return mroute->length == 24 ? low >> 8 : low;
}

static uint32_t oil_of(uint32_t key, uint32_t version, uint32_t *oifs)
{
	uint64_t random = mix((uint64_t)key << 32 | version);
	uint32_t count = random % 64 == 0 ? OIL_MAX : 1 + (uint32_t)(random >> 8) % 40;

	for (uint32_t i = 0; i < count; i++)
		oifs[i] = (uint32_t)(random >> 40) + i * (1 + version % 3);
	return count;
}

/* The version of a route, whose content must be what that version of its key says. */
static uint32_t check(const struct gremc_mroute *mroute, uint32_t key)
{
	uint32_t oifs[OIL_MAX], version;

	if (mroute->oif_count == 0 || mroute->iif_count == 0)
		fail("freed while a reader could hold it", key);
	if (key_of(mroute) != key || mroute->id >= GREMC_MROUTE_IDS_MAX)
		fail("another key's route", key);
	version = gremc_mroute_iifs(mroute)[0];
	if (mroute->iif_count != 1 + (version & 1) || mroute->oif_count != oil_of(key, version, oifs) ||
	    memcmp(oifs, mroute->vif, mroute->oif_count * sizeof(*oifs)) != 0)
		fail("torn", key);
	return version;
}

/* ---- readers ---- */

struct reader {
	const struct gremc_fanout_node *node;
	uint64_t random;
	uint32_t seen[KEYS]; /* the youngest version of each key */
	const struct gremc_mroute *held[BURSTS * GREMC_FANOUT_BULK];
	uint32_t versions[BURSTS * GREMC_FANOUT_BULK];
	uint32_t held_count;
	uint64_t lookups;
};

static void read_burst(struct reader *reader)
{
	struct gremc_fanout_key keys[GREMC_FANOUT_BULK] = {{0, 0}};
	const struct gremc_mroute *found[GREMC_FANOUT_BULK];
	uint32_t wanted[GREMC_FANOUT_BULK], n = 1 + below(&reader->random, GREMC_FANOUT_BULK);

	for (uint32_t i = 0; i < n; i++) {
		/* every other lookup is of a key that is never without a route */
		uint32_t key = below(&reader->random, i % 2 ? FLIPS : KEYS);
		struct gremc_mroute_spec spec = spec_of(key, key < FLIPS ? SOURCE_GROUP : kind_of(key));

		wanted[i] = key;
		keys[i].source = rte_cpu_to_be_32(0x0a000000 + key);
		keys[i].group = spec.group | (spec.length == 24 ? RTE_BE32(0x5a) : 0);
	}
	gremc_fanout_lookup_bulk(reader->node, keys, n, found);
	reader->lookups += n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t version;

		if (found[i] == NULL) {
			if (wanted[i] < FLIPS)
				fail("no route, and there is always one", wanted[i]);
			continue;
		}
		version = check(found[i], wanted[i]);
		if (version < reader->seen[wanted[i]])
			fail("older than what was seen before", wanted[i]);
		reader->seen[wanted[i]] = version;
		reader->held[reader->held_count] = found[i];
		reader->versions[reader->held_count++] = version;
	}
}

/* Several bursts, then once more all that they found: it must have stayed. */
static void read_some(struct reader *reader)
{
	uint32_t limit = gremc_fanout_id_limit(race.table);

	reader->held_count = 0;
	for (uint32_t burst = 0; burst < BURSTS; burst++)
		read_burst(reader);
	for (uint32_t i = 0; limit > 0 && i < BURSTS; i++) {
		const struct gremc_mroute *mroute =
			gremc_fanout_get(race.table, below(&reader->random, limit));

		if (mroute)
			check(mroute, key_of(mroute));
	}
	for (uint32_t i = 0; i < reader->held_count; i++)
		if (check(reader->held[i], key_of(reader->held[i])) != reader->versions[i])
			fail("changed in place", key_of(reader->held[i]));
}

static struct reader *reader_create(uint64_t number)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
		fail("no memory", 0);
	reader->node = gremc_fanout_at(race.table, nodes.socket[number % nodes.count]);
	reader->random = mix(race.seed ^ number << 32);
	return reader;
}

static void reader_destroy(struct reader *reader)
{
	__atomic_fetch_add(&race.lookups, reader->lookups, __ATOMIC_RELAXED);
	free(reader);
}

/* As a worker: online, a quiescent state between bursts, offline now and then. */
static void *work(void *argument)
{
	struct reader *reader = reader_create((uintptr_t)argument);
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(race.rcu);
	int slot = gremc_rcu_reader_register(race.rcu);

	if (slot < 0)
		fail("no slot for a reader", 0);
	rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
	while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
		read_some(reader);
		rte_rcu_qsbr_quiescent(qsbr, (unsigned)slot);
		if (below(&reader->random, 16) == 0) {
			rte_rcu_qsbr_thread_offline(qsbr, (unsigned)slot);
			rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
		}
	}
	rte_rcu_qsbr_thread_offline(qsbr, (unsigned)slot);
	gremc_rcu_reader_unregister(race.rcu, slot);
	reader_destroy(reader);
	return NULL;
}

/* As a telemetry callback: a slot borrowed each time. */
static void *ask(void *argument)
{
	struct reader *reader = reader_create((uintptr_t)argument);
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(race.rcu);
	struct gremc_fanout_usage usage;

	while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
		int slot = gremc_rcu_reader_register(race.rcu);

		if (slot < 0)
			fail("no slot to borrow", 0);
		rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
		read_some(reader);
		gremc_fanout_usage(race.table, &usage);
		rte_rcu_qsbr_thread_offline(qsbr, (unsigned)slot);
		gremc_rcu_reader_unregister(race.rcu, slot);
	}
	reader_destroy(reader);
	return NULL;
}

/* ---- the writer ---- */

struct writer {
	uint64_t random;
	uint32_t version[KEYS];
	bool present[KEYS];
	struct gremc_fanout_op ops[2 * BATCH + 1];
	uint32_t oifs[2 * BATCH + 1][OIL_MAX], iifs[2 * BATCH + 1][2];
	uint32_t count;
	uint64_t operations;
};

static void write_set(struct writer *writer, uint32_t key, enum kind kind)
{
	uint32_t at = writer->count++, version = writer->version[key];
	struct gremc_mroute_spec spec = spec_of(key, kind);

	spec.oifs = writer->oifs[at];
	spec.oif_count = oil_of(key, version, writer->oifs[at]);
	writer->iifs[at][0] = version;
	writer->iifs[at][1] = version + 1;
	spec.iifs = writer->iifs[at];
	spec.iif_count = 1 + (version & 1);
	writer->ops[at] = (struct gremc_fanout_op){.kind = GREMC_FANOUT_SET, .spec = spec};
}

static void write_remove(struct writer *writer, uint32_t key, enum kind kind)
{
	writer->ops[writer->count++] =
		(struct gremc_fanout_op){.kind = GREMC_FANOUT_REMOVE, .spec = spec_of(key, kind)};
}

static void write_key(struct writer *writer, uint32_t key)
{
	if (key < FLIPS) { /* the other kind takes its place; the removal may be written first */
		enum kind now = writer->version[key] & 1 ? ANY_SOURCE : SOURCE_GROUP;

		write_remove(writer, key, now);
		writer->version[key]++;
		write_set(writer, key, now == SOURCE_GROUP ? ANY_SOURCE : SOURCE_GROUP);
	} else if (writer->present[key] && below(&writer->random, 3) == 0) {
		write_remove(writer, key, kind_of(key));
		writer->present[key] = false;
	} else {
		/* now and then the same again */
		writer->version[key] += below(&writer->random, 8) > 0;
		write_set(writer, key, kind_of(key));
		writer->present[key] = true;
	}
}

static void apply(struct writer *writer)
{
	int rc = gremc_fanout_apply(race.table, writer->ops, writer->count, NULL, NULL);

	if (rc)
		fail(strerror(-rc), 0);
	writer->operations += writer->count;
	writer->count = 0;
}

/* What is refused leaves no trace that a reader could see. */
static void apply_refused(struct writer *writer)
{
	uint32_t key = FLIPS + below(&writer->random, KEYS - FLIPS);

	writer->version[key] += 1000000;
	write_set(writer, key, kind_of(key));
	writer->version[key] -= 1000000;
	write_set(writer, key, kind_of(key));
	writer->ops[1].spec.length = 3;
	if (gremc_fanout_apply(race.table, writer->ops, writer->count, NULL, NULL) != -EINVAL)
		fail("a wrong route was not refused", key);
	writer->count = 0;
}

static void write_change(struct writer *writer)
{
	/* a run of neighbours, so that no key comes twice */
	uint32_t n = 1 + below(&writer->random, BATCH);
	uint32_t first = below(&writer->random, below(&writer->random, 4) ? KEYS - n : FLIPS);

	for (uint32_t i = 0; i < n; i++)
		write_key(writer, first + i);
	apply(writer);
	if (below(&writer->random, 16) == 0)
		apply_refused(writer);
	if (below(&writer->random, 2))
		gremc_rcu_reclaim(race.rcu);
	if (below(&writer->random, 512) == 0)
		gremc_rcu_synchronize(race.rcu);
}

/* A new table, readers, so many changes; returns how many operations they were. */
static uint64_t run_round(uint64_t round, uint64_t changes)
{
	pthread_t threads[READERS + 1];
	struct writer *writer = calloc(1, sizeof(*writer));
	struct gremc_fanout_usage usage;
	uint64_t operations;

	race.table = gremc_fanout_create(0, &nodes, race.rcu);
	if (writer == NULL || race.table == NULL)
		fail("no memory", 0);
	writer->random = mix(race.seed + round);
	for (uint32_t key = 0; key < FLIPS; key++) {
		write_set(writer, key, SOURCE_GROUP);
		apply(writer);
	}
	__atomic_store_n(&race.stop, false, __ATOMIC_RELAXED);
	for (uintptr_t i = 0; i <= READERS; i++)
		if (pthread_create(&threads[i], NULL, i < READERS ? work : ask, (void *)(round * 16 + i)))
			fail("no thread", 0);
	while (changes-- > 0)
		write_change(writer);
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i <= READERS; i++)
		pthread_join(threads[i], NULL);
	gremc_rcu_synchronize(race.rcu);
	gremc_fanout_usage(race.table, &usage);
	if (usage.capacity < KEYS / 2)
		fail("the table never grew", 0);
	gremc_fanout_destroy(race.table);
	operations = writer->operations;
	free(writer);
	return operations;
}

/* The EAL binds this thread to one CPU, and threads inherit that: they are to run at the same time. */
static int start_eal(void)
{
	static char name[] = "race_fanout", no_huge[] = "--no-huge", m[] = "-m", size[] = "512",
		    no_pci[] = "--no-pci", no_shconf[] = "--no-shconf", no_telemetry[] = "--no-telemetry",
		    l[] = "-l", cpus[] = "0", level[] = "--log-level=error";
	char *arguments[] = {name, no_huge, m, size, no_pci, no_shconf, no_telemetry, l, cpus, level};
	cpu_set_t set;

	if (pthread_getaffinity_np(pthread_self(), sizeof(set), &set) ||
	    rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		return -1;
	return pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

int main(int argc, char **argv)
{
	uint64_t changes = argc > 2 ? strtoull(argv[2], NULL, 0) : 60000, operations = 0;

	race.seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20260;
	if (start_eal())
		fail("the EAL does not start", 0);
	race.rcu = gremc_rcu_create();
	if (race.rcu == NULL)
		fail("no memory", 0);
	for (uint64_t round = 0; round < ROUNDS; round++)
		operations += run_round(round, changes / ROUNDS);
	gremc_rcu_destroy(race.rcu);
	printf("race_fanout: seed %" PRIu64 ": %" PRIu64 " operations against %" PRIu64
	       " lookups of %u readers, each found whole\n",
	       race.seed, operations, race.lookups, READERS + 1);
	return rte_eal_cleanup() ? 1 : 0;
}
