/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_helpers.h"

char *source_path(const char *name)
{
	const char *root = getenv("GREMC_SOURCE_DIR");
	char *path;

	if (root == NULL)
		fail_msg("GREMC_SOURCE_DIR is not set; meson test sets it to the top of the source tree");
	assert_true(asprintf(&path, "%s/%s", root, name) >= 0);
	return path;
}

char *read_source(const char *name)
{
	char *path = source_path(name), *text;
	FILE *file = fopen(path, "r");
	long size;

	if (file == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	assert_true(size > 0);
	rewind(file);
	text = calloc(size + 1, 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, size, file), size);
	fclose(file);
	free(path);
	return text;
}

rte_be32_t ipv4_of_text(const char *text)
{
	rte_be32_t address;

	assert_int_equal(gremc_ipv4_parse(text, &address), 0);
	return address;
}
