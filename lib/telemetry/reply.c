/* SPDX-License-Identifier: BSD-3-Clause */
/* The construction of replies. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/telemetry_priv.h"

/* DPDK 22.11 indexes a table by a signed char when it escapes text, so only ASCII is passed to it. */
static void text_make_printable(char *text)
{
	for (; *text; text++) {
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
	}
}

/* Whether DPDK has refused a value of the reply that this thread makes. */
static _Thread_local bool reply_is_full;

void gremc_reply_begin(void)
{
	reply_is_full = false;
}

bool gremc_reply_is_full(void)
{
	return reply_is_full;
}

static void reply_result_record(int rc)
{
	reply_is_full |= rc != 0;
}

void gremc_reply_u64(struct rte_tel_data *dict, const char *key, uint64_t value)
{
	if (dict)
		reply_result_record(gremc_tel_dict_u64(dict, key, value));
}

static void reply_va(struct rte_tel_data *dict, const char *key, const char *format, va_list list)
{
	char text[RTE_TEL_MAX_STRING_LEN];

	if (dict == NULL)
		return;
	vsnprintf(text, sizeof(text), format, list);
	text_make_printable(text);
	reply_result_record(rte_tel_data_add_dict_string(dict, key, text));
}

void gremc_reply_format(struct rte_tel_data *dict, const char *key, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	reply_va(dict, key, format, list);
	va_end(list);
}

void gremc_reply_text(struct rte_tel_data *dict, const char *key, const char *text)
{
	gremc_reply_format(dict, key, "%s", text);
}

void gremc_query_error(struct gremc_query *query, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	gremc_reply_begin();
	reply_va(query->reply, "error", format, list);
	va_end(list);
	if (gremc_reply_is_full())
		GREMC_LOG_LIMITED(ERR, "telemetry: the reply of %s has no space for its error",
				  query->command->path);
}

void gremc_reply_address(struct rte_tel_data *dict, const char *key, const struct gremc_addr *address)
{
	char text[GREMC_ADDR_TEXT];

	gremc_reply_text(dict, key, gremc_addr_format(text, address));
}

void gremc_reply_mac(struct rte_tel_data *dict, const char *key, const struct rte_ether_addr *mac)
{
	char text[GREMC_MAC_TEXT];

	gremc_reply_text(dict, key, gremc_mac_format(text, mac));
}

void gremc_reply_array_text(struct rte_tel_data *array, const char *text)
{
	char copy[RTE_TEL_MAX_STRING_LEN];

	if (array == NULL)
		return;
	gremc_text_copy(copy, sizeof(copy), text);
	text_make_printable(copy);
	reply_result_record(rte_tel_data_add_array_string(array, copy));
}

void gremc_reply_array_u64(struct rte_tel_data *array, uint64_t value)
{
	if (array)
		reply_result_record(gremc_tel_array_u64(array, value));
}

void gremc_reply_drops(struct rte_tel_data *dict, const uint64_t *drops)
{
	for (unsigned i = 0; i < GREMC_DROP_COUNT; i++)
		gremc_reply_u64(dict, gremc_drop_name(i), drops[i]);
}

void gremc_reply_losses(struct rte_tel_data *dict, const uint64_t *losses)
{
	for (unsigned i = 0; i < GREMC_TX_DROP_COUNT; i++)
		gremc_reply_u64(dict, gremc_tx_drop_name(i), losses[i]);
}

void gremc_reply_punts(struct rte_tel_data *dict, const uint64_t *punted)
{
	for (unsigned i = 0; i < GREMC_PUNT_COUNT; i++)
		gremc_reply_u64(dict, gremc_punt_name(i), punted[i]);
}

/* Add a container to its parent, which owns it from then on: DPDK frees it with the reply. */
static struct rte_tel_data *container_attach(struct gremc_query *query, struct rte_tel_data *parent,
					     const char *key, struct rte_tel_data *child)
{
	if (child && parent && rte_tel_data_add_dict_container(parent, key, child, 0) == 0)
		return child;
	rte_tel_data_free(child);
	query->no_memory = true;
	return NULL;
}

struct rte_tel_data *gremc_query_dict(struct gremc_query *query, struct rte_tel_data *parent, const char *key)
{
	struct rte_tel_data *dict = rte_tel_data_alloc();

	if (dict)
		reply_result_record(rte_tel_data_start_dict(dict));
	return container_attach(query, parent, key, dict);
}

struct rte_tel_data *gremc_query_array(struct gremc_query *query, struct rte_tel_data *parent,
				       const char *key, enum rte_tel_value_type type)
{
	struct rte_tel_data *array = rte_tel_data_alloc();

	if (array)
		reply_result_record(rte_tel_data_start_array(array, type));
	return container_attach(query, parent, key, array);
}

bool gremc_query_offset_parse(struct gremc_query *query, unsigned argument, uint32_t *offset)
{
	const char *text = query->argument_count > argument ? query->argument[argument] : "0";
	unsigned long value;

	gremc_assert(argument < RTE_DIM(query->argument));
	errno = 0;
	value = strtoul(text, NULL, 10);
	/* strtoul() accepts a sign, spaces and an empty text, so only digits are allowed */
	if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || errno || value > UINT32_MAX) {
		gremc_query_error(
			query,
			"OFFSET '%.16s' is not a number of 0 to %u; begin without one, go on with 'next'",
			text, UINT32_MAX);
		return false;
	}
	*offset = value;
	return true;
}

bool gremc_page_collect(struct gremc_page *page, struct gremc_query *query, uint32_t limit, unsigned size,
			bool (*exists)(const void *context, uint32_t number), const void *context)
{
	gremc_assert(size <= GREMC_PAGE_MAX);
	memset(page, 0, sizeof(*page));
	if (!gremc_query_offset_parse(query, 0, &page->offset))
		return false;
	for (uint32_t i = 0; i < limit; i++) {
		if (!exists(context, i))
			continue;
		page->total++;
		if (i < page->offset)
			continue;
		if (page->count < size)
			page->number[page->count++] = i;
		else if (page->next == 0)
			page->next = i;
	}
	gremc_page_begin(page, query);
	return true;
}

void gremc_page_begin(struct gremc_page *page, struct gremc_query *query)
{
	gremc_reply_u64(query->reply, "total", page->total);
	gremc_reply_u64(query->reply, "offset", page->offset);
	gremc_reply_u64(query->reply, "next", page->next);
	page->list = gremc_query_dict(query, query->reply, "list");
}

struct rte_tel_data *gremc_page_entry(const struct gremc_page *page, struct gremc_query *query, uint32_t i)
{
	char key[16];

	gremc_assert(i < page->count);
	snprintf(key, sizeof(key), "%u", page->number[i]);
	return gremc_query_dict(query, page->list, key);
}
