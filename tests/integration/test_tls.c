/* TLS of a whole system's nginx: TLS_LISTEN, and what nginx/tls.conf.in says. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/process.h"
#include "../support/system.h"

static const char *folder;
static uint16_t secure, responder;
static struct system sys;

/* Somebody who is trusted says who shop.test is; and can be asked whether that still holds. new
 * NAME makes a certificate, and moves it in place of the one before. */
static const char certify[] =
	"set -e; make='openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
	"[ -e ca.pem ] || { : >index; echo unique_subject=no >index.attr; echo 01 >serial\n"
	"$make -x509 -keyout ca.key -out ca.pem -subj '/CN=Test CA' -days 2\n"
	"printf "
	"'[ca]\\ndefault_ca=own\\n[own]\\ndatabase=index\\nserial=serial\\nnew_certs_dir=.\\n"
	"default_md=sha256\\npolicy=any\\n[any]\\ncommonName=supplied\\n' >ca.conf; }\n"
	"printf 'subjectAltName=DNS:shop.test,DNS:localhost\\nauthorityInfoAccess=OCSP;URI:"
	"http://127.0.0.1:%d/\\n' >names\n"
	"$make -keyout new.key -out new.csr -subj /CN=shop.test\n"
	"openssl ca -batch -config ca.conf -in new.csr -out new.one -notext -days 2 -cert ca.pem "
	"-keyfile ca.key -extfile names\n"
	"cat new.one ca.pem >new.pem; mv new.key shop.key; mv new.pem shop.pem";

static bool does(const char *command)
{
	const struct outcome *outcome;

	setenv("F", folder, 1);
	outcome = shell(command);
	if (outcome->status)
		printf("    %s%s\n", outcome->out, outcome->errors);
	return outcome->status == 0;
}

static bool renew(void)
{
	return does(textf(certify, (int)responder));
}

/* curl's words, to that name. */
static bool curl_says(const char *name, const char *options, const char *text)
{
	setenv("F", folder, 1);
	return says(textf("curl -sSi --noproxy '*' --cacert ca.pem --resolve %s:%d:127.0.0.1 %s "
			  "https://%s:%d/healthz",
			  name, (int)secure, options, name, (int)secure),
		    text);
}

/* … and those of openssl s_client. */
static const char *client_says(const char *options)
{
	setenv("F", folder, 1);
	return shell(textf("printf 'HEAD /healthz HTTP/1.0\\r\\nHost: shop.test\\r\\n\\r\\n' | "
			   "timeout 30 openssl s_client -connect 127.0.0.1:%d -servername "
			   "shop.test "
			   "-CAfile ca.pem -ign_eof %s 2>&1",
			   (int)secure, options))
		->out;
}

static void holds(const char *more)
{
	CU_ASSERT_FATAL(file_write(
		textf("%s/shop.conf", folder),
		textf("PORT = %d\nWORKERS = 1\nPREFORK_WORKERS = 0\nCPU_WORKERS = 0\n"
		      "SERVER_NAMES = shop.test\nTLS_LISTEN = %d\nTLS_CERTIFICATE = %s/shop.pem\n"
		      "TLS_KEY = %s/shop.key\n%s",
		      (int)sys.port, (int)secure, folder, folder, more)));
}

static const struct outcome *start(void)
{
	static struct outcome outcome;

	run_script(&outcome, "spawn/start.sh",
		   STRINGS(sys.run_dir_variable, textf("CONFIG=%s/shop.conf", folder)));
	return &outcome;
}

static void begin(void)
{
	folder = directory_make();
	secure = port_free();
	responder = port_free();
	system_at(&sys, port_free(), textf("%s/run", folder));
	CU_ASSERT_FATAL(renew());
	holds("");
}

static void end(void)
{
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	directory_remove(folder);
}

static void it_speaks_what_is_modern(void)
{
	CU_ASSERT_EQUAL_FATAL(start()->status, 0);
	CU_ASSERT(curl_says("shop.test", "--tlsv1.3", "HTTP/2 200"));
	CU_ASSERT(curl_says("shop.test", "--tls-max 1.2", "HTTP/2 200"));
	CU_ASSERT(curl_says("shop.test", "--http1.1", "HTTP/1.1 200"));
	CU_ASSERT(curl_says("shop.test", "-H 'Host: other.test'", "HTTP/2 421"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(client_says("-tls1_1 -cipher ALL:@SECLEVEL=0"), "alert protocol version"));
	CU_ASSERT_PTR_NOT_NULL(strstr(client_says("-tls1_2 -cipher AES128-SHA:@SECLEVEL=0"),
				      "alert handshake failure"));
	CU_ASSERT_PTR_NOT_NULL(strstr(client_says("-tls1_2"), "Cipher is ECDHE-ECDSA-"));
	CU_ASSERT_EQUAL(get(&sys, "/healthz")->status, 200);
}

/* … but a name of this machine, where others serve on other ports. */
static void who_came_with_tls_is_to_come_with_it(void)
{
	CU_ASSERT_EQUAL_FATAL(start()->status, 0);
	CU_ASSERT(curl_says("shop.test", "", "strict-transport-security: max-age=63072000\r\n"));
	CU_ASSERT(curl_says("shop.test", "-H 'Accept: text/html' --path-as-is -o /dev/null -D -",
			    "strict-transport-security"));
	CU_ASSERT(curl_says("shop.test", "-X PUT", "HTTP/2 405"));
	CU_ASSERT_PTR_NULL(strstr(client_says("-servername localhost"), "Verify return code: 1"));
	CU_ASSERT(does(textf("! curl -sSi --noproxy '*' --cacert ca.pem https://localhost:%d/ | "
			     "grep -i strict-transport",
			     (int)secure)));
	CU_ASSERT(does(textf("! curl -sSi --noproxy '*' -H 'Host: shop.test' "
			     "http://127.0.0.1:%d/ | grep -i strict-transport",
			     (int)sys.port)));
}

static void who_comes_again_goes_on_with_the_session(void)
{
	CU_ASSERT_EQUAL_FATAL(start()->status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(client_says("-tls1_3 -sess_out s3"), "New, TLSv1.3"));
	CU_ASSERT_PTR_NOT_NULL(strstr(client_says("-tls1_3 -sess_in s3"), "Reused, TLSv1.3"));
	CU_ASSERT_PTR_NOT_NULL(strstr(client_says("-tls1_2 -sess_out s2"), "New, TLSv1.2"));
	CU_ASSERT_PTR_NOT_NULL(strstr(client_says("-tls1_2 -sess_in s2"), "Reused, TLSv1.2"));
}

static const char *served(void)
{
	setenv("F", folder, 1);
	return textf("%s",
		     shell(textf("openssl s_client -connect 127.0.0.1:%d </dev/null 2>/dev/null "
				 "| openssl x509 -noout -serial",
				 (int)secure))
			     ->out);
}

static void a_new_certificate_is_read_by_a_restart(void)
{
	const struct outcome *said;
	const char *before;

	CU_ASSERT_EQUAL_FATAL(start()->status, 0);
	before = served();
	CU_ASSERT_PTR_NOT_NULL(strstr(before, "serial="));
	CU_ASSERT(renew());
	said = script(&sys, "restart.sh", NULL);
	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(said->out, "nginx.conf: read anew by nginx"));
	CU_ASSERT(EVENTUALLY(strcmp(served(), before) != 0));
	CU_ASSERT(curl_says("shop.test", "", "HTTP/2 200"));

	before = served();
	CU_ASSERT(does("openssl ecparam -name prime256v1 -genkey -noout -out shop.key"));
	said = script(&sys, "restart.sh", NULL);
	CU_ASSERT_EQUAL(said->status, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(said->errors, "key values mismatch"));
	CU_ASSERT_STRING_EQUAL(served(), before);
}

static void whether_it_was_withdrawn_is_told(void)
{
	const char *command =
		textf("exec openssl ocsp -index %s/index -CA %s/ca.pem -rsigner %s/ca.pem -rkey "
		      "%s/ca.key -port %d",
		      folder, folder, folder, folder, (int)responder);
	pid_t pid = process_start(STRINGS("sh", "-c", command), NULL, "/dev/null");

	CU_ASSERT_EQUAL_FATAL(start()->status, 0);
	/* nginx asks when somebody wants to know, who does not wait for it. */
	CU_ASSERT(EVENTUALLY(strstr(client_says("-status"), "OCSP Response Status: successful")));
	CU_ASSERT_PTR_NOT_NULL(strstr(client_says("-status"), "Cert Status: good"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void what_is_wrong_is_said(void)
{
	static const struct {
		const char *line, *why;
	} wrong[] = {
		{"TLS_LISTEN = https", ":9: TLS_LISTEN=https: a port is wanted, or ADDRESS:PORT"},
		{"TLS_LISTEN = 0", ":9: TLS_LISTEN=0: a whole number from 1 to 65535 is wanted"},
		{"TLS_KEY = /nowhere", ":9: TLS_KEY=/nowhere: there is no such file"},
		{"TLS_CERTIFICATE = a;b", "letters, digits and"},
		{"TLS_KEY =", "TLS_KEY is wanted, too"},
	};

	for (size_t i = 0; i < COUNT(wrong); i++) {
		holds(wrong[i].line);
		CU_ASSERT(was_refused(start(), wrong[i].why));
	}
	holds("");
	CU_ASSERT(file_write(textf("%s/shop.pem", folder), "none"));
	CU_ASSERT(was_refused(start(), "nginx did not start: cannot load certificate"));
}

static const struct test tests[] = {
	{"it speaks TLS 1.2 and 1.3, HTTP/2, and no more", it_speaks_what_is_modern},
	{"who came with TLS is to come with it", who_came_with_tls_is_to_come_with_it},
	{"who comes again goes on with the session", who_comes_again_goes_on_with_the_session},
	{"a new certificate is read by a restart", a_new_certificate_is_read_by_a_restart},
	{"whether it was withdrawn is told (OCSP)", whether_it_was_withdrawn_is_told},
	{"what is wrong is said", what_is_wrong_is_said},
};

const struct suite tls_suite = {"tls", tests, COUNT(tests), .before = begin, .after = end};
