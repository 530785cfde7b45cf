#include "script.h"

#include <CUnit/CUnit.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes what comes before one of the ends. */
static void take(const char **script, const char *ends, char *out, size_t size)
{
	size_t len = strcspn(*script, ends);

	CU_ASSERT_FATAL(len < size);
	memcpy(out, *script, len);
	out[len] = '\0';
	*script += len;
}

/* From the bracket on, with those inside of it. */
static void take_text(const char **script, struct step *step)
{
	size_t len = 0;

	step->inner = ++*script;
	for (int depth = 1; depth; len++) {
		CU_ASSERT_FATAL(step->inner[len] && len < sizeof(step->text));
		depth += (step->inner[len] == '[') - (step->inner[len] == ']');
	}
	memcpy(step->text, step->inner, len - 1);
	*script += len;
}

bool script_step(const char **script, struct step *step)
{
	*step = (struct step){.begun = *script};
	if (!**script || **script == ']')
		return false;
	take(script, " ,]", step->word, sizeof(step->word));
	*script += **script == ' ';
	if (isalpha((unsigned char)**script)) {
		CU_ASSERT_FATAL(strlen(step->word) < sizeof(step->how));
		strcpy(step->how, step->word);
		take(script, " ,]", step->word, sizeof(step->word));
		*script += **script == ' ';
	}
	while (**script && !strchr(",[]", **script)) {
		int from = (int)strtol(*script, (char **)script, 10);
		int to = **script == '-' ? (int)strtol(*script + 1, (char **)script, 10) : from;

		CU_ASSERT_FATAL(from <= to && step->count + to - from < STEP_NUMBERS);
		while (from <= to)
			step->numbers[step->count++] = from++;
		*script += **script == ' ';
	}
	if (**script == '[')
		take_text(script, step);
	CU_ASSERT_FATAL(!**script || **script == ']' || !strncmp(*script, ", ", 2));
	*script += strspn(*script, ", ");
	return true;
}

bool step_is(const struct step *step, const char *word)
{
	return !strcmp(step->word, word);
}

void step_blame(const struct step *step, unsigned failures)
{
	if (CU_get_number_of_failures() > failures)
		printf("    at: %s\n", step->begun);
}
