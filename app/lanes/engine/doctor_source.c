#include "engine/doctor_source.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROGRAM, SYMBOLS, FILES };

static int files[FILES] = {-1, -1};

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

void source_prepare(void)
{
	char path[128] = "/usr/lib/debug/.build-id/";
	size_t len = strlen(path);

	source_close();
	dl_iterate_phdr(note_build_id, path + len);
	files[PROGRAM] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (!path[len])
		return;
	strcat(path, ".debug");
	files[SYMBOLS] = open(path, O_RDONLY | O_CLOEXEC);
}

void source_close(void)
{
	for (int i = 0; i < FILES; i++) {
		if (files[i] >= 0)
			close(files[i]);
		files[i] = -1;
	}
}

static bool map(int fd, struct source_image *image)
{
	struct stat file;
	void *bytes;

	if (fd < 0 || fstat(fd, &file) || file.st_size < (off_t)sizeof(Elf64_Ehdr))
		return false;
	bytes = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return false;
	*image = (struct source_image){bytes, (size_t)file.st_size};
	return true;
}

bool source_find(struct source *list, size_t count)
{
	bool found = false;

	for (size_t i = 0; i < count; i++)
		list[i].name[0] = list[i].file[0] = '\0';
	for (int i = 0; i < FILES && !found; i++) {
		struct source_image image;

		if (!map(files[i], &image))
			continue;
		found = source_symbols(&image, list, count);
		found = source_lines(&image, list, count) || found;
		munmap((void *)image.bytes, image.size);
	}
	return found;
}

/* ---- sections ---- */

static bool is_within(const struct source_image *image, uint64_t at, uint64_t size)
{
	return at <= image->size && size <= image->size - at;
}

static const Elf64_Shdr *section(const struct source_image *image, unsigned number)
{
	const Elf64_Ehdr *head = (const void *)image->bytes;

	if (number >= head->e_shnum || head->e_shentsize != sizeof(Elf64_Shdr) ||
	    head->e_shoff % _Alignof(Elf64_Shdr) ||
	    !is_within(image, head->e_shoff, (uint64_t)head->e_shnum * sizeof(Elf64_Shdr)))
		return NULL;
	return (const Elf64_Shdr *)(image->bytes + head->e_shoff) + number;
}

/* It has an end within its part, or it is "". */
static const char *text_at(const struct source_part *part, uint64_t at)
{
	size_t room = (size_t)(part->end - part->begin);

	if (!part->begin || at >= room || !memchr(part->begin + at, 0, room - at))
		return "";
	return (const char *)part->begin + at;
}

static struct source_part part_of(const struct source_image *image, const Elf64_Shdr *of)
{
	if (!of || of->sh_type == SHT_NOBITS || of->sh_flags & SHF_COMPRESSED ||
	    !is_within(image, of->sh_offset, of->sh_size))
		return (struct source_part){NULL, NULL};
	return (struct source_part){image->bytes + of->sh_offset,
				    image->bytes + of->sh_offset + of->sh_size};
}

struct source_part source_part(const struct source_image *image, const char *name)
{
	const Elf64_Ehdr *head = (const void *)image->bytes;
	struct source_part names;

	if (image->size < sizeof(*head) || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
	    head->e_ident[EI_CLASS] != ELFCLASS64)
		return (struct source_part){NULL, NULL};
	names = part_of(image, section(image, head->e_shstrndx));
	for (unsigned i = 0; i < head->e_shnum && names.begin; i++) {
		const Elf64_Shdr *of = section(image, i);

		if (of && !strcmp(text_at(&names, of->sh_name), name))
			return part_of(image, of);
	}
	return (struct source_part){NULL, NULL};
}

/* Compilers add to a name what a part of a function is: ".part.0", ".constprop.0". */
bool source_symbols(const struct source_image *image, struct source *list, size_t count)
{
	struct source_part symbols = source_part(image, ".symtab");
	struct source_part names = source_part(image, ".strtab");
	size_t most = (size_t)(symbols.end - symbols.begin) / sizeof(Elf64_Sym);
	bool found = false;

	for (size_t s = 0; s < most; s++) {
		Elf64_Sym symbol;

		memcpy(&symbol, symbols.begin + s * sizeof(symbol), sizeof(symbol));
		if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		for (size_t i = 0; i < count; i++) {
			const char *name;

			if (list[i].at < symbol.st_value ||
			    list[i].at - symbol.st_value >= symbol.st_size)
				continue;
			name = text_at(&names, symbol.st_name);
			snprintf(list[i].name, sizeof(list[i].name), "%.*s",
				 (int)strcspn(name, "."), name);
			if (!list[i].function)
				list[i].function = symbol.st_value;
			found = true;
		}
	}
	return found;
}
