/*
 * How wide the terminal is, and text that fits it.
 */
#ifndef TESTS_DEMONSTRATIONS_TERMINAL_H
#define TESTS_DEMONSTRATIONS_TERMINAL_H

#include <stdio.h>

/* COLUMNS, or what the terminal says, or 80; at least 40. */
int terminal_width(void);

/* Prints a paragraph, broken between words, its further lines indented by so much; the first word
 * goes to that column of the line. A line feed in the text is kept, and the paragraph ends with
 * one. */
__attribute__((format(printf, 4, 5))) void terminal_say(FILE *out, int column, int indent,
							const char *format, ...);

#endif
