/* SPDX-License-Identifier: BSD-3-Clause */
/* The linker replaces these functions (--wrap), so that a chosen call fails. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <rte_errno.h>
#include <rte_flow.h>
#include <rte_hash.h>
#include <rte_malloc.h>

#include "control_world.h"

/* of the thread that runs the test: others, which load and free configurations, never fail */
static _Thread_local bool is_counting;
static unsigned first_fault, calls;
static enum faults fault_kind;

void faults_begin(unsigned first, enum faults faults)
{
	first_fault = first;
	fault_kind = faults;
	calls = 0;
	is_counting = true;
}

bool faults_end(void)
{
	is_counting = false;
	return calls >= first_fault;
}

static bool call_fails(void)
{
	if (!is_counting)
		return false;
	calls++;
	return fault_kind == FAULT_ONE ? calls == first_fault : calls >= first_fault;
}

/* ---- memory ---- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__real_rte_zmalloc_socket(const char *type, size_t size, unsigned align, int socket);
void *__wrap_rte_zmalloc_socket(const char *type, size_t size, unsigned align, int socket);
int __real_rte_hash_add_key_data(const struct rte_hash *hash, const void *key, void *data);
int __wrap_rte_hash_add_key_data(const struct rte_hash *hash, const void *key, void *data);
void *__real_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size)
{
	return call_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return call_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return call_fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_rte_zmalloc_socket(const char *type, size_t size, unsigned align, int socket)
{
	return call_fails() ? NULL : __real_rte_zmalloc_socket(type, size, align, socket);
}

int __wrap_rte_hash_add_key_data(const struct rte_hash *hash, const void *key, void *data)
{
	return call_fails() ? -ENOMEM : __real_rte_hash_add_key_data(hash, key, data);
}

void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	return call_fails() ? MAP_FAILED : __real_mmap(address, length, protection, flags, fd, offset);
}

/* ---- threads ---- */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
			  void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
			  void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
			  void *argument)
{
	return call_fails() ? EAGAIN : __real_pthread_create(thread, attributes, function, argument);
}

/* ---- flow rules ---- */

#define RULES 64u

static struct rule {
	bool is_used;
	char text[128];
} rules[RULES];
static unsigned rules_free = RULES;

void flow_space_set(unsigned space)
{
	rules_free = space;
	for (unsigned i = 0; i < RULES; i++)
		rules_free -= rules[i].is_used && rules_free > 0;
}

static struct rule fault_rule_read(const struct rte_flow_item *item)
{
	struct rule rule = {.is_used = true};
	size_t length = 0;

	for (; item->type != RTE_FLOW_ITEM_TYPE_END; item++) {
		if (item->type == RTE_FLOW_ITEM_TYPE_IPV4) {
			const struct rte_flow_item_ipv4 *spec = item->spec, *mask = item->mask;

			length += snprintf(rule.text + length, sizeof(rule.text) - length,
					   " %08x/%08x from %08x", rte_be_to_cpu_32(spec->hdr.dst_addr),
					   rte_be_to_cpu_32(mask->hdr.dst_addr),
					   rte_be_to_cpu_32(spec->hdr.src_addr));
		} else if (item->type == RTE_FLOW_ITEM_TYPE_GRE_KEY) {
			length += snprintf(rule.text + length, sizeof(rule.text) - length, " key %u",
					   rte_be_to_cpu_32(*(const rte_be32_t *)item->spec));
		}
	}
	return rule;
}

void flow_rules_print(FILE *out)
{
	for (unsigned i = 0; i < RULES; i++)
		if (rules[i].is_used)
			fprintf(out, "flow rule%s\n", rules[i].text);
}

int __wrap_rte_flow_isolate(uint16_t port, int set, struct rte_flow_error *error);
int __wrap_rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
			     const struct rte_flow_item *items, const struct rte_flow_action *actions,
			     struct rte_flow_error *error);
struct rte_flow *__wrap_rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
					const struct rte_flow_item *items,
					const struct rte_flow_action *actions, struct rte_flow_error *error);
int __wrap_rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error);

int __wrap_rte_flow_isolate(uint16_t port, int set, struct rte_flow_error *error)
{
	(void)port;
	(void)set;
	(void)error;
	return 0;
}

int __wrap_rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
			     const struct rte_flow_item *items, const struct rte_flow_action *actions,
			     struct rte_flow_error *error)
{
	(void)port;
	(void)attr;
	(void)items;
	(void)actions;
	(void)error;
	return 0;
}

struct rte_flow *__wrap_rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
					const struct rte_flow_item *items,
					const struct rte_flow_action *actions, struct rte_flow_error *error)
{
	struct rule *rule = rules;

	(void)port;
	(void)attr;
	(void)actions;
	while (rule < rules + RULES && rule->is_used)
		rule++;
	if (rules_free == 0 || rule == rules + RULES) {
		*error = (struct rte_flow_error){.message = "the table is full"};
		rte_errno = ENOSPC;
		return NULL;
	}
	rules_free--;
	*rule = fault_rule_read(items);
	return (struct rte_flow *)rule;
}

int __wrap_rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error)
{
	struct rule *rule = (struct rule *)flow;

	(void)port;
	(void)error;
	assert_true(rule->is_used);
	rule->is_used = false;
	rules_free++;
	return 0;
}
