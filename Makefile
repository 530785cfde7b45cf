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
CFLAGS    ?= -O2 -g
# FORTIFY needs an optimizer, and would hide from a sanitizer what it is to see.
# Level 3 also knows sizes that are computed at run time; libc warns where the compiler does not.
FORTIFY   := $(if $(SAN),,$(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-D_FORTIFY_SOURCE=$(shell \
	     echo '\#include <features.h>' | $(CC) -O2 -D_FORTIFY_SOURCE=3 -Werror -E - \
	     >/dev/null 2>&1 && echo 3 || echo 2)))
PACKAGES  := libuv json-c
COMPILE   := $(CC) -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Iapp -pthread -fPIE \
	     -fstack-protector-strong $(FORTIFY) $(shell pkg-config --cflags $(PACKAGES) 2>&1) \
	     $(SAN) $(CPPFLAGS) $(CFLAGS)
LINK      := $(CC) -pie -Wl,-z,relro,-z,now $(SAN) $(CFLAGS) $(LDFLAGS)
LIBS      := $(shell pkg-config --libs $(PACKAGES) 2>&1) -lfcgi -lm -pthread $(LDLIBS)

APP_SOURCES  := $(filter-out app/main.c,$(wildcard app/*.c app/*/*.c))
UNIT_SOURCES := $(wildcard tests/*.c tests/unit/*.c)
INTEGRATION_SOURCES := $(wildcard tests/*.c tests/integration/*.c) tests/unit/stream.c
CONFORMANCE_SOURCES := $(filter-out %/agree.c,$(wildcard tests/conformance/*.c)) \
		       tests/unit/stream.c app/buffer.c
AGREE_SOURCES := tests/conformance/agree.c tests/conformance/peer.c tests/conformance/dump.c \
		 tests/unit/stream.c app/buffer.c
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
# The two programs of tests/contrast share what is not one of them.
CONTRAST_MAINS   := tests/contrast/contrast.c tests/contrast/exercises.c
CONTRAST_SOURCES := $(filter-out $(CONTRAST_MAINS),$(wildcard tests/contrast/*.c)) \
		    $(addprefix tests/integration/,process.c system.c volley.c)
# tests/unit/memory.c lets allocations fail.
MEMORY_HOOKS := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
object = $(patsubst %.c,$(OBJ)/%.o,$(1))
quiet  = $(if $(V),,@echo '  $(1)';)

export PROGRAM ?= $(OBJ)/lanes

all: $(OBJ)/lanes ## builds build/lanes

run: ## installs what is missing, builds, and serves in the foreground; Ctrl-C stops it
	@spawn/deps.sh run && $(MAKE) --no-print-directory all && exec spawn/run.sh

start: ## the same in the background
	@spawn/deps.sh run && $(MAKE) --no-print-directory all && exec spawn/start.sh

stop: ## stops what start started
	@spawn/stop.sh

status: ## shows what runs
	@spawn/status.sh

top: ## shows the running system live in the terminal; q ends it
	@spawn/top.sh

scale: ## changes the number of loop workers of the running system to WORKERS=n
	@spawn/scale.sh

restart: ## replaces every worker of the running system, one after the other
	@$(MAKE) --no-print-directory all && exec spawn/restart.sh

test: ## installs what tests need, builds, and runs all of them
	@spawn/deps.sh test && $(MAKE) --no-print-directory all unit integration conformance && exec tests/run

fuzz: ## feeds random input to what parses, DURATION=60 seconds for each target
	@spawn/deps.sh fuzz && $(MAKE) --no-print-directory CC=clang CFLAGS='-O1 -g' \
		SANITIZER=fuzzer,address,undefined fuzzers && \
		exec tests/fuzz/run $(BUILD)/fuzzer-address-undefined $(DURATION)

contrast: ## processes against loop: CLIENTS=48 DURATION=0.25 WORKERS="1 4"
	@spawn/deps.sh test && $(MAKE) --no-print-directory all $(OBJ)/tests/contrast/contrast && \
		exec $(OBJ)/tests/contrast/contrast

exercises: ## the guide's exercises and the prefork trap, run for real
	@spawn/deps.sh test && $(MAKE) --no-print-directory all $(OBJ)/tests/contrast/exercises && \
		exec $(OBJ)/tests/contrast/exercises

test-browser: ## clicks through the page in a real browser, with what that needs from Debian and npm
	@spawn/deps.sh browser && $(MAKE) --no-print-directory all && exec tests/browser/run

check-deps: ## installs what the checks need
	@spawn/deps.sh check

clean: ## removes what was built
	@rm -rf $(BUILD)

help: ## lists these
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

unit: $(OBJ)/unit
conformance: $(OBJ)/conformance $(OBJ)/agree
fuzzers: $(patsubst tests/fuzz/%.c,$(OBJ)/%,$(FUZZ_SOURCES))
integration: $(OBJ)/integration

$(OBJ)/lanes: $(OBJ)/app/main.o $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/liblanes.a: $(call object,$(APP_SOURCES))
	$(call quiet,AR $@)rm -f $@ && ar rcs $@ $^

$(OBJ)/unit: $(call object,$(UNIT_SOURCES)) $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(MEMORY_HOOKS) $(LIBS) -lcunit

$(OBJ)/integration: $(call object,$(INTEGRATION_SOURCES)) $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS) -lcunit -lcurl

$(OBJ)/conformance: $(call object,$(CONFORMANCE_SOURCES))
	$(call quiet,LD $@)$(LINK) -o $@ $^

$(OBJ)/agree: $(call object,$(AGREE_SOURCES))
	$(call quiet,LD $@)$(LINK) -o $@ $^

$(OBJ)/fuzz_%: $(OBJ)/tests/fuzz/fuzz_%.o $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(CONTRAST_MAINS:%.c=$(OBJ)/%): %: %.o $(call object,$(CONTRAST_SOURCES))
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS) -lcurl

$(OBJ)/%.o: %.c $(OBJ)/flags
	@mkdir -p $(@D)
	$(call quiet,CC $<)$(COMPILE) -MMD -MP -c -o $@ $<

# Changes when the compiler or its options do: objects made by others are then made again.
$(OBJ)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(COMPILE)' '$(LINK)' | cmp -s - $@ || printf '%s\n' '$(COMPILE)' '$(LINK)' >$@

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)

FORCE:
.DELETE_ON_ERROR:
# Every target with a help line, and:
.PHONY: $(shell sed -n 's/^\([a-z-]*\):[^\#]*\#\#.*/\1/p' $(firstword $(MAKEFILE_LIST)))
.PHONY: unit integration conformance fuzzers FORCE
