/* An nginx that speaks TLS, on ports of 127.0.0.1, with certificates good and bad. */
#ifndef TESTS_SUPPORT_SECURE_H
#define TESTS_SUPPORT_SECURE_H

#include <stdint.h>

enum {
	SECURE_GOOD, /* it is here.test, localhost and 127.0.0.1, and speaks HTTP/2 */
	SECURE_SELF, /* says nobody but itself */
	SECURE_OLD,  /* was, until yesterday */
	SECURE_SERVERS,
};

extern uint16_t secure_ports[SECURE_SERVERS];
extern char secure_ca[]; /* file of who vouches for the first and the last */

/* For a suite: 0, or it could not be had. */
int secure_begin(void);
int secure_end(void);

#endif
