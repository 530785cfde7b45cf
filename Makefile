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
FORTIFY   := $(if $(SAN),,$(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-D_FORTIFY_SOURCE=2))
PACKAGES  := libuv json-c
COMPILE   := $(CC) -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Iapp -pthread -fPIE \
	     -fstack-protector-strong $(FORTIFY) $(shell pkg-config --cflags $(PACKAGES) 2>&1) \
	     $(SAN) $(CPPFLAGS) $(CFLAGS)
LINK      := $(CC) -pie -Wl,-z,relro,-z,now $(SAN) $(CFLAGS) $(LDFLAGS)
LIBS      := $(shell pkg-config --libs $(PACKAGES) 2>&1) -lfcgi -lm -pthread $(LDLIBS)

APP_SOURCES  := $(filter-out app/main.c,$(wildcard app/*.c app/*/*.c))
UNIT_SOURCES := $(wildcard tests/*.c tests/unit/*.c)
INTEGRATION_SOURCES := $(wildcard tests/*.c tests/integration/*.c) tests/unit/stream.c
# tests/unit/memory.c lets allocations fail.
BENCH_SOURCES := $(wildcard tests/bench/*.c)
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

scale: ## changes the number of loop workers of the running system to WORKERS=n
	@spawn/scale.sh

restart: ## replaces every worker of the running system, one after the other
	@$(MAKE) --no-print-directory all && exec spawn/restart.sh

test: ## installs what tests need, builds, and runs unit and integration tests
	@spawn/deps.sh test && $(MAKE) --no-print-directory all unit integration && exec tests/run

instructions: all $(OBJ)/loadgen ## counts a request's instructions; fails when they grew by over 3 %
	@tests/bench/instructions

BENCH_PROGRAMS := $(addprefix $(OBJ)/,benchmark loadgen null-responder libfcgi-app)

bench: ## performance against peers and ceilings, into build/bench: ROUNDS=5 DURATION=1 ONLY="http"
	@spawn/deps.sh bench && $(MAKE) --no-print-directory all $(BENCH_PROGRAMS) && \
		$(OBJ)/benchmark && tests/bench/syscalls >>$(BUILD)/bench/results.md && \
		echo "the page: $(BUILD)/bench/results.md"

check-deps: ## installs what the checks need
	@spawn/deps.sh check

clean: ## removes what was built
	@rm -rf $(BUILD)

help: ## lists these
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

unit: $(OBJ)/unit
integration: $(OBJ)/integration

$(OBJ)/lanes: $(OBJ)/app/main.o $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/liblanes.a: $(call object,$(APP_SOURCES))
	$(call quiet,AR $@)rm -f $@ && ar rcs $@ $^

$(OBJ)/unit: $(call object,$(UNIT_SOURCES)) $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(MEMORY_HOOKS) $(LIBS) -lcunit

$(OBJ)/integration: $(call object,$(INTEGRATION_SOURCES)) $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS) -lcunit -lcurl

bench_objects = $(patsubst %,$(OBJ)/tests/bench/%.o,$(1))

$(OBJ)/loadgen: $(call bench_objects,loadgen load wire) $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/benchmark: $(call bench_objects,bench contenders workloads usage report plot)
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/libfcgi-app: $(call bench_objects,libfcgi_app)
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/null-responder: $(call bench_objects,null_responder) $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/%.o: %.c $(OBJ)/flags
	@mkdir -p $(@D)
	$(call quiet,CC $<)$(COMPILE) -MMD -MP -c -o $@ $<

# Changes when the compiler or its options do: objects made by others are then made again.
$(OBJ)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(COMPILE)' '$(LINK)' | cmp -s - $@ || printf '%s\n' '$(COMPILE)' '$(LINK)' >$@

-include $(patsubst %.c,$(OBJ)/%.d,app/main.c $(APP_SOURCES) $(sort $(UNIT_SOURCES) $(INTEGRATION_SOURCES)) $(BENCH_SOURCES))

FORCE:
.DELETE_ON_ERROR:
.PHONY: all run start stop status scale restart test check-deps clean help unit integration instructions bench FORCE
