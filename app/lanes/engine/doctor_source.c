#include "engine/doctor_source.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ROOM = 16 << 20, /* of memory, and … */
	TIMES = 12,	 /* … so much of a file: it is mapped, and what is read of it is larger */
	DEPTH = 16,	 /* of functions in functions */
	PIECE = 120 << 10, /* bytes: glibc has these in its heap, not in maps of their own */
	PIECES = 64,
};

static const char SAYS_NOTHING[] = "its file says nothing of this line";

static int program_file = -1, symbol_file = -1; /* until libdw has them */
static Dwfl *dwfl;
static size_t room = ROOM; /* that reading may take */

/* ---- the files ---- */

static int note_build_id(struct dl_phdr_info *info, size_t size, void *to)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): the linker has it so */
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
		room += (size_t)file.st_size * TIMES;
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
	memcpy(path + strlen(path), ".debug", sizeof(".debug"));
	symbol_file = open_to_read(path);
}

/* What libdw has read it closes, too. */
static int second(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static int give_symbols(Dwfl_Module *module, void **own, const char *name, Dwarf_Addr base,
			const char *file, const char *link, GElf_Word checksum, char **found)
{
	(void)module, (void)own, (void)name, (void)base, (void)file, (void)link, (void)checksum;
	(void)found;
	return second(symbol_file);
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
		int fd = second(program_file);

		dwfl_report_begin(dwfl);
		if (!dwfl_report_elf(dwfl, "", "", fd, where_loaded(), true) && fd >= 0)
			close(fd);
		dwfl_report_end(dwfl, NULL, NULL);
	}
	return dwfl ? dwfl_addrmodule(dwfl, (uintptr_t)read_program) : NULL;
}

/* Of the end of a thread's own heap malloc_trim() gives nothing back, and free() only when that has
 * become larger than twice the largest block that was ever freed: so it is made to. */
static void give_back(void)
{
	void *pieces[PIECES];

	for (int i = 0; i < PIECES; i++)
		pieces[i] = malloc(PIECE);
	for (int i = 0; i < PIECES; i++)
		free(pieces[i]);
	malloc_trim(0);
}

void source_forget(void)
{
	if (!dwfl)
		return;
	dwfl_end(dwfl);
	dwfl = NULL;
	give_back();
}

void source_close(void)
{
	source_forget();
	if (program_file >= 0)
		close(program_file);
	if (symbol_file >= 0)
		close(symbol_file);
	program_file = symbol_file = -1;
}

/* ---- what they say ---- */

/* Compilers add to a name what a part of a function is: ".part.0", ".constprop.0". */
static void find_name(Dwfl_Module *module, uintptr_t address, char name[SOURCE_TEXT])
{
	GElf_Off offset;
	GElf_Sym symbol;
	const char *found =
		dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, NULL);

	if (found && GELF_ST_TYPE(symbol.st_info) == STT_FUNC && offset < symbol.st_size)
		snprintf(name, SOURCE_TEXT, "%.*s", (int)strcspn(found, "."), found);
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

/* ---- functions within functions ---- */

/* Into the part of it that has the address. (dwarf_getscopes() finds none behind -flto.) */
static bool descend(Dwarf_Die *die, Dwarf_Addr at)
{
	Dwarf_Die child;
	int none = dwarf_child(die, &child);

	for (; none == 0; none = dwarf_siblingof(&child, &child)) {
		int tag = dwarf_tag(&child);

		if ((tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine ||
		     tag == DW_TAG_lexical_block) &&
		    dwarf_haspc(&child, at) == 1)
			break;
	}
	if (none == 0)
		*die = child;
	return none == 0;
}

/* The function that has the address, and in it those that the compiler has put into the one before.
 * How many. */
static size_t find_functions(const Dwarf_Die *unit, Dwarf_Addr at, Dwarf_Die found[DEPTH])
{
	Dwarf_Die die = *unit;
	size_t count = 0;

	while (count < DEPTH && descend(&die, at))
		if (dwarf_tag(&die) != DW_TAG_lexical_block)
			found[count++] = die;
	return count;
}

static bool is_same(const char *path, const char *other)
{
	return !strcmp(strrchr(path, '/') ? strrchr(path, '/') : path,
		       strrchr(other, '/') ? strrchr(other, '/') : other);
}

/* Where the innermost function is: at the last row that is of its file, as what was a macro, or was
 * forgotten, may be of another. */
static const char *find_line(Dwarf_Die *unit, Dwarf_Die *function, Dwarf_Addr at, int *line)
{
	const char *own = dwarf_decl_file(function);
	const char *path = NULL;
	bool is_own = false;
	Dwarf_Lines *lines;
	size_t count;

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
		if (dwarf_lineendsequence(row, &ends) || ends || dwarf_lineno(row, &number) ||
		    !number || !(file = dwarf_linesrc(row, NULL, NULL)))
			continue;
		if (is_own && !is_same(file, own))
			continue;
		is_own = own && is_same(file, own);
		path = file;
		*line = number;
	}
	return path;
}

/* Where what was put into a function would have been called. */
static const char *find_call(Dwarf_Die *unit, Dwarf_Die *inlined, int *line)
{
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	Dwarf_Word file;
	Dwarf_Word number;

	if (dwarf_getsrcfiles(unit, &files, NULL) ||
	    dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &file) ||
	    dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &number))
		return NULL;
	*line = (int)number;
	return dwarf_filesrc(files, file, NULL, NULL);
}

/* Innermost first. */
static size_t find_places(Dwarf_Die *unit, Dwarf_Addr at, struct source *list, size_t most)
{
	Dwarf_Die functions[DEPTH];
	size_t count = find_functions(unit, at, functions);
	size_t found = 0;

	for (size_t i = count; i > 0 && found < most; i--, found++) {
		struct source *source = &list[found];
		Dwarf_Die *function = &functions[i - 1];
		const char *name = dwarf_diename(function);
		const char *path = i == count ? find_line(unit, function, at, &source->line)
					      : find_call(unit, function + 1, &source->line);

		if (found)
			*source = (struct source){.at = list->at, .line = source->line};
		if (name)
			snprintf(source->name, SOURCE_TEXT, "%s", name);
		if (path)
			tell_path(path, unit, source->file);
		source->lack = path ? NULL : SAYS_NOTHING;
	}
	return found;
}

size_t source_find(uintptr_t address, struct source *list, size_t most)
{
	Dwfl_Module *module;
	Dwarf_Addr bias;
	Dwarf *dwarf;
	Dwarf_Die unit;
	size_t found;

	*list = (struct source){.at = address - where_loaded(), .lack = "memory is short"};
	if (!has_room())
		return 1;
	list->lack = "the program's file cannot be read";
	module = read_program();
	if (!module)
		return 1;
	find_name(module, address, list->name);
	dwarf = dwfl_module_getdwarf(module, &bias);
	list->lack = dwarf ? SAYS_NOTHING : dwfl_errmsg(-1);
	if (!dwarf || !find_unit(dwarf, address - bias, &unit))
		return 1;
	found = find_places(&unit, address - bias, list, most);
	return found ? found : 1;
}
