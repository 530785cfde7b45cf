# Lanes. `make help` lists what there is.

comma    := ,
CC       ?= gcc
BUILD    ?= build
# address, undefined, thread or address,undefined: builds into a folder of its own.
SANITIZER ?=
ifneq ($(SANITIZER),)
OBJ      := $(BUILD)/$(subst $(comma),-,$(SANITIZER))
SAN      := -fsanitize=$(SANITIZER) -fno-sanitize-recover=all -fno-omit-frame-pointer
else
OBJ      := $(BUILD)
SAN      :=
endif

PACKAGES := libuv json-c
CFLAGS   ?= -O2 -g
CFLAGS   += -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Iapp -pthread $(SAN)
CFLAGS   += -fPIE -fstack-protector-strong $(if $(SAN),,-D_FORTIFY_SOURCE=2)
CFLAGS   += $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LDFLAGS  += -pie -Wl,-z,relro,-z,now $(SAN)
LDLIBS   += $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lfcgi -lm -pthread

APP_SOURCES  := $(filter-out app/main.c,$(wildcard app/*.c app/*/*.c))
UNIT_SOURCES := $(wildcard tests/*.c tests/unit/*.c)
INTEGRATION_SOURCES := $(wildcard tests/*.c tests/integration/*.c)
# tests/unit/memory.c lets allocations fail.
MEMORY_HOOKS := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
object = $(patsubst %.c,$(OBJ)/%.o,$(1))

all: $(OBJ)/lanes

$(OBJ)/lanes: $(OBJ)/app/main.o $(OBJ)/liblanes.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OBJ)/liblanes.a: $(call object,$(APP_SOURCES))
	rm -f $@ && ar rcs $@ $^

$(OBJ)/unit: $(call object,$(UNIT_SOURCES)) $(OBJ)/liblanes.a
	$(CC) $(LDFLAGS) $(MEMORY_HOOKS) -o $@ $^ $(LDLIBS) -lcunit

$(OBJ)/integration: $(call object,$(INTEGRATION_SOURCES))
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcunit -lcurl

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all
