/* SPDX-License-Identifier: BSD-3-Clause */
/* Readers of single values. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config_priv.h"

static void *key_field_of(const struct key *key, void *object)
{
	return (uint8_t *)object + key->offset;
}

/* Leading zeros are rejected: YAML 1.1 reads 010 as 8, and a user reads 10. */
bool gremc_config_number_parse(const char *text, uint64_t *number)
{
	size_t length = strlen(text);

	if (strncasecmp(text, "0x", 2) == 0) {
		if (length < 3 || length > 10 || strspn(text + 2, "0123456789abcdefABCDEF") != length - 2)
			return false;
		*number = strtoull(text + 2, NULL, 16);
		return true;
	}
	if (length == 0 || length > 10 || strspn(text, "0123456789") != length ||
	    (*text == '0' && length > 1))
		return false;
	*number = strtoull(text, NULL, 10);
	return true;
}

static bool number_read(const struct key *key, const struct value *value, uint64_t *number)
{
	return !value->quoted && gremc_config_number_parse(value->text, number) && *number >= key->minimum &&
	       *number <= key->maximum;
}

void gremc_config_read_version(struct loader *l, const struct key *key, const struct value *value,
			       void *object)
{
	uint64_t number;

	(void)object;
	if (!number_read(key, value, &number))
		gremc_config_text_reject(l, key, value);
}

void gremc_config_read_number(struct loader *l, const struct key *key, const struct value *value,
			      void *object)
{
	uint64_t number;

	gremc_assert(key->size == sizeof(uint16_t) || key->size == sizeof(uint32_t));
	if (!number_read(key, value, &number))
		gremc_config_text_reject(l, key, value);
	else if (key->size == sizeof(uint16_t))
		*(uint16_t *)key_field_of(key, object) = number;
	else
		*(uint32_t *)key_field_of(key, object) = number;
}

/* The booleans of YAML 1.1. */
static int boolean_parse(const struct value *value)
{
	static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};

	for (size_t i = 0; i < RTE_DIM(yes) && !value->quoted; i++) {
		if (strcasecmp(value->text, yes[i]) == 0)
			return 1;
		if (strcasecmp(value->text, no[i]) == 0)
			return 0;
	}
	return -1;
}

void gremc_config_read_boolean(struct loader *l, const struct key *key, const struct value *value,
			       void *object)
{
	int boolean = boolean_parse(value);

	gremc_assert(key->size == sizeof(bool));
	if (boolean < 0)
		gremc_config_text_reject(l, key, value);
	else
		*(bool *)key_field_of(key, object) = boolean;
}

/* ---- addresses ---- */

const char *gremc_config_unicast_problem(const struct gremc_addr *address)
{
	uint32_t host = rte_be_to_cpu_32(gremc_addr_to_ipv4(address));

	if (gremc_addr_is_multicast(address))
		return "a multicast address";
	if (host == UINT32_MAX)
		return "the broadcast address";
	if (host >> 24 == 127)
		return "a loopback address";
	if (host >> 24 == 0)
		return "not the address of a host";
	return NULL;
}

/* Whether the address is IPv4; otherwise the error is added. */
static bool family_check(struct loader *l, const char *what, const struct value *value,
			 const struct gremc_addr *address)
{
	if (address->family == GREMC_FAMILY_IPV4)
		return true;
	gremc_config_error_add(l, value->place, "`%s` is %s, which is IPv6; only IPv4 is supported here",
			       what, value->text);
	return false;
}

bool gremc_config_unicast_read(struct loader *l, const char *what, const struct value *value,
			       struct gremc_addr *address)
{
	const char *why_not;

	if (gremc_addr_parse(value->text, address)) {
		gremc_config_error_add(l, value->place,
				       "`%s` cannot be `%s`; it accepts an IPv4 address such as 192.0.2.1",
				       what, QUOTE(value->text));
		return false;
	}
	if (!family_check(l, what, value, address))
		return false;
	why_not = gremc_config_unicast_problem(address);
	if (why_not)
		gremc_config_error_add(l, value->place,
				       "`%s` is %s, %s; it accepts the unicast address of a host", what,
				       value->text, why_not);
	return why_not == NULL;
}

void gremc_config_read_address(struct loader *l, const struct key *key, const struct value *value,
			       void *object)
{
	struct gremc_addr address;

	gremc_assert(key->size == sizeof(address));
	if (gremc_config_unicast_read(l, key->name, value, &address))
		*(struct gremc_addr *)key_field_of(key, object) = address;
}

/* Whether the address is a wildcard as of Linux's tunnels. A tunnel here has both addresses. */
static bool text_is_wildcard(const char *text)
{
	return strcmp(text, "any") == 0 || strcmp(text, "*") == 0 || strcmp(text, "0.0.0.0") == 0;
}

void gremc_config_read_endpoint(struct loader *l, const struct key *key, const struct value *value,
				void *object)
{
	struct gremc_addr address;

	gremc_assert(key->size == sizeof(rte_be32_t));
	if (!text_is_wildcard(value->text)) {
		if (gremc_config_unicast_read(l, key->name, value, &address))
			*(rte_be32_t *)key_field_of(key, object) = gremc_addr_to_ipv4(&address);
		return;
	}
	if (key->offset == gremc_config_keys[KEY_LOCAL].offset)
		gremc_config_error_add(
			l, value->place,
			"`%s` cannot be `%s`: a tunnel has one outer address; write the port's "
			"address that the other end sends to, one of its `addresses`",
			key->name, value->text);
	else
		gremc_config_error_add(
			l, value->place,
			"`%s` cannot be `%s`: a tunnel has one other end; write its address, and a "
			"tunnel for each of them",
			key->name, value->text);
}

bool gremc_config_interface_address_read(struct loader *l, const struct value *value, uint8_t bare,
					 struct gremc_config_address *address)
{
	struct gremc_prefix prefix;
	struct gremc_addr own;
	const char *why_not;
	int rc = gremc_prefix_parse(value->text, &prefix, &own);

	if (rc == 0 && !family_check(l, "addresses", value, &own))
		return false;
	if (rc || (strchr(value->text, '/') && prefix.length == 0)) {
		gremc_config_error_add(l, value->place,
				       "`%s` is not an interface address; write ADDRESS/LENGTH with a "
				       "length from 1 to 32, such as 192.0.2.1/24",
				       QUOTE(value->text));
		return false;
	}
	if (strchr(value->text, '/') == NULL && bare == 0) {
		gremc_config_error_add(l, value->place,
				       "%s has no prefix length; write the network's, such as %s/24",
				       value->text, value->text);
		return false;
	}
	address->address = own;
	address->length = prefix.length;
	why_not = gremc_config_unicast_problem(&address->address);
	if (why_not)
		gremc_config_error_add(l, value->place,
				       "%s is %s; an interface accepts the unicast address of a host",
				       value->text, why_not);
	return why_not == NULL;
}

bool gremc_config_prefix_read(struct loader *l, const char *what, const struct value *value,
			      struct gremc_prefix *prefix)
{
	char text[GREMC_PREFIX_TEXT];
	struct gremc_addr address;

	if (gremc_prefix_parse(value->text, prefix, &address)) {
		gremc_config_error_add(
			l, value->place,
			"`%s` cannot be `%s`; it accepts ADDRESS or ADDRESS/LENGTH with a length from 0 "
			"to 32",
			what, QUOTE(value->text));
		return false;
	}
	if (!family_check(l, what, value, &address))
		return false;
	if (gremc_addr_is_equal(&address, &prefix->address))
		return true;
	gremc_config_error_add(
		l, value->place,
		"`%s` is %s, which has bits set behind its prefix; write %s, or one more exact", what,
		value->text, gremc_prefix_format(text, prefix));
	return false;
}

/* ---- names ---- */

static void name_check(struct loader *l, const struct value *value)
{
	/* words of the configuration, names that the kernel rejects, and interfaces that always exist */
	static const char *const reserved[] = {"any", "all", "host", ".", "..", "default", "lo", "gremc0"};
	/* the kernel rejects '/' and ':' and replaces '%'; the others separate arguments of telemetry */
	static const char refused[] = "/:%,\"'`\\";

	if (*value->text == '\0')
		gremc_config_error_add(l, value->place, "a name is empty; give 1 to 15 characters");
	for (size_t i = 0; i < RTE_DIM(reserved); i++)
		if (strcmp(value->text, reserved[i]) == 0)
			gremc_config_error_add(l, value->place,
					       "`%s` has a meaning of its own and cannot be a name; "
					       "choose another",
					       value->text);
	for (const char *c = value->text; *c; c++) {
		if (*c > ' ' && *c < 0x7f && strchr(refused, *c) == NULL)
			continue;
		gremc_config_error_add(l, value->place,
				       "`%s` has a character that no interface name may have; use "
				       "letters, digits, `.`, `_` and `-`",
				       QUOTE(value->text));
		break;
	}
	if (strlen(value->text) >= GREMC_NAME_SIZE)
		gremc_config_error_add(l, value->place,
				       "`%s` has %zu characters; an interface name has at most 15",
				       QUOTE(value->text), strlen(value->text));
}

bool gremc_config_name_read(struct loader *l, const struct value *value, bool is_port, uint32_t index,
			    char *text)
{
	struct name name = {.is_port = is_port, .index = index, .place = value->place};
	uint32_t problems = l->problems.count;
	const struct name *other;
	char where[WHERE_TEXT];

	name_check(l, value);
	if (l->problems.count != problems || l->no_memory)
		return false;
	gremc_text_copy(name.text, sizeof(name.text), value->text);
	memcpy(text, name.text, sizeof(name.text));
	switch (gremc_config_names_add(&l->names, &name, &other)) {
	case 0:
		return true;
	case -EEXIST:
		gremc_config_error_add(l, value->place,
				       "the name `%s` belongs to the %s of %s; give each its own", text,
				       other->is_port ? "port" : "tunnel",
				       gremc_config_place_format(where, l, other->place, value->place));
		return false;
	default:
		l->no_memory = true;
		return false;
	}
}

/* ---- ports ---- */

static const char *const bond_mode_names[] = {
	[GREMC_BOND_BALANCE_RR] = "balance-rr",   [GREMC_BOND_ACTIVE_BACKUP] = "active-backup",
	[GREMC_BOND_BALANCE_XOR] = "balance-xor", [GREMC_BOND_BROADCAST] = "broadcast",
	[GREMC_BOND_8023AD] = "802.3ad",
};

const struct gremc_keywords gremc_bond_mode_keywords = {bond_mode_names, RTE_DIM(bond_mode_names)};

/* Write a PCI address as the EAL does, with its domain and in lower case, so that equal devices are equal. */
static void device_normalise(char *device, const char *text)
{
	static const char form[] = "xxxx:xx:xx.x";
	size_t length = strlen(text);
	char full[GREMC_DEVICE_SIZE];

	gremc_text_copy(device, GREMC_DEVICE_SIZE, text);
	if (length != strlen(form) && length != strlen(form) - 5)
		return;
	snprintf(full, sizeof(full), "%s%.12s", length == strlen(form) ? "" : "0000:", text);
	for (size_t i = 0; form[i]; i++) {
		if (form[i] == 'x' ? !isxdigit((unsigned char)full[i]) : full[i] != form[i])
			return;
		full[i] = tolower((unsigned char)full[i]);
	}
	memcpy(device, full, sizeof(form));
}

void gremc_config_read_device(struct loader *l, const struct key *key, const struct value *value,
			      void *object)
{
	if (*value->text == '\0' || strlen(value->text) >= GREMC_DEVICE_SIZE) {
		gremc_config_text_reject(l, key, value);
		return;
	}
	for (const char *c = value->text; *c; c++) {
		if (*c > ' ' && *c < 0x7f && *c != ',' && *c != '=')
			continue;
		gremc_config_error_add(l, value->place,
				       "`device` cannot be `%s`; it accepts the device's name alone, its "
				       "arguments go to the EAL's -a or --vdev",
				       QUOTE(value->text));
		return;
	}
	device_normalise(key_field_of(key, object), value->text);
}

/* Accept the kernel's names (dev_valid_name) without a comma, which separates the driver's arguments. */
void gremc_config_read_interface(struct loader *l, const struct key *key, const struct value *value,
				 void *object)
{
	struct port_draft *draft = object;
	size_t length = strlen(value->text);

	if (length == 0 || length >= sizeof(draft->port.interface) ||
	    strcspn(value->text, "/:, \t\n") < length || strcmp(value->text, ".") == 0 ||
	    strcmp(value->text, "..") == 0) {
		gremc_config_text_reject(l, key, value);
		return;
	}
	gremc_text_copy(draft->port.interface, sizeof(draft->port.interface), value->text);
	/* the program creates this device */
	snprintf(draft->port.device, sizeof(draft->port.device), "net_af_xdp_%s", value->text);
}

void gremc_config_read_keyword(struct loader *l, const struct key *key, const struct value *value,
			       void *object)
{
	const int number = gremc_keyword_parse(key->keywords, value->text);

	gremc_assert(key->size == sizeof(uint8_t));
	if (number < (int)key->first_keyword)
		gremc_config_text_reject(l, key, value);
	else
		*(uint8_t *)key_field_of(key, object) = (uint8_t)number;
}

void gremc_config_read_mode(struct loader *l, const struct key *key, const struct value *value, void *object)
{
	const int mode = gremc_keyword_parse(&gremc_bond_mode_keywords, value->text);

	if (mode < 0)
		gremc_config_text_reject(l, key, value);
	else
		*(enum gremc_bond_mode *)key_field_of(key, object) = mode;
}

/* ---- tunnels ---- */

void gremc_config_read_tunnel_mode(struct loader *l, const struct key *key, const struct value *value,
				   void *object)
{
	struct gremc_config_tunnel *tunnel = &((struct tunnel_draft *)object)->tunnel;
	const int mode = gremc_keyword_parse(&gremc_tunnel_mode_keywords, value->text);

	if (mode < 0)
		gremc_config_text_reject(l, key, value);
	else
		tunnel->options.udp_port = mode == GREMC_TUNNEL_GRE_UDP ? GREMC_UDP_GRE_PORT : 0;
}

/* Check that the tunnel has the mode that a key belongs to. `mode` is read before. */
static bool udp_mode_check(struct loader *l, const struct key *key, const struct value *value,
			   const struct tunnel_draft *draft)
{
	if (draft->tunnel.options.udp_port)
		return true;
	gremc_config_error_add(l, value->place,
			       "`%s` is a key of `mode: gre-udp`, and %s has another mode; remove it",
			       key->name, draft->tunnel.name);
	return false;
}

void gremc_config_read_udp_port(struct loader *l, const struct key *key, const struct value *value,
				void *object)
{
	if (udp_mode_check(l, key, value, object))
		gremc_config_read_number(l, key, value, object);
}

void gremc_config_read_udp_checksum(struct loader *l, const struct key *key, const struct value *value,
				    void *object)
{
	if (udp_mode_check(l, key, value, object))
		gremc_config_read_boolean(l, key, value, object);
}

/* Read a number, or a dotted quad as of `ip tunnel`. Quotes are allowed: the examples of netplan have them.
 */
static bool gre_key_read(struct loader *l, const struct key *key, const struct value *value, uint32_t *number)
{
	uint64_t wide;
	rte_be32_t quad;

	if (gremc_config_number_parse(value->text, &wide) && wide <= UINT32_MAX)
		*number = wide;
	else if (gremc_ipv4_parse(value->text, &quad) == 0)
		*number = rte_be_to_cpu_32(quad);
	else
		return gremc_config_text_reject(l, key, value), false;
	return true;
}

void gremc_config_read_key(struct loader *l, const struct key *key, const struct value *value, void *object)
{
	struct gremc_config_tunnel *tunnel = &((struct tunnel_draft *)object)->tunnel;
	uint32_t number;

	if (!gre_key_read(l, key, value, &number))
		return;
	tunnel->options.has_input_key = tunnel->options.has_output_key = true;
	tunnel->options.input_key = tunnel->options.output_key = number;
}

void gremc_config_read_key_number(struct loader *l, const struct key *key, const struct value *value,
				  void *object)
{
	struct gremc_config_tunnel *tunnel = &((struct tunnel_draft *)object)->tunnel;
	bool is_input = key == &gremc_config_keys[KEY_INPUT];
	uint32_t number;

	if (!gre_key_read(l, key, value, &number))
		return;
	*(is_input ? &tunnel->options.has_input_key : &tunnel->options.has_output_key) = true;
	*(is_input ? &tunnel->options.input_key : &tunnel->options.output_key) = number;
}

void gremc_config_read_ttl(struct loader *l, const struct key *key, const struct value *value, void *object)
{
	struct gremc_config_tunnel *tunnel = &((struct tunnel_draft *)object)->tunnel;
	uint64_t number = 0;

	if (strcmp(value->text, "inherit") && !number_read(key, value, &number))
		gremc_config_text_reject(l, key, value);
	else
		tunnel->options.ttl = number;
}

void gremc_config_read_tos(struct loader *l, const struct key *key, const struct value *value, void *object)
{
	struct gremc_config_tunnel *tunnel = &((struct tunnel_draft *)object)->tunnel;
	uint64_t number = 0;

	tunnel->options.tos_inherit = strcmp(value->text, "inherit") == 0;
	if (tunnel->options.tos_inherit)
		tunnel->options.tos = 0;
	else if (!number_read(key, value, &number) || number % 4)
		gremc_config_text_reject(l, key, value);
	else
		tunnel->options.tos = number;
}

void gremc_config_read_df(struct loader *l, const struct key *key, const struct value *value, void *object)
{
	struct gremc_config_tunnel *tunnel = &((struct tunnel_draft *)object)->tunnel;
	const int boolean = boolean_parse(value), word = gremc_keyword_parse(&gremc_df_keywords, value->text);

	if (boolean >= 0)
		tunnel->options.df = boolean ? GREMC_DF_SET : GREMC_DF_CLEAR;
	else if (word == GREMC_DF_INHERIT)
		tunnel->options.df = GREMC_DF_INHERIT;
	else
		gremc_config_text_reject(l, key, value);
}
