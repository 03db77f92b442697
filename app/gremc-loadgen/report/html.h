/* SPDX-License-Identifier: BSD-3-Clause */
/* Text in HTML and SVG. */
#ifndef GREMC_LOADGEN_REPORT_HTML_H
#define GREMC_LOADGEN_REPORT_HTML_H

#include <stdio.h>

/* Write text with the characters escaped that HTML and SVG reserve. */
void gremc_html_text_write(FILE *out, const char *text);

#endif
