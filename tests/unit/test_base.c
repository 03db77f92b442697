/* SPDX-License-Identifier: BSD-3-Clause */
/* Text, lists of errors and keywords. */
#include <errno.h>
#include <string.h>

#include "base/base.h"
#include "test.h"

static void test_text_copy_cuts_and_reports_it(void **state)
{
	char text[4] = "xyz";

	(void)state;
	assert_true(gremc_text_copy(text, sizeof(text), "ab"));
	assert_string_equal(text, "ab");
	assert_true(gremc_text_copy(text, sizeof(text), "abc"));
	assert_string_equal(text, "abc");
	assert_false(gremc_text_copy(text, sizeof(text), "abcd"));
	assert_string_equal(text, "abc");
	assert_false(gremc_text_copy(text, 1, "a"));
	assert_string_equal(text, "");
	assert_true(gremc_text_copy(text, 1, ""));
}

static void test_errors_keep_every_line_with_its_place(void **state)
{
	struct gremc_errors errors = {0};

	(void)state;
	gremc_errors_add(&errors, "a.yaml", 3, 14, "unknown key `%s`", "remot");
	gremc_errors_add(&errors, "a.yaml", 0, 0, "cannot be read");
	gremc_errors_add(&errors, NULL, 0, 0, "out of memory");
	assert_int_equal(errors.count, 3);
	assert_string_equal(errors.text,
			    "a.yaml:3:14: unknown key `remot`\na.yaml: cannot be read\nout of memory\n");
	gremc_errors_fini(&errors);
	assert_int_equal(errors.count, 0);
	assert_null(errors.text);
}

static void test_keywords_are_parsed_and_listed(void **state)
{
	static const char *const names[] = {"off", "querier", "upstream"};
	static const struct gremc_keywords keywords = {names, RTE_DIM(names)};
	char text[GREMC_KEYWORD_TEXT];

	(void)state;
	assert_int_equal(gremc_keyword_parse(&keywords, "upstream"), 2);
	assert_int_equal(gremc_keyword_parse(&keywords, "upstreams"), -ENOENT);
	assert_string_equal(gremc_keyword_name(&keywords, 0), "off");
	assert_string_equal(gremc_keyword_name(&keywords, 3), "unknown");
	assert_string_equal(gremc_keywords_format(text, sizeof(text), &keywords, 0),
			    "`off`, `querier` or `upstream`");
	assert_string_equal(gremc_keywords_format(text, sizeof(text), &keywords, 1),
			    "`querier` or `upstream`");
	assert_string_equal(gremc_keywords_format(text, sizeof(text), &keywords, 2), "`upstream`");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_copy_cuts_and_reports_it),
		cmocka_unit_test(test_errors_keep_every_line_with_its_place),
		cmocka_unit_test(test_keywords_are_parsed_and_listed),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
