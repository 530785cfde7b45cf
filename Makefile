# Lanes. `make help` lists what there is. Variables: SANITIZER (address, undefined, thread or
# address,undefined: builds into a folder of its own), CC, CFLAGS, V=1 (shows the commands), and
# those of the scripts in spawn/, which get them from here or from the environment.

comma     := ,
BUILD     := build
SANITIZER ?=
ifneq ($(SANITIZER),)
OBJ       := $(BUILD)/$(subst $(comma),-,$(SANITIZER))
SAN       := -fsanitize=$(SANITIZER) -fno-sanitize-recover=all -fno-omit-frame-pointer
else
OBJ       := $(BUILD)
SAN       :=
endif

ifeq ($(origin CC),default)
CC        := gcc
endif
ifeq ($(SANITIZER)-$(findstring gcc,$(CC)),thread-gcc)
# It does not know fences. Ours are between processes, where it cannot look anyway.
SAN       += -Wno-tsan
endif
# -flto, across files, saves a tenth of the instructions; clang would need another linker. That gcc
# also puts functions of 40 instructions (of 30 else) into those that call them saves a hundredth. With
# a sanitizer, gcc's -O3 warns of what cannot happen.
CFLAGS    ?= -g $(if $(SAN),-O2,-O3 $(if $(filter gcc,$(CC)),-flto=auto --param=max-inline-insns-auto=40))
# FORTIFY needs an optimizer, and would hide from a sanitizer what it is to see.
# Level 3 also knows sizes that are computed at run time; libc warns where the compiler does not.
# once, and the name: its value is found when it is first wanted, and kept. What builds nothing
# (make help, make stop) does not ask for a compiler.
once       = $(eval $(1) := $(2))$(value $(1))
FORTIFY    = $(call once,FORTIFY,$(if $(SAN),,$(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-D_FORTIFY_SOURCE=$(shell \
	     echo '\#include <features.h>' | $(CC) -O2 -D_FORTIFY_SOURCE=3 -Werror -E - \
	     >/dev/null 2>&1 && echo 3 || echo 2))))
PACKAGES  := libuv json-c fcgi libseccomp libcurl libpq libunwind-generic libdw
# … and of the demonstration (app/cases), whose headers are where all are: the library's objects are the
# same without it.
CASES_PACKAGES = $(if $(GUIDE),libcrypto libjpeg libpng)
package_flags = $(or $(shell pkg-config --exists $(PACKAGES) $(CASES_PACKAGES) 2>/dev/null && pkg-config $(1) 2>/dev/null), \
	     $(error packages are missing, such as the headers of $(PACKAGES) $(CASES_PACKAGES): spawn/deps.sh run installs them))
# Main runs no sandbox there.
INSTRUMENTED := $(if $(SAN)$(filter --coverage,$(CFLAGS)),-DINSTRUMENTED)
INCLUDES   = $(call once,INCLUDES,$(call package_flags,--cflags $(PACKAGES)))
LIBRARIES  = $(call once,LIBRARIES,$(call package_flags,--libs $(PACKAGES) $(CASES_PACKAGES)))
# Also where it links: with -flto only then gcc sees a local that was to survive an AWAIT.
WARNINGS  := -Wall -Wextra -Werror
COMPILE    = $(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -Iapp -Iapp/lanes -pthread -fPIE -fno-plt \
	     -fstack-protector-strong $(FORTIFY) $(INCLUDES) $(SAN) $(INSTRUMENTED) $(CPPFLAGS) $(CFLAGS)
LINK       = $(CC) -pie -Wl,-z,relro,-z,now,--as-needed $(SAN) $(CFLAGS) $(LDFLAGS)
LIBS       = $(LIBRARIES) -lm -pthread $(LDLIBS)

# The library: with what shows a system, which every program has.
LIBRARY      := $(wildcard app/lanes/*/*.c app/admin/*.c)
LIBRARY_SQL  := $(wildcard app/lanes/*/*.sql)
# The demonstration: the guide's endpoints, and its real-world examples.
GUIDE        := $(wildcard app/guide/*.c app/cases/*.c app/cases/*.sql app/demonstration.c)
object = $(patsubst %,$(OBJ)/%.o,$(patsubst %.c,%,$(1)))
quiet  = $(if $(V),,@echo '  $(1)';)

# Scripts know which they start where nobody says: build/lanes, or what was started before.
ifneq ($(OBJ),build)
export PROGRAM ?= $(OBJ)/lanes
endif

all: $(OBJ)/lanes ## builds build/lanes

new: override export DIR := $(value DIR)
new: ## makes a project for a service of one's own: DIR=../orders NAME=orders
	@DIR="$$DIR" NAME="$(if $(filter command,$(origin NAME)),$$NAME)" app/new/new.sh

run: ## installs what is missing, builds, and serves in the foreground; Ctrl-C stops it. LISTEN=0.0.0.0: a class. FASTAPI=1: the original beside it
	@spawn/deps.sh run && $(MAKE) --no-print-directory all && exec spawn/run.sh

start: ## the same in the background
	@spawn/deps.sh run && $(MAKE) --no-print-directory all && exec spawn/start.sh

stop: ## stops what start started
	@spawn/stop.sh

status: ## shows what runs
	@spawn/status.sh

top: ## shows the running system live in the terminal; q ends it
	@spawn/top.sh

ps: ## shows which request awaits what, at which line of the source; and who holds a loop
	@spawn/ps.sh

scale: ## changes the number of loop workers of the running system to WORKERS=n
	@spawn/scale.sh

restart: ## replaces every worker of the running system, one after the other
	@$(MAKE) --no-print-directory all && exec spawn/restart.sh

check-config: ## says what is wrong with CONFIG=lanes.conf and other variables; starts nothing
	@spawn/check-config.sh

migrate: ## makes the tables that the program needs in the database, or brings them up to date
	@$(MAKE) --no-print-directory all && exec spawn/migrate.sh

jobs: ## shows the queue of jobs in the running system's database; RETRY=number, DROP=number or all-dead
	@spawn/jobs.sh

dev: ## serves, and builds and replaces workers when a file is saved; names calls that hold the loop, here and on the page
	@spawn/deps.sh dev && exec spawn/dev.sh

cluster: ## HOSTS=3 with workers, HAProxy or FRONT=nginx, PostgreSQL, in network namespaces; Ctrl-C stops it
	@spawn/deps.sh cluster && $(MAKE) --no-print-directory all && exec spawn/cluster.sh

test: ## installs what tests need, builds, and runs all of them
	@spawn/deps.sh test && $(MAKE) --no-print-directory all unit integration conformance \
		$(if $(GUIDE),faults) && exec tests/run

test-faults: ## kills, stops, overloads, starves and fills up a system, each for as long as promised
	@spawn/deps.sh test && $(MAKE) --no-print-directory all faults && exec $(OBJ)/faults $(ONLY)

test-fronts: ## behind nginx, Apache, lighttpd, Caddy, h2o and HAProxy, under six supervisors, and systemd booted; ONLY=words
	@spawn/deps.sh fronts && $(MAKE) --no-print-directory all integration fronts && exec $(OBJ)/fronts $(ONLY)

test-cluster: ## three hosts in network namespaces: unplugged, slow, stopped, added, upgraded under load; ONLY=words
	@spawn/deps.sh cluster && $(MAKE) --no-print-directory all hosts && exec $(OBJ)/cluster $(ONLY)

test-monitoring: ## has promtool try the alerts, and a system asked for what they and the dashboard name
	@spawn/deps.sh monitoring && $(MAKE) --no-print-directory all integration && exec $(OBJ)/integration monitoring/ otlp/

image: ## an image of it, with podman or docker: IMAGE=lanes BASE=debian:bookworm-slim
	@spawn/image.sh

test-container: ## builds the image from a Debian of its own, and runs it, and the pods of spawn/kubernetes, with podman
	@spawn/deps.sh container && $(MAKE) --no-print-directory all containers && exec $(OBJ)/containers $(ONLY)

test-deb: ## the packages: clean, reproducible, installed, upgraded under load and purged, on a machine in namespaces
	@spawn/deps.sh test-deb && $(MAKE) --no-print-directory packages && exec $(OBJ)/packages $(ONLY)

test-fresh: ## as a new user on new Debian systems: RELEASES="bookworm trixie" USERS="root user"
	@spawn/deps.sh fresh && exec tests/fresh/run

test-trixie: ## the same on Debian 13 only
	@spawn/deps.sh fresh && RELEASES=trixie exec tests/fresh/run

MINUTES ?= 30
soak: ## mixed traffic and random faults for MINUTES=30: is everything flat at the end?
	@spawn/deps.sh test && $(MAKE) --no-print-directory all faults && \
		SOAK_MINUTES=$(MINUTES) exec $(OBJ)/faults

fuzz: ## feeds random input to what parses and to the whole engine, DURATION=60 seconds each
	@spawn/deps.sh fuzz && $(MAKE) --no-print-directory CC=clang CFLAGS='-O1 -g' \
		SANITIZER=fuzzer,address,undefined fuzzers && \
		exec tests/fuzz/run $(BUILD)/fuzzer-address-undefined $(DURATION)

mutants: ## which mistakes would no test notice? COUNT=300 ONLY="app/lanes/fcgi" MINUTES=60
	@spawn/deps.sh check && exec tests/mutants/run

contrast: ## processes against loop: CLIENTS=48 DURATION=0.25 WORKERS="1 4"
	@spawn/deps.sh test && $(MAKE) --no-print-directory all $(OBJ)/tests/demonstrations/contrast && \
		exec $(OBJ)/tests/demonstrations/contrast

exercises: ## the guide's exercises and the prefork trap, run for real
	@spawn/deps.sh test && $(MAKE) --no-print-directory all $(OBJ)/tests/demonstrations/exercises && \
		exec $(OBJ)/tests/demonstrations/exercises

check: ## formatter, linters, sanitizers, valgrind, short fuzzing, coverage: STEPS="format tidy"
	@spawn/deps.sh check && exec tests/check $(STEPS)

coverage: ## how many lines of app/ the tests reach, under address and undefined
	@spawn/deps.sh check && exec tests/check address

instructions: all $(OBJ)/loadgen $(OBJ)/routes-app ## counts a request's instructions; fails when they grew by over 3 %
	@tests/bench/instructions

BENCH_PROGRAMS := $(addprefix $(OBJ)/,benchmark loadgen null-responder libfcgi-app null-rows null-calls upstream peer cases-app)

bench: ## performance against peers and ceilings, into build/bench: ROUNDS=9 DURATION=1 ONLY="http" RESUME=1
	@spawn/deps.sh bench && $(MAKE) --no-print-directory all $(BENCH_PROGRAMS) && \
		rm -rf $(OBJ)/bench$(if $(RESUME),/run) && mkdir -p $(OBJ)/bench/run
	@$(OBJ)/benchmark
	@tests/bench/syscalls >>$(OBJ)/bench/results.md
	@echo 'the page: $(OBJ)/bench/results.md'

bench-table: $(OBJ)/benchmark ## writes what make bench has measured into the tables of tests/bench/README.md
	@$(OBJ)/benchmark --table $(OBJ)/bench/results.json tests/bench/README.md

test-browser: ## clicks through the page in a real browser, with what that needs from Debian and npm; WORKERS="1 2 8"
	@spawn/deps.sh browser && $(MAKE) --no-print-directory all examples && exec tests/browser/run

PREFIX  ?= /usr/local
# As Debian has it: below /usr, libraries are in a folder of the machine's kind.
LIBDIR  ?= $(PREFIX)/lib$(if $(filter /usr,$(PREFIX)),/$(shell gcc -print-multiarch))
SHARE    = $(DESTDIR)$(PREFIX)/share
# copied FILES,FROM,TO: with their folders below FROM, for everybody to read, and scripts to run.
copied   = for file in $(1); do mode=644; [ ! -x $$file ] || mode=755; \
	   install -D -m $$mode $$file "$(3)/$${file\#$(2)/}" || exit; done
filled   = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@PACKAGES@|$(PACKAGES)|' \
	   -e "s/@VERSION@/$$($(OBJ)/lanes --version | sed 's/.* //')/" \
	   -e "s/@DATE@/$$(date -u -d @$${SOURCE_DATE_EPOCH:-$$(stat -c %Y $(OBJ)/lanes)} +%F)/" $(1)
UNITS    = $(addprefix spawn/systemd/,$(notdir $(wildcard spawn/systemd/*.service spawn/systemd/*.socket \
	   spawn/systemd/*.target spawn/systemd/*.slice)) lanes-.service.d/00-sandbox.conf)
HEADERS  = $$($(AS_LANES_H) -MM | grep -o 'app/lanes/[^ ]*' | sort -u)

install: all $(OBJ)/liblanes.a ## program, library, scripts, manual pages and systemd units into PREFIX=/usr/local, below DESTDIR=
	@case '$(PREFIX)$(LIBDIR)' in *[!A-Za-z0-9._/+~-]*) \
		echo 'PREFIX and LIBDIR: letters, digits and ._/+~- are wanted' >&2; exit 2 ;; esac
	@set -e; umask 022; rm -rf "$(DESTDIR)$(PREFIX)/include/lanes" "$(SHARE)/lanes"; \
	$(call copied,$(HEADERS),app/lanes,$(DESTDIR)$(PREFIX)/include/lanes); \
	install -D -m 644 $(OBJ)/liblanes.a "$(DESTDIR)$(LIBDIR)/liblanes.a"; \
	$(call filled,app/install/lanes.pc.in) | install -D -m 644 /dev/stdin "$(DESTDIR)$(LIBDIR)/pkgconfig/lanes.pc"; \
	install -D -m 755 $(OBJ)/lanes "$(DESTDIR)$(PREFIX)/bin/lanes"; \
	$(call copied,$$(find nginx spawn app/new -type f ! -name '*.md' ! -path 'spawn/debian/*' ! -name 'Containerfile*' ! -name image.sh) \
		$(addprefix spawn/debian/,lanes.postinst lanes.prerm lanes.postrm lanes.logrotate lanes.conf nginx.env source/format) \
		app/new/template/README.md,.,$(SHARE)/lanes); \
	for unit in $(UNITS); do sed 's|@PREFIX@|$(PREFIX)|g' $$unit | \
		install -D -m 644 /dev/stdin "$(DESTDIR)$(PREFIX)/lib/systemd/system/$${unit#spawn/systemd/}"; done; \
	install -D -m 644 spawn/systemd/lanes.sysusers "$(DESTDIR)$(PREFIX)/lib/sysusers.d/lanes.conf"; \
	install -D -m 644 spawn/systemd/lanes.tmpfiles "$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/lanes.conf"; \
	$(call copied,$(filter app/guide/%,$(GUIDE)),app/guide,$(SHARE)/lanes/nginx/www/handlers); \
	$(call copied,$(filter app/cases/%.c,$(GUIDE)),app/cases,$(SHARE)/lanes/nginx/www/handlers); \
	$(call copied,$(if $(GUIDE),$(addprefix tests/oracle/,cases.py cases_orders.py cases_renders.py)),tests/oracle,$(SHARE)/lanes/nginx/www/handlers); \
	app/install/lanes.1.sh $(OBJ)/lanes "$(PREFIX)" | install -D -m 644 /dev/stdin "$(SHARE)/man/man1/lanes.1"; \
	$(call filled,app/install/lanes-new) | install -D -m 755 /dev/stdin "$(DESTDIR)$(PREFIX)/bin/lanes-new"; \
	$(call filled,app/install/lanes-new.1) | install -D -m 644 /dev/stdin "$(SHARE)/man/man1/lanes-new.1"; \
	$(call filled,app/install/lanes.3) | install -D -m 644 /dev/stdin "$(SHARE)/man/man3/lanes.3"

uninstall: ## removes that
	@rm -rf "$(DESTDIR)$(PREFIX)/include/lanes" "$(SHARE)/lanes"
	@rm -f "$(DESTDIR)$(LIBDIR)/liblanes.a" "$(DESTDIR)$(LIBDIR)/pkgconfig/lanes.pc" "$(DESTDIR)$(PREFIX)/bin/lanes" \
		"$(DESTDIR)$(PREFIX)/bin/lanes-new" "$(SHARE)/man/man1/lanes.1" "$(SHARE)/man/man1/lanes-new.1" \
		"$(SHARE)/man/man3/lanes.3" "$(DESTDIR)$(PREFIX)/lib/sysusers.d/lanes.conf" \
		"$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/lanes.conf"
	@cd "$(DESTDIR)$(PREFIX)/lib/systemd/system" 2>/dev/null && rm -rf $(UNITS:spawn/systemd/%=%) lanes-.service.d || :

# Of the packages: as "build/lanes --version" has it.
VERSION ?= $(shell sed -n 's/^.define LANES_VERSION "\(.*\)"/\1/p' app/lanes/engine/worker.c)
deb: ## Debian packages, into build/deb: lanes, liblanes-dev, lanes-doc; VERSION=0.1.1
	@spawn/deps.sh deb && exec spawn/deb.sh '$(VERSION)'

clean: ## removes what was built
	@rm -rf $(BUILD)

help: ## lists these
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 17

$(OBJ)/lanes: $(call object,app/main.c $(GUIDE)) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) $(WARNINGS) -o $@ $^ $(LIBS)

# All of the library, with every name that one of its files has for another: for the program, which
# is optimized across files, and for tests.
$(OBJ)/inside.a: $(call object,$(LIBRARY) $(LIBRARY_SQL))
	$(call quiet,AR $@)rm -f $@ && ar rcs $@ $^

# For services: one object, in which only the names of lanes.h are seen. Without -flto's own code,
# which only the same compiler reads; clang's takes Debian's lld.
$(OBJ)/liblanes.a: $(OBJ)/inside.a $(OBJ)/exports
	$(call quiet,AR $@)rm -f $@ && $(CC) -r -nostdlib -fPIE $(if $(findstring -flto,$(CFLAGS)),$(if $(findstring clang,$(CC)),-fuse-ld=lld,-flinker-output=nolto-rel)) \
		$(CFLAGS) -o $(OBJ)/liblanes.o -Wl,--whole-archive $< -Wl,--no-whole-archive && \
		objcopy --keep-global-symbols=$(OBJ)/exports $(OBJ)/liblanes.o && ar rcs $@ $(OBJ)/liblanes.o

# What lanes.h declares, in whichever header: gcc lists functions, and variables look as in the text.
AS_LANES_H = gcc -std=c11 -D_GNU_SOURCE -Iapp/lanes $(INCLUDES) -x c app/lanes/lanes.h
$(OBJ)/exports: $(wildcard app/lanes/*.h app/lanes/*/*.h)
	@mkdir -p $(@D)
	@$(AS_LANES_H) -fsyntax-only -aux-info $@.all
	@{ sed -nE 's|^/\* app/lanes/.* extern [^(]*[ *]([a-z0-9_]+) \(.*|\1|p' $@.all; \
		$(AS_LANES_H) -MM | grep -o 'app/[^ ]*' | xargs \
		sed -nE 's|^extern [^(]*[ *]([a-z0-9_]+)(\[.*)?;|\1|p'; } | sort -u >$@

# For make dev, which builds with these: every call has a line, and a frame that says who made it. SAVED: files
# that were changed, whatever their dates say.
DEV_CFLAGS := -g -O1 -fno-inline -fno-optimize-sibling-calls
dev-build: ; @$(MAKE) -s --no-print-directory $(SAVED:%=-W %) BUILD=build/dev CFLAGS='$(DEV_CFLAGS)' \
	CPPFLAGS='$(CPPFLAGS) -U_FORTIFY_SOURCE' LDFLAGS='$(LDFLAGS) -rdynamic' all build/dev/blocking.so

$(OBJ)/blocking.so: spawn/blocking.c $(wildcard app/lanes/*/*.h)
	@mkdir -p $(@D)
	$(call quiet,CC $@)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -Iapp/lanes $(INCLUDES) -O2 -g -fPIC -shared \
		-pthread -o $@ $< -ldw

# Services on the library.
EXAMPLES := $(OBJ)/orders
$(OBJ)/orders: $(call object,$(wildcard app/examples/*.c)) $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(LINK) $(WARNINGS) -o $@ $^ $(LIBS)

examples: $(EXAMPLES) ## builds the services of app/examples: build/orders

include tests/programs.mk

$(OBJ)/%.o: %.c $(OBJ)/flags
	@mkdir -p $(@D)
	$(call quiet,CC $<)$(COMPILE) -MMD -MP -c -o $@ $<

# Migrations (client/migrate.h): jobs.sql becomes jobs_sql[], a text for each "-- version N", with which
# it begins.
$(OBJ)/%.sql.o: %.sql $(OBJ)/flags
	@mkdir -p $(@D)
	@{ echo '#include "client/migrate.h"'; echo 'const struct migration $(basename $(<F))_sql[] = {'; \
		sed -e '1s/^-- version \([0-9]*\).*/{\1,/;t' -e 's/^-- version \([0-9]*\).*/}, {\1,/;t' \
		-e 's/[\\"?]/\\&/g' -e 's/.*/"&\\n"/' $<; echo '}, {0}};'; } >$(@:.o=.c)
	$(call quiet,CC $<)$(COMPILE) -MMD -MP -c -o $@ $(@:.o=.c)

# Changes when the compiler or its options do: objects made by others are then made again.
$(OBJ)/flags: FORCE
	@[ "$$(echo __SIZEOF_POINTER__ | $(CC) $(CFLAGS) -E -P - 2>/dev/null)" != 4 ] || \
		{ echo 'Lanes needs a 64-bit machine' >&2; exit 1; }
	@mkdir -p $(@D)
	@printf '%s\n' '$(COMPILE)' '$(LINK)' | cmp -s - $@ || printf '%s\n' '$(COMPILE)' '$(LINK)' >$@

-include $(shell find $(OBJ)/app $(OBJ)/tests -name '*.d' 2>/dev/null)

FORCE:
.DELETE_ON_ERROR:
# Every target with a help line, and:
.PHONY: $(shell sed -n 's/^\([a-z-]*\):[^\#]*\#\#.*/\1/p' $(firstword $(MAKEFILE_LIST)))
.PHONY: unit integration conformance faults fronts hosts containers packages fuzzers dev-build FORCE
