/* SPDX-License-Identifier: BSD-3-Clause */
#include <sys/stat.h>
#include <unistd.h>

#include "config_helpers.h"

static void bytes_expect_rejection(const char *text, size_t size, const char *wanted)
{
	struct gremc_errors errors = {0};
	struct gremc_config *config = gremc_config_load_memory("f", text, size, &errors);

	if (config)
		fail_msg("accepted:\n%s", text);
	if (errors.text == NULL || strcmp(errors.text, wanted))
		fail_msg("of:\n%s\nwanted:\n%s\ngot:\n%s", text, wanted,
			 errors.text ? errors.text : "nothing");
	gremc_errors_fini(&errors);
}

/* ---- refused configurations ---- */

/* Pass the YAML and the expected messages of each case in a file to `check`. Returns the number of cases. */
static unsigned cases_visit(const char *path, void (*check)(const char *yaml, const char *messages))
{
	char *text = read_source(path), *next = strstr(text, "\n==== ");
	unsigned count = 0;

	while (next) {
		char *yaml = strchr(next + 1, '\n') + 1, *messages = strstr(yaml, "----\n"), *end;

		assert_non_null(messages);
		*messages = '\0';
		messages += strlen("----\n");
		/* the newline before ==== ends the last message */
		end = strncmp(messages, "==== ", 5) == 0 ? messages - 1 : strstr(messages, "\n==== ");
		next = end ? strdup(end) : NULL;
		if (end)
			end[end >= messages] = '\0';
		check(yaml, end && end < messages ? "" : messages);
		free(text);
		text = next;
		count++;
	}
	free(text);
	return count;
}

static void case_expect_rejection(const char *yaml, const char *errors)
{
	bytes_expect_rejection(yaml, strlen(yaml), errors);
}

static void test_rejects_every_documented_error(void **state)
{
	(void)state;
	assert_true(cases_visit("tests/unit/config-refusals.txt", case_expect_rejection) > 150);
}

/* ---- configurations that load with warnings and notes ---- */

static void case_expect_note(const char *yaml, const char *messages)
{
	struct gremc_errors errors = {0};
	struct gremc_config *config = gremc_config_load_memory("f", yaml, strlen(yaml), &errors);
	char *got;

	if (config == NULL)
		fail_msg("refused:\n%s\n%s", yaml, errors.text);
	assert_true(asprintf(&got, "%s%s", config->warnings.text ? config->warnings.text : "",
			     config->notes.text ? config->notes.text : "") >= 0);
	if (strcmp(got, messages))
		fail_msg("of:\n%s\nwanted:\n%s\ngot:\n%s", yaml, messages, got);
	free(got);
	gremc_config_free(config);
}

static void test_notes_keys_of_netplan(void **state)
{
	(void)state;
	assert_true(cases_visit("tests/unit/config-notes.txt", case_expect_note) > 5);
}

static void test_rejects_bytes_that_are_not_text(void **state)
{
	(void)state;
	bytes_expect_rejection("", 0,
			       "f:1:1: the file is empty; it needs at least `ethernets:` with one port\n");
	bytes_expect_rejection(
		"ethernets:\n  \xff: 1\n", 16,
		"f:2:3: this is not text: invalid leading UTF-8 octet; a configuration is written in UTF-8\n");
	bytes_expect_rejection(
		"a: \0\n", 5,
		"f:1:4: this is not text: control characters are not allowed; a configuration is written in "
		"UTF-8\n");
}

static void test_rejects_unreadable_files(void **state)
{
	struct gremc_errors errors = {0};

	(void)state;
	assert_null(gremc_config_load("/nonexistent/f.yaml", NULL, &errors));
	assert_null(gremc_config_load("/", NULL, &errors));
	assert_null(gremc_config_load("/dev/null", NULL, &errors));
	assert_null(gremc_config_load(NULL, "/nonexistent", &errors));
	assert_string_equal(errors.text,
			    "/nonexistent/f.yaml: the file cannot be opened: No such file or directory\n"
			    "/: this is a directory; a configuration is a regular file\n"
			    "/dev/null: this is a device; a configuration is a regular file\n"
			    "/nonexistent: the directory cannot be read: No such file or directory\n");
	assert_int_equal(errors.count, 4);
	gremc_errors_fini(&errors);
}

/* A FIFO without a writer does not block the load. */
static void test_fifo_is_rejected(void **state)
{
	struct gremc_errors errors = {0};
	char path[64], text[128];

	(void)state;
	snprintf(path, sizeof(path), "/tmp/gremc_fifo_%d", getpid());
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(gremc_config_load(path, NULL, &errors));
	unlink(path);
	snprintf(text, sizeof(text), "%s: this is a FIFO; a configuration is a regular file\n", path);
	assert_string_equal(errors.text, text);
	gremc_errors_fini(&errors);
}

/* libyaml's time grows with the square of the depth. */
static void test_rejects_deep_nesting(void **state)
{
	const size_t depth = 1000000;
	char *text = malloc(2 * depth + 16);
	struct gremc_errors errors = {0};

	(void)state;
	assert_non_null(text);
	memcpy(text, "a: ", 3);
	memset(text + 3, '[', depth);
	memset(text + 3 + depth, ']', depth);
	assert_null(gremc_config_load_memory("f", text, 3 + 2 * depth, &errors));
	assert_non_null(strstr(errors.text, "nested more than 64 levels deep"));
	gremc_errors_fini(&errors);
	free(text);
}

static void test_rejects_counts_over_limits(void **state)
{
	char *text, *errors;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	fputs("ethernets: {p: {device: d, addresses: [10.0.0.1/8]}}\ntunnels:\n", out);
	for (unsigned i = 0; i <= GREMC_CONFIG_TUNNELS_MAX; i++)
		fprintf(out, "  long-name-%05u: {local: 10.0.0.1, remote: 10.0.0.2, key: %u}\n", i, i);
	fclose(out);
	bytes_expect_rejection(text, size, "f:65539:3: there are more than 65536 tunnels; remove some\n");
	free(text);

	/* by aliases, which libyaml keeps as numbers: all of them are the same, but only one place is wrong
	 */
	out = open_memstream(&text, &size);
	fputs("ethernets: {p: {device: d}}\nmroutes:\n- &m {group: 10.0.0.1, from: any, to: all}\n- [*m",
	      out);
	fputs("]\n", out);
	for (unsigned i = 0; i < GREMC_CONFIG_MROUTES_MAX; i++)
		fputs("- *m\n", out);
	fclose(out);
	assert_true(
		asprintf(
			&errors,
			"f:3:3: there are more than %u mroutes; remove some, or use a prefix for several\n"
			"f:3:14: `group` is 10.0.0.1, which is not multicast; it accepts groups inside 224.0.0.0/4\n"
			"f:4:3: the mroute cannot be a list; it accepts a mapping, lines of `KEY: VALUE`\n",
			GREMC_CONFIG_MROUTES_MAX) > 0);
	bytes_expect_rejection(text, size, errors);
	free(errors);
	free(text);
}

/* Tunnels with equal maps count once, in whichever order the entries are. */
static void test_rejects_too_many_dscp_maps(void **state)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	fputs("ethernets: {p: {device: d, addresses: [10.0.0.1/8]}}\ntunnels:\n", out);
	for (unsigned i = 0; i < 3 * GREMC_CONFIG_DSCP_MAPS_MAX; i++)
		fprintf(out, "  t%u: {local: 10.0.0.1, remote: 10.1.0.%u, dscp-map: {%s1: %u%s}}\n", i, i,
			i % 2 ? "2: 5, " : "", i % GREMC_CONFIG_DSCP_MAPS_MAX, i % 2 ? "" : ", 2: 5");
	fputs("  x: {local: 10.0.0.1, remote: 10.1.1.1, dscp-map: {1: 0, 2: 6}}\n", out);
	fclose(out);
	bytes_expect_rejection(
		text, size,
		"f:195:52: the tunnels have more than 64 different `dscp-map`; let some have the same\n");
	free(text);
}

static void test_suggests_nearest_names(void **state)
{
	(void)state;
	assert_int_equal(gremc_config_text_distance("remote", "remote"), 0);
	assert_int_equal(gremc_config_text_distance("remot", "remote"), 1);
	assert_int_equal(gremc_config_text_distance("ermote", "remote"), 1);
	assert_int_equal(gremc_config_text_distance("kitten", "sitting"), 3);
	assert_int_equal(gremc_config_text_distance("", "abc"), 3);
	assert_true(gremc_config_distance_is_near(1, "gre9"));
	assert_true(gremc_config_distance_is_near(2, "neigbors"));
	assert_false(gremc_config_distance_is_near(3, "neigbors"));
	assert_false(gremc_config_distance_is_near(2, "tos"));
	assert_false(gremc_config_distance_is_near(1, "x"));
}

/* ---- ifcfg ---- */

static void test_file_write(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static const char *const ifcfg_files[][2] = {
	{"ifcfg-gre1", "# the classic guide\nDEVICE=gre1\nBOOTPROTO=none\nONBOOT=yes\nTYPE=GRE\n"
		       "PEER_OUTER_IPADDR=147.75.69.141\nPEER_INNER_IPADDR=10.88.152.3\n"
		       "MY_INNER_IPADDR=10.100.126.3\n"},
	{"ifcfg-gre0", "export TYPE='gre' # quoted\r\n\r\n  PEER_OUTER_IPADDR=\"192.0.2.7\";\r\n"
		       "MY_OUTER_IPADDR=192.0.2.1\r\nKEY=1.0.0.0\r\nTTL=9\r\nMTU=1400\r\nKEY2=x\r\n"
		       "MY_INNER_IPADDR=10.0.0.1/30\r\nPEER_INNER_IPADDR=10.0.0.2/30\r\n"},
	{"ifcfg-eth0", "TYPE=Ethernet\nthis is not even KEY=VALUE\n"},
	{"ifcfg-empty", ""},
	{"ifcfg-gre1~", "TYPE=GRE\n"},
	{"ifcfg-gre1.bak", "TYPE=GRE\n"},
	{"ifcfg-gre1.orig", "TYPE=GRE\n"},
	{"ifcfg-gre1.rpmsave", "TYPE=GRE\n"},
	{"ifcfg-gre1.rpmnew", "TYPE=GRE\n"},
	{"ifcfg-", "TYPE=GRE\n"},
	{"route-gre1", "TYPE=GRE\n"},
	{"f.yaml", "ethernets: {bond0: {device: d, addresses: [192.0.2.1/24]}}\n"
		   "tunnels: {own: {local: 192.0.2.1, remote: 192.0.2.9}}\n"
		   "mroutes: [{group: 239.1.1.1, from: gre1, to: [gre0, own]}]\n"},
};

static void test_reads_ifcfg_folder(void **state)
{
	char folder[] = "/tmp/gremc-ifcfg-XXXXXX", path[256];
	struct gremc_errors errors = {0};
	struct gremc_config *config;
	const struct gremc_config_tunnel *t;

	(void)state;
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < RTE_DIM(ifcfg_files); i++)
		test_file_write(folder, ifcfg_files[i][0], ifcfg_files[i][1]);
	snprintf(path, sizeof(path), "%s/ifcfg-folder", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/f.yaml", folder);
	config = gremc_config_load(path, folder, &errors);
	assert_null(gremc_config_load(NULL, folder, &errors)); /* without ports gre1 has no outer address */
	for (size_t i = 0; i < RTE_DIM(ifcfg_files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, ifcfg_files[i][0]);
		unlink(path);
	}
	assert_null(gremc_config_load(NULL, folder, &errors)); /* an empty folder */
	snprintf(path, sizeof(path), "%s/ifcfg-folder", folder);
	rmdir(path);
	rmdir(folder);

	snprintf(
		path, sizeof(path),
		"%s/ifcfg-gre1:5:6: there is no `MY_OUTER_IPADDR`, and no port has an address; add it with the "
		"outer address of this end\n",
		folder);
	assert_memory_equal(errors.text, path, strlen(path));
	assert_non_null(strstr(errors.text, "there is no ifcfg-* file with TYPE=GRE in this directory"));
	gremc_errors_fini(&errors);

	assert_non_null(config);
	t = config->tunnels;
	assert_int_equal(config->tunnel_count, 3);
	assert_string_equal(t[0].name, "own");
	assert_string_equal(t[1].name, "gre0"); /* named by its file, before gre1 */
	assert_int_equal(t[1].options.local, ipv4_of_text("192.0.2.1"));
	assert_int_equal(t[1].options.remote, ipv4_of_text("192.0.2.7"));
	assert_int_equal(t[1].options.input_key, 0x01000000);
	assert_true(t[1].options.has_input_key && t[1].options.has_output_key);
	assert_int_equal(t[1].options.ttl, 9);
	assert_int_equal(t[1].options.mtu, 1400);
	assert_int_equal(t[1].address.length, 30);
	assert_int_equal(t[1].peer.ipv4, ipv4_of_text("10.0.0.2"));
	assert_string_equal(t[2].name, "gre1");
	assert_int_equal(t[2].options.local, ipv4_of_text("192.0.2.1")); /* the only address */
	assert_int_equal(t[2].options.remote, ipv4_of_text("147.75.69.141"));
	assert_int_equal(t[2].address.address.ipv4, ipv4_of_text("10.100.126.3"));
	assert_int_equal(t[2].address.length, 32);
	assert_int_equal(t[2].options.ttl, 64);
	assert_int_equal(t[2].options.df, GREMC_DF_SET);
	assert_int_equal(t[2].port, 0);
	assert_int_equal(config->mroutes[0].from[0], 2);
	gremc_config_free(config);
}

#define GRE   "TYPE=GRE\n"
#define OUTER "MY_OUTER_IPADDR=192.0.2.1\nPEER_OUTER_IPADDR=192.0.2.2\n"

static void test_rejects_wrong_ifcfg_files(void **state)
{
	static const struct {
		const char *text, *errors;
	} cases[] = {
		{GRE,
		 "d/ifcfg-g:1:6: there is no `MY_OUTER_IPADDR`, and no port has an address; add it with the "
		 "outer address of this end\n"
		 "d/ifcfg-g:1:6: there is no `PEER_OUTER_IPADDR`; add it with the outer address of the other "
		 "end\n"},
		{GRE OUTER "TTL=0\nMTU=x\nKEY=-1\n",
		 "d/ifcfg-g:4:5: `TTL` cannot be `0`; it accepts a number from 1 to 255, or `inherit`\n"
		 "d/ifcfg-g:5:5: `MTU` cannot be `x`; it accepts a number from 68 to 65535\n"
		 "d/ifcfg-g:6:5: `KEY` cannot be `-1`; it accepts a number from 0 to 4294967295, or a dotted quad\n"},
		{GRE "  MY_OUTER_IPADDR=192.0.2.1\nPEER_OUTER_IPADDR=192.0.2.1\n",
		 "d/ifcfg-g:2:19: `local` and `remote` of g are both 192.0.2.1; a tunnel ends at another host\n"},
		{GRE OUTER "MY_INNER_IPADDR=10.0.0.1/33\nPEER_INNER_IPADDR=ten\n",
		 "d/ifcfg-g:4:17: `10.0.0.1/33` is not an interface address; write ADDRESS/LENGTH with a length from 1 "
		 "to 32, such as 192.0.2.1/24\n"
		 "d/ifcfg-g:5:19: `ten` is not an interface address; write ADDRESS/LENGTH with a length from 1 to 32, "
		 "such as 192.0.2.1/24\n"},
		{GRE OUTER "KEY=1\nKEY=2\n",
		 "d/ifcfg-g:5:5: `KEY` is given twice, first on line 4; keep one of them\n"},
		{GRE OUTER "DEVICE=a-name-far-too-long\n",
		 "d/ifcfg-g:4:8: `a-name-far-too-long` has 19 characters; an interface name has at most 15\n"},
		{GRE OUTER "if true; then\nKEY=\"1\nKEY=1 2\n",
		 "d/ifcfg-g:4:1: this line is not KEY=VALUE; correct it, or make it a comment with #\n"
		 "d/ifcfg-g:5:5: a quote is not closed on this line; close it\n"
		 "d/ifcfg-g:6:7: text follows the value; put a value with spaces in quotes, and each "
		 "assignment on its own line\n"},
		/* a file with a damaged TYPE line is still read */
		{"TYPE=GRE old\n" OUTER,
		 "d/ifcfg-g:1:10: text follows the value; put a value with spaces in quotes, and each "
		 "assignment on its own line\n"},
		{"TYPE = GRE\n" OUTER,
		 "d/ifcfg-g:1:1: this line is not KEY=VALUE; correct it, or make it a comment with #\n"},
		{"export TYPE= 'gre'\n" OUTER,
		 "d/ifcfg-g:1:14: text follows the value; put a value with spaces in quotes, and each "
		 "assignment on its own line\n"},
		{"TYPE=GRE; DEVICE=g\n" OUTER,
		 "d/ifcfg-g:1:11: text follows the value; put a value with spaces in quotes, and each "
		 "assignment on its own line\n"},
		{"TYPE=\"GRE\n" OUTER, "d/ifcfg-g:1:6: a quote is not closed on this line; close it\n"},
		{"TYPE=GRE#old\n" OUTER,
		 "d/ifcfg-g:1:6: `TYPE` is `GRE#old`, though a line begins with TYPE=GRE; write TYPE=GRE, or "
		 "another type, on one line and nothing else\n"},
		{GRE OUTER "TYPE=Ethernet\n",
		 "d/ifcfg-g:4:6: `TYPE` is given twice, first on line 1; keep one of them\n"},
	};
	struct gremc_errors errors = {0};
	struct gremc_config *config;

	(void)state;
	for (size_t i = 0; i < RTE_DIM(cases); i++) {
		config = gremc_config_load_ifcfg_memory("d/ifcfg-g", cases[i].text, strlen(cases[i].text),
							&errors);
		assert_null(config);
		assert_string_equal(errors.text, cases[i].errors);
		gremc_errors_fini(&errors);
	}
	/* without ports a tunnel is checked by itself; empty values are none; a backslash and a variable are
	 * text */
	config = gremc_config_load_ifcfg_memory("d/ifcfg-g", GRE OUTER "TTL=\nKEY='7'\nX=$Y\\\"\n",
						strlen(GRE OUTER "TTL=\nKEY='7'\nX=$Y\\\"\n"), &errors);
	assert_non_null(config);
	assert_string_equal(config->tunnels[0].name, "g");
	assert_int_equal(config->tunnels[0].port, GREMC_CONFIG_NONE);
	assert_int_equal(config->tunnels[0].options.ttl, 64);
	assert_int_equal(config->tunnels[0].options.output_key, 7);
	gremc_config_free(config);
}

/* A TYPE line can have comments, quotes and blanks; files of other types are ignored. */
static void test_recognizes_type_lines(void **state)
{
	static const char *const gre[] = {
		"TYPE=GRE # comment",      "TYPE=GRE\t#x",   "  TYPE=\"GRE\"  ", "TYPE='Gre';",
		"export TYPE=\"gre\" # y", "TYPE=\" GRE \"", "TYPE=G\"RE\"\r",   "\tTYPE=GRE ; # z"};
	static const char *const others[] = {
		"TYPE=GRETAP",    "TYPE=GRE_TAP", "# TYPE=GRE", "TYPES=GRE", "TYPE=\"IPIP\" # not GRE",
		"DEVICETYPE=GRE", "TYPE=GRE6 x"};
	struct gremc_errors errors = {0};
	struct gremc_config *config;
	char text[128];

	(void)state;
	for (size_t i = 0; i < RTE_DIM(gre); i++) {
		snprintf(text, sizeof(text), "%s\n" OUTER, gre[i]);
		config = gremc_config_load_ifcfg_memory("d/ifcfg-g", text, strlen(text), &errors);
		assert_non_null(config);
		assert_int_equal(config->tunnel_count, 1);
		gremc_config_free(config);
	}
	for (size_t i = 0; i < RTE_DIM(others); i++) {
		snprintf(text, sizeof(text), "%s\n" OUTER, others[i]);
		config = gremc_config_load_ifcfg_memory("d/ifcfg-g", text, strlen(text), &errors);
		assert_non_null(config);
		assert_int_equal(config->tunnel_count, 0);
		gremc_config_free(config);
	}
	assert_null(errors.text);
}

/* A tunnel whose inner peer is its remote gets no route to it, because it would be routed into itself. */
static void test_ignores_peer_equal_to_remote(void **state)
{
	static const char *const peers[] = {"192.0.2.2", "192.0.2.2/32", "'192.0.2.2/24'"};
	struct gremc_errors errors = {0};
	struct gremc_config *config;
	char text[256];

	(void)state;
	for (size_t i = 0; i < RTE_DIM(peers); i++) {
		snprintf(text, sizeof(text),
			 GRE "PEER_INNER_IPADDR=%s\n" OUTER "MY_INNER_IPADDR=10.0.0.1/30\n", peers[i]);
		config = gremc_config_load_ifcfg_memory("d/ifcfg-g", text, strlen(text), &errors);
		assert_non_null(config);
		assert_int_equal(config->tunnels[0].peer.ipv4, 0);
		assert_int_equal(config->tunnels[0].address.address.ipv4, ipv4_of_text("10.0.0.1"));
		assert_int_equal(config->tunnels[0].address.length, 30);
		gremc_config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recognizes_type_lines),
		cmocka_unit_test(test_ignores_peer_equal_to_remote),
		cmocka_unit_test(test_rejects_every_documented_error),
		cmocka_unit_test(test_notes_keys_of_netplan),
		cmocka_unit_test(test_rejects_bytes_that_are_not_text),
		cmocka_unit_test(test_rejects_unreadable_files),
		cmocka_unit_test(test_fifo_is_rejected),
		cmocka_unit_test(test_rejects_deep_nesting),
		cmocka_unit_test(test_rejects_counts_over_limits),
		cmocka_unit_test(test_rejects_too_many_dscp_maps),
		cmocka_unit_test(test_suggests_nearest_names),
		cmocka_unit_test(test_reads_ifcfg_folder),
		cmocka_unit_test(test_rejects_wrong_ifcfg_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
