#include "engine/doctor_source.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 16 << 20 }; /* beside the files, which are mapped */

static int program_file = -1, symbol_file = -1; /* until libdw has them */
static Dwfl *dwfl;
static size_t room = ROOM; /* that reading may take */

/* ---- the files ---- */

static int note_build_id(struct dl_phdr_info *info, size_t size, void *to)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		const char *at = (const char *)(info->dlpi_addr + part->p_vaddr);
		const char *end = at + part->p_memsz;

		while (part->p_type == PT_NOTE && end - at >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
			const ElfW(Nhdr) *note = (const void *)at;
			const char *name = at + sizeof(*note);
			const char *value = name + ((note->n_namesz + 3) & ~3u);

			at = value + ((note->n_descsz + 3) & ~3u);
			if (note->n_type != NT_GNU_BUILD_ID || strcmp(name, "GNU") != 0 || at > end)
				continue;
			for (unsigned n = 0; n < note->n_descsz && n < 32; n++)
				to = stpcpy(to, n == 1 ? "/" : ""),
				to = (char *)to + sprintf(to, "%02x", (unsigned char)value[n]);
			return 1;
		}
	}
	return 1; /* the program is the first */
}

static int open_to_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat file;

	if (fd >= 0 && !fstat(fd, &file))
		room += (size_t)file.st_size;
	return fd;
}

void source_prepare(void)
{
	char path[128] = "/usr/lib/debug/.build-id/";
	size_t len = strlen(path);

	source_close();
	dl_iterate_phdr(note_build_id, path + len);
	room = ROOM;
	program_file = open_to_read("/proc/self/exe");
	if (!path[len])
		return;
	strcat(path, ".debug");
	symbol_file = open_to_read(path);
}

static int give_symbols(Dwfl_Module *module, void **own, const char *name, Dwarf_Addr base,
			const char *file, const char *link, GElf_Word checksum, char **found)
{
	int given = symbol_file;

	(void)module, (void)own, (void)name, (void)base, (void)file, (void)link, (void)checksum;
	(void)found;
	symbol_file = -1;
	return given;
}

/* libdw ends the process where it gets no memory. */
static bool has_room(void)
{
	void *all = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return all != MAP_FAILED && !munmap(all, room);
}

static uintptr_t where_loaded(void)
{
	return _r_debug.r_map->l_addr; /* the program is the first */
}

static Dwfl_Module *read_program(void)
{
	static const Dwfl_Callbacks callbacks = {.find_debuginfo = give_symbols};

	if (!dwfl && program_file >= 0 && (dwfl = dwfl_begin(&callbacks))) {
		dwfl_report_begin(dwfl);
		if (dwfl_report_elf(dwfl, "", "", program_file, where_loaded(), true))
			program_file = -1;
		dwfl_report_end(dwfl, NULL, NULL);
	}
	return dwfl ? dwfl_addrmodule(dwfl, (uintptr_t)read_program) : NULL;
}

void source_close(void)
{
	dwfl_end(dwfl);
	dwfl = NULL;
	if (program_file >= 0)
		close(program_file);
	if (symbol_file >= 0)
		close(symbol_file);
	program_file = symbol_file = -1;
}

/* ---- what they say ---- */

/* Compilers add to a name what a part of a function is: ".part.0", ".constprop.0". Where the
 * function begins; without a name, where the address is. */
static uintptr_t find_name(Dwfl_Module *module, uintptr_t address, char name[SOURCE_TEXT])
{
	GElf_Off offset;
	GElf_Sym symbol;
	const char *found =
		dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, NULL);

	if (!found || GELF_ST_TYPE(symbol.st_info) != STT_FUNC || offset >= symbol.st_size)
		return address;
	snprintf(name, SOURCE_TEXT, "%.*s", (int)strcspn(found, "."), found);
	return address - offset;
}

/* Not by .debug_aranges, which not every compiler writes. */
static bool find_unit(Dwarf *dwarf, Dwarf_Addr at, Dwarf_Die *die)
{
	Dwarf_CU *unit = NULL;

	while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, die, NULL) == 0)
		if (dwarf_haspc(die, at) == 1)
			return true;
	return false;
}

/* As the compiler was given it, where that is known: "app/main.c". */
static void tell_path(const char *path, Dwarf_Die *unit, char to[SOURCE_TEXT])
{
	Dwarf_Attribute attribute;
	const char *folder = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
	size_t len = folder ? strlen(folder) : 0;

	if (len && !strncmp(path, folder, len) && path[len] == '/')
		path += len + 1;
	while (!strncmp(path, "./", 2))
		path += 2;
	snprintf(to, SOURCE_TEXT, "%s", path);
}

/* Into the child that has the address. (dwarf_getscopes() finds none behind -flto.) */
static bool descend(Dwarf_Die *die, Dwarf_Addr at)
{
	Dwarf_Die child;
	int none = dwarf_child(die, &child);

	while (none == 0 && dwarf_haspc(&child, at) != 1)
		none = dwarf_siblingof(&child, &child);
	if (none == 0)
		*die = child;
	return none == 0;
}

/* The line that calls what was put into a function of this file from another file (a header, a
 * small function). 0: it is not known. */
static int find_call(const Dwarf_Die *unit, Dwarf_Addr at, const char *own)
{
	Dwarf_Die die = *unit;
	Dwarf_Files *files;
	Dwarf_Word line = 0;

	if (dwarf_getsrcfiles(&die, &files, NULL))
		return 0;
	while (descend(&die, at)) {
		Dwarf_Attribute attribute;
		Dwarf_Word file;
		const char *path;

		if (dwarf_tag(&die) != DW_TAG_inlined_subroutine ||
		    dwarf_formudata(dwarf_attr(&die, DW_AT_call_file, &attribute), &file))
			continue;
		path = dwarf_filesrc(files, file, NULL, NULL);
		if (path && !strcmp(path, own))
			dwarf_formudata(dwarf_attr(&die, DW_AT_call_line, &attribute), &line);
	}
	return (int)line;
}

/* The function's file is that of its first row. In what was put into it from other files, the line
 * is that of the call, or else the last of its own. */
static const char *find_line(Dwarf_Die *unit, Dwarf_Addr function, Dwarf_Addr at, int *line)
{
	Dwarf_Lines *lines;
	size_t count;
	const char *own = NULL;
	bool begun = false; /* by a row exactly where it begins */
	bool inside = true; /* its own file */
	int call;

	if (dwarf_getsrclines(unit, &lines, &count))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		Dwarf_Line *row = dwarf_onesrcline(lines, i);
		Dwarf_Addr address;
		const char *file;
		bool ends;
		int number;

		if (dwarf_lineaddr(row, &address) || address > at)
			break;
		if (dwarf_lineendsequence(row, &ends) || dwarf_lineno(row, &number) ||
		    !(file = dwarf_linesrc(row, NULL, NULL)))
			continue;
		if (ends) {
			own = NULL;
		} else if (address <= function && !begun) {
			own = file;
			begun = address == function;
			*line = number;
		} else if (own && number) {
			inside = !strcmp(file, own);
			if (inside)
				*line = number;
		}
	}
	if (own && !inside && (call = find_call(unit, at, own)) != 0)
		*line = call;
	return own;
}

static const char *find(Dwfl_Module *module, uintptr_t address, struct source *source)
{
	uintptr_t function = find_name(module, address, source->name);
	const char *path = NULL;
	Dwarf_Addr bias;
	Dwarf *dwarf = dwfl_module_getdwarf(module, &bias);
	Dwarf_Die unit;

	if (!dwarf)
		return dwfl_errmsg(-1);
	if (find_unit(dwarf, address - bias, &unit))
		path = find_line(&unit, function - bias, address - bias, &source->line);
	if (path)
		tell_path(path, &unit, source->file);
	return path ? NULL : "its file says nothing of this line";
}

void source_find(uintptr_t address, struct source *source)
{
	Dwfl_Module *module;

	*source = (struct source){.at = address - where_loaded(), .lack = "memory is short"};
	if (!has_room())
		return;
	module = read_program();
	source->lack = module ? find(module, address, source) : "the program's file cannot be read";
}
