/* SPDX-License-Identifier: MIT */
/*
 * Writes the file of a core dump (core.h). It lies in this order: ELF header, program headers, section headers,
 * registers for gdb, names, Xen's notes, contexts, shared info, pages from the next page boundary on, p2m.
 */
#include "core/core.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "public/xen.h"
#include "util/mem.h"
#include "xenctl/xenctl.h"

/* Notes of owner "Xen" in a core dump. */
#define NOTE_NONE		0x2000000
#define NOTE_HEADER		0x2000001
#define NOTE_XEN_VERSION	0x2000002
#define NOTE_FORMAT_VERSION	0x2000003
#define HEADER_MAGIC		0xf00febedULL	/* a PV domain */
#define FORMAT_VERSION		1

enum { SEC_NULL, SEC_NAMES, SEC_NOTE, SEC_PRSTATUS, SEC_SHARED, SEC_PAGES, SEC_P2M, NR_SECTIONS };

static const struct { const char *name; uint32_t type, align; } sections[NR_SECTIONS] = {
	[SEC_NULL] = { "", SHT_NULL, 0 },
	[SEC_NAMES] = { ".shstrtab", SHT_STRTAB, 1 },
	[SEC_NOTE] = { ".note.Xen", SHT_NOTE, 4 },
	[SEC_PRSTATUS] = { ".xen_prstatus", SHT_PROGBITS, 8 },
	[SEC_SHARED] = { ".xen_shared_info", SHT_PROGBITS, 8 },
	[SEC_PAGES] = { ".xen_pages", SHT_PROGBITS, CORE_PAGE },
	[SEC_P2M] = { ".xen_p2m", SHT_PROGBITS, 8 },
};

struct note_header {
	uint64_t magic, nr_vcpus, nr_pages, page_size;
};

struct note_version {
	uint64_t major, minor;
	char extra[16];
	char compiler[64], compile_by[16], compile_domain[32], compile_date[32];
	char capabilities[1024], changeset[64];
	uint64_t virt_start, pagesize;
};

struct xen_note {
	Elf64_Nhdr h;
	char owner[4];
};

struct xen_notes {
	struct xen_note none;
	struct xen_note header;
	struct note_header header_body;
	struct xen_note version;
	struct note_version version_body;
	struct xen_note format;
	uint64_t format_body;
} __attribute__((packed));

/* A vCPU for gdb: a thread. */
struct thread_note {
	Elf64_Nhdr h;
	char owner[8];
	struct elf_prstatus body;
} __attribute__((packed));

void core_map(struct core *c, uint64_t vaddr, uint64_t i, uint32_t flags)
{
	struct core_segment *s = c->nr_segments ? &c->segment[c->nr_segments - 1] : NULL;

	if (s && s->vaddr + s->n * CORE_PAGE == vaddr && s->first + s->n == i && s->flags == flags &&
	    c->page[i].pfn == c->page[i - 1].pfn + 1) {
		s->n++;
		return;
	}
	if (c->nr_segments == CORE_SEGMENTS_MAX) {
		c->truncated = true;
		return;
	}
	if (c->nr_segments == c->max_segments) {
		c->max_segments = c->max_segments ? 2 * c->max_segments : 64;
		c->segment = xreallocarray(c->segment, c->max_segments, sizeof(*c->segment));
	}
	c->segment[c->nr_segments++] = (struct core_segment){ .vaddr = vaddr, .first = i, .n = 1, .flags = flags };
}

void core_free(struct core *c)
{
	free(c->segment);
	c->segment = NULL;
	c->nr_segments = c->max_segments = 0;
}

/* --- where things are --- */

struct layout {
	uint16_t nr_phdrs;
	uint64_t threads, threads_size;
	uint64_t offset[NR_SECTIONS], size[NR_SECTIONS];
};

static uint64_t put_at(uint64_t *end, uint64_t size, uint64_t align)
{
	uint64_t at = (*end + align - 1) / align * align;

	*end = at + size;
	return at;
}

static struct layout layout_of(const struct core *c)
{
	struct layout l = { .nr_phdrs = c->no_segments ? 0 : (uint16_t)(c->nr_segments + 1) };
	uint64_t end = sizeof(Elf64_Ehdr) + l.nr_phdrs * sizeof(Elf64_Phdr) + NR_SECTIONS * sizeof(Elf64_Shdr);

	for (int s = SEC_NAMES; s < NR_SECTIONS; s++)
		l.size[SEC_NAMES] += strlen(sections[s].name) + 1;
	l.size[SEC_NAMES]++;
	l.size[SEC_NOTE] = sizeof(struct xen_notes);
	l.size[SEC_PRSTATUS] = c->nr_vcpus * sizeof(struct vcpu_guest_context);
	l.size[SEC_SHARED] = CORE_PAGE;
	l.size[SEC_P2M] = c->nr_pages * sizeof(struct core_page);
	l.size[SEC_PAGES] = c->nr_pages * CORE_PAGE;
	l.threads_size = c->no_segments ? 0 : c->nr_vcpus * sizeof(struct thread_note);
	l.threads = put_at(&end, l.threads_size, 8);
	for (int s = SEC_NAMES; s < NR_SECTIONS; s++)
		l.offset[s] = put_at(&end, l.size[s], sections[s].align);
	return l;
}

uint64_t core_page_offset(const struct core *c, uint64_t i)
{
	return layout_of(c).offset[SEC_PAGES] + i * CORE_PAGE;
}

/* --- the parts --- */

static struct xen_note note_of(uint32_t type, size_t size)
{
	return (struct xen_note){ .h = { .n_namesz = 4, .n_descsz = (uint32_t)size, .n_type = type }, .owner = "Xen" };
}

static void fill_notes(struct xen_notes *n, const struct core *c)
{
	const struct xenctl_version *v = c->version;

	*n = (struct xen_notes){
		.none = note_of(NOTE_NONE, 0),
		.header = note_of(NOTE_HEADER, sizeof(n->header_body)),
		.header_body = { HEADER_MAGIC, c->nr_vcpus, c->nr_pages, CORE_PAGE },
		.version = note_of(NOTE_XEN_VERSION, sizeof(n->version_body)),
		.version_body = { .major = v->major, .minor = v->minor, .virt_start = v->virt_start,
				  .pagesize = v->pagesize },
		.format = note_of(NOTE_FORMAT_VERSION, sizeof(n->format_body)),
		.format_body = FORMAT_VERSION,
	};
	memcpy(n->version_body.extra, v->extra, sizeof(n->version_body.extra));
	memcpy(n->version_body.compiler, v->compiler, sizeof(n->version_body.compiler));
	memcpy(n->version_body.compile_by, v->compile_by, sizeof(n->version_body.compile_by));
	memcpy(n->version_body.compile_domain, v->compile_domain, sizeof(n->version_body.compile_domain));
	memcpy(n->version_body.compile_date, v->compile_date, sizeof(n->version_body.compile_date));
	memcpy(n->version_body.capabilities, v->capabilities, sizeof(n->version_body.capabilities));
	memcpy(n->version_body.changeset, v->changeset, sizeof(n->version_body.changeset));
}

/* In the order of the kernel's struct user_regs_struct. */
static void fill_registers(void *to, const struct vcpu_guest_context *v)
{
	const struct cpu_user_regs *r = &v->user_regs;
	const unsigned long long regs[] = {
		r->r15, r->r14, r->r13, r->r12, r->rbp, r->rbx, r->r11, r->r10, r->r9, r->r8, r->rax, r->rcx, r->rdx,
		r->rsi, r->rdi, r->rax, r->rip, r->cs, r->rflags, r->rsp, r->ss, v->fs_base,
		v->flags & VGCF_in_kernel ? v->gs_base_kernel : v->gs_base_user, r->ds, r->es, r->fs, r->gs,
	};

	memcpy(to, regs, sizeof(regs));
}

static void fill_thread(struct thread_note *t, const struct core *c, unsigned int i)
{
	_Static_assert(sizeof(t->body.pr_reg) == 27 * 8, "registers of a thread");
	*t = (struct thread_note){
		.h = { .n_namesz = 5, .n_descsz = sizeof(t->body), .n_type = NT_PRSTATUS }, .owner = "CORE",
		.body = { .pr_pid = (pid_t)i + 1 },
	};
	fill_registers(t->body.pr_reg, &c->vcpu[i]);
}

static Elf64_Ehdr elf_header(const struct layout *l)
{
	uint64_t phdrs = l->nr_phdrs * sizeof(Elf64_Phdr);

	return (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_phoff = phdrs ? sizeof(Elf64_Ehdr) : 0, .e_shoff = sizeof(Elf64_Ehdr) + phdrs,
		.e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = phdrs ? sizeof(Elf64_Phdr) : 0, .e_phnum = l->nr_phdrs,
		.e_shentsize = sizeof(Elf64_Shdr), .e_shnum = NR_SECTIONS, .e_shstrndx = SEC_NAMES,
	};
}

static void fill_phdrs(Elf64_Phdr *p, const struct core *c, const struct layout *l)
{
	*p++ = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = l->threads, .p_filesz = l->threads_size, .p_align = 4 };
	for (size_t i = 0; i < c->nr_segments; i++) {
		const struct core_segment *s = &c->segment[i];

		*p++ = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_flags = s->flags, .p_offset = l->offset[SEC_PAGES] + s->first * CORE_PAGE,
			.p_vaddr = s->vaddr, .p_paddr = c->page[s->first].pfn * CORE_PAGE,
			.p_filesz = s->n * CORE_PAGE, .p_memsz = s->n * CORE_PAGE, .p_align = CORE_PAGE,
		};
	}
}

static void fill_shdrs(Elf64_Shdr *h, char *names, const struct layout *l)
{
	static const uint64_t entry[NR_SECTIONS] = {
		[SEC_PRSTATUS] = sizeof(struct vcpu_guest_context), [SEC_SHARED] = CORE_PAGE,
		[SEC_P2M] = sizeof(struct core_page), [SEC_PAGES] = CORE_PAGE,
	};
	uint32_t at = 1;

	for (int s = SEC_NAMES; s < NR_SECTIONS; s++) {
		h[s] = (Elf64_Shdr){
			.sh_name = at, .sh_type = sections[s].type, .sh_offset = l->offset[s], .sh_size = l->size[s],
			.sh_addralign = sections[s].align, .sh_entsize = entry[s],
		};
		strcpy(names + at, sections[s].name);
		at += (uint32_t)strlen(sections[s].name) + 1;
	}
}

static int write_at(int fd, const void *buf, size_t n, uint64_t at)
{
	while (n) {
		ssize_t done = pwrite(fd, buf, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		buf = (const char *)buf + done;
		n -= (size_t)done;
		at += (uint64_t)done;
	}
	return 0;
}

int core_write(const struct core *c, int fd)
{
	const struct layout l = layout_of(c);
	char *head = xcalloc(1, l.offset[SEC_PRSTATUS]);
	Elf64_Ehdr eh = elf_header(&l);
	struct xen_notes notes;
	struct thread_note t;
	int rc;

	memcpy(head, &eh, sizeof(eh));
	if (l.nr_phdrs)
		fill_phdrs((Elf64_Phdr *)(void *)(head + sizeof(eh)), c, &l);
	fill_shdrs((Elf64_Shdr *)(void *)(head + eh.e_shoff), head + l.offset[SEC_NAMES], &l);
	fill_notes(&notes, c);
	memcpy(head + l.offset[SEC_NOTE], &notes, sizeof(notes));
	for (unsigned int i = 0; l.nr_phdrs && i < c->nr_vcpus; i++) {
		fill_thread(&t, c, i);
		memcpy(head + l.threads + i * sizeof(t), &t, sizeof(t));
	}
	rc = write_at(fd, head, l.offset[SEC_PRSTATUS], 0);
	free(head);
	if (!rc)
		rc = write_at(fd, c->vcpu, l.size[SEC_PRSTATUS], l.offset[SEC_PRSTATUS]);
	if (!rc)
		rc = write_at(fd, c->shared_info, CORE_PAGE, l.offset[SEC_SHARED]);
	if (!rc)
		rc = write_at(fd, c->page, l.size[SEC_P2M], l.offset[SEC_P2M]);
	return rc;
}
