/*
 * Lines of the source: the programs of .debug_line (DWARF 4 and 5, 6.2), run once from the first to
 * the last, for all addresses that are asked. Whatever is in the file, nothing beyond its parts is
 * read.
 */
#include <stdio.h>
#include <string.h>

#include "engine/doctor_source.h"

enum { FORMATS = 16, NAMES = 4096, OPCODES = 256 };

/* What is left to read. Beyond its end there are zeros, and it is broken. */
struct line_reader {
	const uint8_t *at, *end;
	bool broken;
};

/* A file, or a folder: the text's place, and the folder's number. */
struct line_name {
	const char *text;
	uint64_t folder;
};

struct line_names {
	struct line_name list[NAMES];
	size_t count;
};

struct unit {
	struct line_reader code;
	struct source_part texts, line_texts;
	unsigned version;
	size_t offset_size;
	uint8_t instruction, line_range, opcode_base;
	int8_t line_base;
	uint8_t lengths[OPCODES];
	struct line_names *folders, *files;
};

/* What is known of one that is asked, in the sequence that is run. */
struct candidate {
	uint64_t file; /* that its function begins in; 0, before 5: none yet */
	unsigned line;
	bool has_file;
	bool begun; /* by a row exactly where it begins */
};

struct line_row {
	uint64_t address, file;
	unsigned line;
};

/* ---- reading ---- */

static uint64_t fixed(struct line_reader *from, size_t size)
{
	uint64_t value = 0;

	if ((size_t)(from->end - from->at) < size) {
		from->broken = true;
		from->at = from->end;
		return 0;
	}
	for (size_t i = 0; i < size && i < 8; i++)
		value |= (uint64_t)from->at[i] << 8 * i;
	from->at += size;
	return value;
}

static uint64_t leb(struct line_reader *from, bool is_signed)
{
	uint64_t value = 0;
	uint64_t byte;
	unsigned shift = 0;

	do {
		byte = fixed(from, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && shift < 64 && byte & 0x40)
		value |= ~UINT64_C(0) << shift;
	return value;
}

static const char *text(struct line_reader *from)
{
	const char *begin = (const char *)from->at;
	const uint8_t *end = memchr(from->at, 0, (size_t)(from->end - from->at));

	if (!end) {
		from->broken = true;
		return "";
	}
	from->at = end + 1;
	return begin;
}

static const char *text_in(const struct source_part *part, uint64_t at)
{
	struct line_reader from = {part->begin, part->end, false};

	if (!part->begin || at >= (uint64_t)(part->end - part->begin))
		return "";
	from.at += at;
	return text(&from);
}

/* ---- heads ---- */

static void add(struct line_names *names, const char *of, uint64_t folder)
{
	if (names->count < NAMES)
		names->list[names->count++] = (struct line_name){of, folder};
}

/* A value of one of DWARF's forms that such tables have. */
static uint64_t value_of(struct unit *unit, struct line_reader *from, uint64_t form,
			 const char **of)
{
	enum { BLOCK = 0x09, STRING = 0x08, STRP = 0x0e, LINE_STRP = 0x1f, UDATA = 0x0f };
	enum { DATA1 = 0x0b, DATA2 = 0x05, DATA4 = 0x06, DATA8 = 0x07, DATA16 = 0x1e };

	switch (form) {
	case STRING:
		*of = text(from);
		return 0;
	case STRP:
		*of = text_in(&unit->texts, fixed(from, unit->offset_size));
		return 0;
	case LINE_STRP:
		*of = text_in(&unit->line_texts, fixed(from, unit->offset_size));
		return 0;
	case UDATA:
		return leb(from, false);
	case DATA1:
		return fixed(from, 1);
	case DATA2:
		return fixed(from, 2);
	case DATA4:
		return fixed(from, 4);
	case DATA8:
		return fixed(from, 8);
	case DATA16:
		return fixed(from, 16);
	case BLOCK:
		return fixed(from, leb(from, false));
	default:
		from->broken = true;
		return 0;
	}
}

/* Of version 5. */
static void read_names(struct unit *unit, struct line_reader *from, struct line_names *names)
{
	enum { PATH = 1, FOLDER = 2 };
	uint64_t formats[FORMATS][2];
	uint64_t format_count = fixed(from, 1);
	uint64_t count;

	if (format_count > FORMATS)
		from->broken = true;
	for (uint64_t i = 0; i < format_count && !from->broken; i++) {
		formats[i][0] = leb(from, false);
		formats[i][1] = leb(from, false);
	}
	count = leb(from, false);
	for (uint64_t n = 0; n < count && !from->broken; n++) {
		const char *path = "";
		uint64_t folder = 0;

		for (uint64_t i = 0; i < format_count; i++) {
			const char *of = "";
			uint64_t value = value_of(unit, from, formats[i][1], &of);

			if (formats[i][0] == PATH)
				path = of;
			if (formats[i][0] == FOLDER)
				folder = value;
		}
		add(names, path, folder);
	}
}

/* Of version 4: number 0 is not among them. */
static void read_old_names(struct unit *unit, struct line_reader *from)
{
	const char *of;

	add(unit->folders, "", 0);
	while (!from->broken && *(of = text(from)))
		add(unit->folders, of, 0);
	add(unit->files, "", 0);
	while (!from->broken && *(of = text(from))) {
		add(unit->files, of, leb(from, false));
		leb(from, false);
		leb(from, false);
	}
}

/* The next unit, and its head. False: it is none that we know. *from is behind it. */
static bool read_head(struct line_reader *from, struct unit *unit)
{
	uint64_t len = fixed(from, 4);
	struct line_reader own;
	uint64_t head;

	unit->offset_size = len == UINT32_MAX ? 8 : 4;
	if (len == UINT32_MAX)
		len = fixed(from, 8);
	own = (struct line_reader){from->at, from->end, len > (uint64_t)(from->end - from->at)};
	if (own.broken) {
		from->at = from->end;
		return false;
	}
	own.end = from->at += len;
	unit->version = (unsigned)fixed(&own, 2);
	if (unit->version < 4 || unit->version > 5)
		return false;
	if (unit->version == 5)
		fixed(&own, 2); /* sizes of an address, and of a segment's number */
	head = fixed(&own, unit->offset_size);
	if (head > (uint64_t)(own.end - own.at))
		return false;
	unit->code = (struct line_reader){own.at + head, own.end, false};
	own.end = own.at + head;
	unit->instruction = (uint8_t)fixed(&own, 1);
	fixed(&own, 2); /* operations of an instruction, and what is a statement at first */
	unit->line_base = (int8_t)fixed(&own, 1);
	unit->line_range = (uint8_t)fixed(&own, 1);
	unit->opcode_base = (uint8_t)fixed(&own, 1);
	for (unsigned i = 1; i < unit->opcode_base; i++)
		unit->lengths[i] = (uint8_t)fixed(&own, 1);
	unit->folders->count = unit->files->count = 0;
	if (unit->version == 5) {
		read_names(unit, &own, unit->folders);
		read_names(unit, &own, unit->files);
	} else {
		read_old_names(unit, &own);
	}
	return !own.broken && unit->line_range && unit->opcode_base;
}

/* ---- what is found ---- */

/* As the compiler was given it, where that is known: "app/main.c". */
static void path_of(const struct unit *unit, uint64_t file, char to[SOURCE_TEXT])
{
	const struct line_name *name = file < unit->files->count ? &unit->files->list[file] : NULL;
	const char *base =
		unit->version == 5 && unit->folders->count ? unit->folders->list[0].text : "";
	const char *folder = name && name->folder && name->folder < unit->folders->count
				     ? unit->folders->list[name->folder].text
				     : "";
	size_t len = strlen(base);

	if (!name)
		return;
	if (len && !strncmp(folder, base, len) && (folder[len] == '/' || !folder[len]))
		folder += len + (folder[len] == '/');
	if (name->text[0] == '/' || !*folder)
		snprintf(to, SOURCE_TEXT, "%s", name->text);
	else
		snprintf(to, SOURCE_TEXT, "%s/%s", folder, name->text);
	if (len && !strncmp(to, base, len) && to[len] == '/')
		memmove(to, to + len + 1, strlen(to + len + 1) + 1);
	while (!strncmp(to, "./", 2))
		memmove(to, to + 2, strlen(to + 2) + 1);
}

/* The function's file is that of its first row. Behind what was put into it from others (a header,
 * a small function of another file), the line is the last of its own. */
static void take_row(const struct line_row *row, const struct source *asked, struct candidate *of)
{
	if (row->address > asked->at)
		return;
	if (row->address <= asked->function && !of->begun) {
		of->file = row->file;
		of->has_file = true;
		of->begun = row->address == asked->function;
		of->line = row->line;
	} else if (row->address >= asked->function && of->has_file && row->file == of->file &&
		   row->line) {
		of->line = row->line;
	}
}

struct search {
	struct source *list;
	size_t count;
	struct candidate candidates[SOURCE_ASKED];
	uint64_t low; /* where the sequence began */
	bool begun;
	bool found;
};

static void on_row(struct search *search, const struct line_row *row)
{
	if (!search->begun)
		search->low = row->address;
	search->begun = true;
	for (size_t i = 0; i < search->count; i++)
		take_row(row, &search->list[i], &search->candidates[i]);
}

static void on_end(struct search *search, const struct unit *unit, uint64_t end)
{
	for (size_t i = 0; i < search->count; i++) {
		struct source *asked = &search->list[i];
		const struct candidate *of = &search->candidates[i];

		if (!search->begun || !search->low || asked->at < search->low || asked->at >= end ||
		    !of->has_file)
			continue;
		path_of(unit, of->file, asked->file);
		asked->line = of->line;
		search->found = true;
	}
	memset(search->candidates, 0, sizeof(search->candidates));
	search->begun = false;
}

/* ---- code ---- */

static void run_extended(struct unit *unit, struct line_row *row, struct search *search)
{
	enum { END_SEQUENCE = 1, SET_ADDRESS = 2 };
	struct line_reader *code = &unit->code;
	uint64_t len = leb(code, false);
	struct line_reader own = {code->at, code->end, len > (uint64_t)(code->end - code->at)};
	uint64_t op;

	if (own.broken || !len) {
		code->at = code->end;
		return;
	}
	own.end = code->at += len;
	op = fixed(&own, 1);
	if (op == END_SEQUENCE) {
		on_end(search, unit, row->address);
		*row = (struct line_row){.file = 1, .line = 1};
	} else if (op == SET_ADDRESS) {
		row->address = fixed(&own, (size_t)(own.end - own.at));
	}
}

static void run_standard(struct unit *unit, uint8_t op, struct line_row *row, struct search *search)
{
	struct line_reader *code = &unit->code;

	switch (op) {
	case 0x01: /* DW_LNS_copy */
		on_row(search, row);
		break;
	case 0x02: /* advance_pc */
		row->address += leb(code, false) * unit->instruction;
		break;
	case 0x03: /* advance_line */
		row->line += (unsigned)leb(code, true);
		break;
	case 0x04: /* set_file */
		row->file = leb(code, false);
		break;
	case 0x08: /* const_add_pc */
		row->address += (uint64_t)((255 - unit->opcode_base) / unit->line_range) *
				unit->instruction;
		break;
	case 0x09: /* fixed_advance_pc */
		row->address += fixed(code, 2);
		break;
	default:
		for (unsigned i = 0; i < unit->lengths[op]; i++)
			leb(code, false);
	}
}

static void run(struct unit *unit, struct search *search)
{
	struct line_row row = {.file = 1, .line = 1};

	memset(search->candidates, 0, sizeof(search->candidates));
	search->begun = false;
	while (unit->code.at < unit->code.end) {
		uint8_t op = (uint8_t)fixed(&unit->code, 1);

		if (op >= unit->opcode_base) {
			unsigned by = (unsigned)op - unit->opcode_base;

			row.address += (uint64_t)(by / unit->line_range) * unit->instruction;
			row.line += (unsigned)(unit->line_base + (int)(by % unit->line_range));
			on_row(search, &row);
		} else if (op) {
			run_standard(unit, op, &row, search);
		} else {
			run_extended(unit, &row, search);
		}
	}
}

bool source_lines(const struct source_image *image, struct source *list, size_t count)
{
	static struct line_names folders, files; /* one at a time asks, on one thread */
	struct source_part lines = source_part(image, ".debug_line");
	struct line_reader from = {lines.begin, lines.end, false};
	struct unit unit = {.texts = source_part(image, ".debug_str"),
			    .line_texts = source_part(image, ".debug_line_str"),
			    .folders = &folders,
			    .files = &files};
	struct search search = {.list = list, .count = count < SOURCE_ASKED ? count : SOURCE_ASKED};

	while (from.at < from.end)
		if (read_head(&from, &unit))
			run(&unit, &search);
	return search.found;
}
