/* SPDX-License-Identifier: BSD-3-Clause */
/* Readers on plain threads while one writer changes the table. The content of each route depends on its key
 * and a version that only rises. So a reader detects by the content that a route is torn, freed too early, or
 * older than a route that it has already seen.
 *
 *   race_fanout [SEED [CHANGES]]
 *
 * With -Db_sanitize=thread, ThreadSanitizer checks the accesses, too. DPDK's libraries are not instrumented.
 * The annotations of base/annotate.h declare the memory order of rte_hash at the places that rely on it, so
 * no report is suppressed. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "fanout/fanout.h"

#define ROUNDS  4u    /* each with a new table */
#define KEYS    6000u /* the table has to grow twice */
#define FLIPS   32u   /* the first keys: always either an (S,G) or a (*,G) */
#define BATCH   16u
#define READERS 3u
#define BURSTS  16u /* between two quiescent states */
#define OIL_MAX 300u

/* The readers are on two nodes; the second need not exist. */
static const struct gremc_nodes race_nodes = {.count = 2, .socket = {0, 1}};

struct race {
	struct gremc_fanout *table;
	struct gremc_rcu *rcu;
	uint64_t seed;
	bool stop; /* atomic; writer: the writer; readers: the readers */
	uint64_t lookups;
};

static struct race race;

static _Noreturn void race_fail(const char *what, uint32_t key)
{
	fprintf(stderr, "race_fanout: seed %" PRIu64 ", key %u: %s\n", race.seed, key, what);
	abort();
}

static uint64_t random_mix(uint64_t z)
{
	z += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint32_t race_random(uint64_t *random, uint32_t limit)
{
	return (uint32_t)(random_mix((*random)++) % limit);
}

/* ---- keys and the content of their routes ---- */

enum kind { SOURCE_GROUP, ANY_SOURCE, PREFIX };

static enum kind key_kind(uint32_t key)
{
	return key % 8 < 6 ? SOURCE_GROUP : key % 8 == 6 ? ANY_SOURCE : PREFIX;
}

/* The key is part of the group; a prefix has 8 bits below it. */
static struct gremc_mroute_spec key_spec(uint32_t key, enum kind kind)
{
	return (struct gremc_mroute_spec){
		.source = kind == SOURCE_GROUP ? rte_cpu_to_be_32(0x0a000000 + key) : 0,
		.group = rte_cpu_to_be_32(kind == PREFIX ? 0xee000000 + (key << 8) : 0xef000000 + key),
		.length = kind == PREFIX ? 24 : 32,
	};
}

static uint32_t route_key(const struct gremc_mroute *mroute)
{
	uint32_t low = rte_be_to_cpu_32(mroute->group) & 0xffffff;

	return mroute->length == 24 ? low >> 8 : low;
}

static uint32_t version_oil(uint32_t key, uint32_t version, uint32_t *oifs)
{
	uint64_t random = random_mix((uint64_t)key << 32 | version);
	uint32_t count = random % 64 == 0 ? OIL_MAX : 1 + (uint32_t)(random >> 8) % 40;

	for (uint32_t i = 0; i < count; i++)
		oifs[i] = (uint32_t)(random >> 40) + i * (1 + version % 3);
	return count;
}

/* Check that the content of a route is that of a version of its key. Returns the version. */
static uint32_t route_check(const struct gremc_mroute *mroute, uint32_t key)
{
	uint32_t oifs[OIL_MAX], version;

	if (mroute->oif_count == 0 || mroute->iif_count == 0)
		race_fail("freed while a reader could hold it", key);
	if (route_key(mroute) != key || mroute->id >= GREMC_MROUTE_IDS_MAX)
		race_fail("another key's route", key);
	version = gremc_mroute_iifs(mroute)[0];
	if (mroute->iif_count != 1 + (version & 1) || mroute->oif_count != version_oil(key, version, oifs) ||
	    memcmp(oifs, mroute->vif, mroute->oif_count * sizeof(*oifs)) != 0)
		race_fail("torn", key);
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

static void reader_burst(struct reader *reader)
{
	struct gremc_fanout_key keys[GREMC_FANOUT_BULK] = {{0, 0}};
	const struct gremc_mroute *found[GREMC_FANOUT_BULK];
	uint32_t wanted[GREMC_FANOUT_BULK], n = 1 + race_random(&reader->random, GREMC_FANOUT_BULK);

	for (uint32_t i = 0; i < n; i++) {
		/* every second lookup is of a key that always has a route */
		uint32_t key = race_random(&reader->random, i % 2 ? FLIPS : KEYS);
		struct gremc_mroute_spec spec = key_spec(key, key < FLIPS ? SOURCE_GROUP : key_kind(key));

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
				race_fail("no route of a key that always has one", wanted[i]);
			continue;
		}
		version = route_check(found[i], wanted[i]);
		if (version < reader->seen[wanted[i]])
			race_fail("older than a route seen before", wanted[i]);
		reader->seen[wanted[i]] = version;
		reader->held[reader->held_count] = found[i];
		reader->versions[reader->held_count++] = version;
	}
}

/* Look up several bursts, then check all routes again: they must be unchanged until the quiescent state. */
static void reader_poll(struct reader *reader)
{
	uint32_t limit = gremc_fanout_id_limit(race.table);

	reader->held_count = 0;
	for (uint32_t burst = 0; burst < BURSTS; burst++)
		reader_burst(reader);
	for (uint32_t i = 0; limit > 0 && i < BURSTS; i++) {
		const struct gremc_mroute *mroute =
			gremc_fanout_get(race.table, race_random(&reader->random, limit));

		if (mroute)
			route_check(mroute, route_key(mroute));
	}
	for (uint32_t i = 0; i < reader->held_count; i++)
		if (route_check(reader->held[i], route_key(reader->held[i])) != reader->versions[i])
			race_fail("changed in place", route_key(reader->held[i]));
}

static struct reader *reader_create(uint64_t number)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
		race_fail("no memory", 0);
	reader->node = gremc_fanout_at(race.table, race_nodes.socket[number % race_nodes.count]);
	reader->random = random_mix(race.seed ^ number << 32);
	return reader;
}

static void reader_destroy(struct reader *reader)
{
	__atomic_fetch_add(&race.lookups, reader->lookups, __ATOMIC_RELAXED);
	free(reader);
}

/* A reader like a worker: online, a quiescent state between bursts, sometimes offline. */
static void *reader_run_worker(void *argument)
{
	struct reader *reader = reader_create((uintptr_t)argument);
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(race.rcu);
	int slot = gremc_rcu_reader_register(race.rcu);

	if (slot < 0)
		race_fail("no slot for a reader", 0);
	rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
	while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
		reader_poll(reader);
		rte_rcu_qsbr_quiescent(qsbr, (unsigned)slot);
		if (race_random(&reader->random, 16) == 0) {
			rte_rcu_qsbr_thread_offline(qsbr, (unsigned)slot);
			rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
		}
	}
	rte_rcu_qsbr_thread_offline(qsbr, (unsigned)slot);
	gremc_rcu_reader_unregister(race.rcu, slot);
	reader_destroy(reader);
	return NULL;
}

/* A reader like a telemetry callback: it borrows a slot each time. */
static void *reader_run_query(void *argument)
{
	struct reader *reader = reader_create((uintptr_t)argument);
	struct rte_rcu_qsbr *qsbr = gremc_rcu_qsbr(race.rcu);
	struct gremc_fanout_usage usage;

	while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
		int slot = gremc_rcu_reader_register(race.rcu);

		if (slot < 0)
			race_fail("no slot to borrow", 0);
		rte_rcu_qsbr_thread_online(qsbr, (unsigned)slot);
		reader_poll(reader);
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

static void writer_set(struct writer *writer, uint32_t key, enum kind kind)
{
	uint32_t at = writer->count++, version = writer->version[key];
	struct gremc_mroute_spec spec = key_spec(key, kind);

	spec.oifs = writer->oifs[at];
	spec.oif_count = version_oil(key, version, writer->oifs[at]);
	writer->iifs[at][0] = version;
	writer->iifs[at][1] = version + 1;
	spec.iifs = writer->iifs[at];
	spec.iif_count = 1 + (version & 1);
	writer->ops[at] = (struct gremc_fanout_op){.kind = GREMC_FANOUT_SET, .spec = spec};
}

static void writer_remove(struct writer *writer, uint32_t key, enum kind kind)
{
	writer->ops[writer->count++] =
		(struct gremc_fanout_op){.kind = GREMC_FANOUT_REMOVE, .spec = key_spec(key, kind)};
}

static void writer_key_change(struct writer *writer, uint32_t key)
{
	if (key < FLIPS) { /* replaced by the other kind; the removal may come first */
		enum kind now = writer->version[key] & 1 ? ANY_SOURCE : SOURCE_GROUP;

		writer_remove(writer, key, now);
		writer->version[key]++;
		writer_set(writer, key, now == SOURCE_GROUP ? ANY_SOURCE : SOURCE_GROUP);
	} else if (writer->present[key] && race_random(&writer->random, 3) == 0) {
		writer_remove(writer, key, key_kind(key));
		writer->present[key] = false;
	} else {
		/* sometimes the same version again */
		writer->version[key] += race_random(&writer->random, 8) > 0;
		writer_set(writer, key, key_kind(key));
		writer->present[key] = true;
	}
}

static void writer_apply(struct writer *writer)
{
	int rc = gremc_fanout_apply(race.table, writer->ops, writer->count, NULL, NULL);

	if (rc)
		race_fail(strerror(-rc), 0);
	writer->operations += writer->count;
	writer->count = 0;
}

/* Apply an invalid batch: readers must not see any part of it. */
static void writer_apply_invalid(struct writer *writer)
{
	uint32_t key = FLIPS + race_random(&writer->random, KEYS - FLIPS);

	writer->version[key] += 1000000;
	writer_set(writer, key, key_kind(key));
	writer->version[key] -= 1000000;
	writer_set(writer, key, key_kind(key));
	writer->ops[1].spec.length = 3;
	if (gremc_fanout_apply(race.table, writer->ops, writer->count, NULL, NULL) != -EINVAL)
		race_fail("an invalid route was accepted", key);
	writer->count = 0;
}

static void writer_change(struct writer *writer)
{
	/* successive keys, so that no key occurs twice */
	uint32_t n = 1 + race_random(&writer->random, BATCH);
	uint32_t first = race_random(&writer->random, race_random(&writer->random, 4) ? KEYS - n : FLIPS);

	for (uint32_t i = 0; i < n; i++)
		writer_key_change(writer, first + i);
	writer_apply(writer);
	if (race_random(&writer->random, 16) == 0)
		writer_apply_invalid(writer);
	if (race_random(&writer->random, 2))
		gremc_rcu_reclaim(race.rcu);
	if (race_random(&writer->random, 512) == 0)
		gremc_rcu_synchronize(race.rcu);
}

/* Change a new table under readers. Returns the number of operations. */
static uint64_t run_round(uint64_t round, uint64_t changes)
{
	pthread_t threads[READERS + 1];
	struct writer *writer = calloc(1, sizeof(*writer));
	struct gremc_fanout_usage usage;
	uint64_t operations;

	race.table = gremc_fanout_create(0, &race_nodes, race.rcu);
	if (writer == NULL || race.table == NULL)
		race_fail("no memory", 0);
	writer->random = random_mix(race.seed + round);
	for (uint32_t key = 0; key < FLIPS; key++) {
		writer_set(writer, key, SOURCE_GROUP);
		writer_apply(writer);
	}
	__atomic_store_n(&race.stop, false, __ATOMIC_RELAXED);
	for (uintptr_t i = 0; i <= READERS; i++)
		if (pthread_create(&threads[i], NULL, i < READERS ? reader_run_worker : reader_run_query,
				   (void *)(round * 16 + i)))
			race_fail("cannot create a thread", 0);
	while (changes-- > 0)
		writer_change(writer);
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i <= READERS; i++)
		pthread_join(threads[i], NULL);
	gremc_rcu_synchronize(race.rcu);
	gremc_fanout_usage(race.table, &usage);
	if (usage.capacity < KEYS / 2)
		race_fail("the table did not grow", 0);
	gremc_fanout_destroy(race.table);
	operations = writer->operations;
	free(writer);
	return operations;
}

/* Start the EAL and restore the CPUs of this thread. Threads inherit them and must run at the same time. */
static int race_start_eal(void)
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
	if (race_start_eal())
		race_fail("the EAL does not start", 0);
	race.rcu = gremc_rcu_create();
	if (race.rcu == NULL)
		race_fail("no memory", 0);
	for (uint64_t round = 0; round < ROUNDS; round++)
		operations += run_round(round, changes / ROUNDS);
	gremc_rcu_destroy(race.rcu);
	printf("race_fanout: seed %" PRIu64 ": %" PRIu64 " operations against %" PRIu64
	       " valid lookups of %u readers\n",
	       race.seed, operations, race.lookups, READERS + 1);
	return rte_eal_cleanup() ? 1 : 0;
}
