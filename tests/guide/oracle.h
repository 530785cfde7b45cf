/*
 * The original application (FastAPI on uvicorn, tests/oracle/app.py), to compare with. At most one
 * runs at a time; it ends with the test program. Main thread.
 */
#ifndef TESTS_INTEGRATION_ORACLE_H
#define TESTS_INTEGRATION_ORACLE_H

/* Starts it on a free port of 127.0.0.1, and waits until it answers or has ended. Returns its URL,
 * which lives until the next start, or NULL; why is on stderr then. */
const char *oracle_start(void);
void oracle_stop(void);

/* What is installed, "FastAPI 0.92.0, pydantic 1.10.4", or "none". */
const char *oracle_version(void);

#endif
