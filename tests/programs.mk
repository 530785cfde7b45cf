# The test programs: what each is made of. Included by the Makefile.

UNIT_SOURCES := $(wildcard tests/unit/*.c) $(filter-out %/orders_main.c,$(wildcard app/examples/*.c))
# The suites of the demonstration, which are built where that is, and the programs that they run.
GUIDE_SUITES := $(if $(GUIDE),$(wildcard tests/guide/*.c) \
		$(addprefix tests/demonstrations/,bare.c measurement.c pattern.c table.c terminal.c))
GUIDE_PROGRAMS := $(if $(GUIDE),$(addprefix $(OBJ)/,loadgen benchmark null-responder null-rows null-calls upstream tests/demonstrations/exercises))
INTEGRATION_SOURCES := $(wildcard tests/integration/*.c) $(GUIDE_SUITES)
CONFORMANCE_SOURCES := $(filter-out %/agree.c,$(wildcard tests/conformance/*.c)) app/lanes/base/buffer.c
AGREE_SOURCES := $(addprefix tests/conformance/,agree.c peer.c dump.c) app/lanes/base/buffer.c
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
# The two programs of tests/demonstrations share what is not one of them.
CONTRAST_MAINS   := tests/demonstrations/contrast.c tests/demonstrations/exercises.c
CONTRAST_SOURCES := $(filter-out $(CONTRAST_MAINS),$(wildcard tests/demonstrations/*.c))
# tests/faults/preload.c goes into the worker, the rest is the test program.
FAULTS_SOURCES := $(filter-out tests/faults/preload.c,$(wildcard tests/faults/*.c))
# What the kinds of tests share: each program takes what it uses of it.
SUPPORT := $(OBJ)/support.a
# tests/support/memory.c lets allocations fail.
MEMORY_HOOKS := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc \
		$(addprefix json_object_,new_object new_array new_array_ext new_string new_int \
		object_add array_add to_json_string_length))
# tests/unit/test_pool.c counts who is woken, test_examples.c what is deferred; test_doctor_faults.c gives no thread.
UNIT_HOOKS   := $(addprefix -Wl$(comma)--wrap=,pthread_cond_signal pthread_cond_wait request_defer close pthread_create)
# tests/fuzz/simulated.c stands between the engine and the kernel.
FUZZ_ENGINE_SOURCES := $(addprefix tests/fuzz/,fuzz_engine.c script.c peer.c simulated.c)
SIMULATED    := $(addprefix -Wl$(comma)--wrap=,accept4 send recv clock_nanosleep uv_run \
		pthread_create pthread_join setpriority sigaction log_event conns_sweep exchange_free_spares)

$(SUPPORT): $(call object,$(wildcard tests/support/*.c))
	$(call quiet,AR $@)rm -f $@ && ar rcs $@ $^

$(OBJ)/unit: $(call object,$(UNIT_SOURCES) $(GUIDE)) $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(MEMORY_HOOKS) $(UNIT_HOOKS) $(LIBS) -lcunit

$(OBJ)/integration: $(call object,$(INTEGRATION_SOURCES) $(GUIDE)) $(SUPPORT) $(OBJ)/inside.a | $(GUIDE_PROGRAMS) \
		$(OBJ)/bodies-app $(OBJ)/fetches-app $(OBJ)/routes-app $(OBJ)/jobs-app $(OBJ)/awaits-app $(OBJ)/held-app $(OBJ)/orders \
		$(if $(SAN),,$(OBJ)/blocking-app $(OBJ)/blocking.so $(OBJ)/stores.so)
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS) -lcunit -lcurl

$(OBJ)/conformance: $(call object,$(CONFORMANCE_SOURCES)) $(SUPPORT)
	$(call quiet,LD $@)$(LINK) -o $@ $^ -lcunit

$(OBJ)/agree: $(call object,$(AGREE_SOURCES)) $(SUPPORT)
	$(call quiet,LD $@)$(LINK) -o $@ $^

$(OBJ)/fuzz_engine: $(call object,$(FUZZ_ENGINE_SOURCES)) $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(MEMORY_HOOKS) $(SIMULATED) $(LIBS)

$(OBJ)/fuzz_input: $(OBJ)/tests/fuzz/fuzz_input.o $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/fuzz_%: $(OBJ)/tests/fuzz/fuzz_%.o $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(CONTRAST_MAINS:%.c=$(OBJ)/%): %: %.o $(call object,$(CONTRAST_SOURCES)) $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS) -lcurl

$(OBJ)/faults: $(call object,$(FAULTS_SOURCES)) $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS) -lcunit -lcurl

$(OBJ)/fronts: $(call object,$(wildcard tests/fronts/*.c)) $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS) -lcunit -lcurl

$(OBJ)/cluster: $(call object,$(filter-out %/app.c %/link.c,$(wildcard tests/cluster/*.c))) $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS) -lcunit -lcurl

$(OBJ)/containers: $(call object,$(wildcard tests/containers/*.c)) $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS) -lcunit -lcurl

$(OBJ)/link: $(OBJ)/tests/cluster/link.o
	$(call quiet,LD $@)$(LINK) -o $@ $^

$(OBJ)/packages: $(call object,$(wildcard tests/packages/*.c)) $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS) -lcunit -lcurl

# Never with a sanitizer, nor checked by FORTIFY: it stands in for the C library.
$(OBJ)/preload.so: tests/faults/preload.c tests/faults/preload.h
	@mkdir -p $(@D)
	$(call quiet,CC $@)$(CC) -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O2 -g -fPIC -shared \
		-o $@ $< -ldl

# The same, for tests/bench/lines.
$(OBJ)/stores.so: tests/bench/stores.c
	@mkdir -p $(@D)
	$(call quiet,CC $@)$(CC) -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O2 -g -fPIC -shared -o $@ $< -ldl

# Applications: one whose routes take bodies, one that calls others, one that has very many routes, one with
# jobs, one that calls and asks the database, one whose handlers wait, one whose handlers hold the loop, one that must
# do nothing twice, and one for several hosts.
$(OBJ)/waits-app: $(addprefix $(OBJ)/tests/support/,waits.o machine.o)
$(OBJ)/bodies-app $(OBJ)/fetches-app $(OBJ)/routes-app $(OBJ)/jobs-app $(OBJ)/awaits-app $(OBJ)/waits-app \
		$(OBJ)/once-app $(OBJ)/held-app $(OBJ)/cluster-app: $(OBJ)/%-app: $(OBJ)/tests/%/app.o $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

# As make dev builds a service, and what names its blocking calls. Never with a sanitizer.
$(OBJ)/blocking-app: tests/blocking/app.c $(OBJ)/liblanes.a
	$(call quiet,LD $@)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -Iapp/lanes $(INCLUDES) $(DEV_CFLAGS) \
		$(filter --coverage,$(CFLAGS)) -rdynamic \
		-pthread -o $@ $^ $(LIBS)

bench_objects = $(patsubst %,$(OBJ)/tests/bench/%.o,$(1))

$(OBJ)/loadgen: $(call bench_objects,loadgen) $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/calls: $(call bench_objects,calls) $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/benchmark: $(call bench_objects,bench contenders proxies surroundings equal group workloads usage rounds fields \
		claims report plot) $(SUPPORT) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/libfcgi-app: $(call bench_objects,libfcgi_app)
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/null-responder: $(call bench_objects,null_responder null_front) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/null-rows: $(call bench_objects,null_rows null_front) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/null-calls: $(call bench_objects,null_calls null_front) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/cases-app: $(call bench_objects,cases_app) $(call object,$(GUIDE)) $(OBJ)/inside.a
	$(call quiet,LD $@)$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/model: $(call bench_objects,model)
	$(call quiet,LD $@)$(LINK) -o $@ $^ -lm

$(OBJ)/upstream: $(call bench_objects,upstream)
	$(call quiet,LD $@)$(LINK) -o $@ $^

# Debian's packages are where it puts them; nothing is fetched.
$(OBJ)/peer: tests/bench/peer.go
	$(call quiet,GO $@)GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode GOCACHE=$(abspath $(OBJ))/go go build -o $@ $<

unit: $(OBJ)/unit
conformance: $(OBJ)/conformance $(OBJ)/agree $(OBJ)/waits-app
fuzzers: $(patsubst tests/fuzz/%.c,$(OBJ)/%,$(FUZZ_SOURCES))
integration: $(OBJ)/integration
fronts: $(OBJ)/fronts $(OBJ)/once-app
hosts: $(OBJ)/cluster $(OBJ)/cluster-app $(OBJ)/link
containers: $(OBJ)/containers $(OBJ)/orders
packages: $(OBJ)/packages
faults: $(OBJ)/faults $(OBJ)/preload.so $(OBJ)/jobs-app $(OBJ)/once-app
