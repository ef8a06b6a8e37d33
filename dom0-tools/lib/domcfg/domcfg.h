/* SPDX-License-Identifier: MIT */
/*
 * The description of a domain, whatever it was written in.
 *
 * xl.cfg text, domain XML and JSON all end up in one struct domcfg; everything behind the parsers sees only that. One
 * key table (keys.c) says for each field its name, type, range and allowed words, and drives all readers and writers.
 *
 * Findings (errors and warnings) are collected as text lines `file:line:col: error: ...` in a struct domcfg_diag, so
 * that one run reports all mistakes of a file. A function that takes a diag returns false when it added an error.
 *
 * No lock: a struct domcfg belongs to one thread.
 */
#ifndef LIB_DOMCFG_DOMCFG_H
#define LIB_DOMCFG_DOMCFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum dom_type { DOM_TYPE_PV };

/* How the guest's RDTSC behaves; the numbers are those of the ABI (TSC_MODE_*). */
enum dom_tsc { DOM_TSC_DEFAULT = 0, DOM_TSC_NATIVE = 2 };

/* What to do when a domain stops. */
enum dom_action { DOM_DESTROY, DOM_RESTART, DOM_RENAME_RESTART, DOM_PRESERVE, DOM_COREDUMP_DESTROY,
		  DOM_COREDUMP_RESTART };

struct domcfg_list {
	char **item;
	size_t n;
	bool single;			/* was given as one string, not as a list */
};

#define DOMCFG_NKEYS 37			/* rows of the key table; checked where the table is */
#define DOMCFG_MAX_FILE (1U << 20)	/* bytes of a configuration file */
#define DOMCFG_NO_LIMIT UINT64_MAX	/* of max_maptrack_frames: the hypervisor's default */
#define DOMCFG_MAX_CMDLINE 1023		/* start_info holds 1024 bytes with the final 0 */

struct domcfg {
	char *name;
	uint8_t uuid[16];
	bool has_uuid;
	unsigned int type;		/* enum dom_type */
	char *kernel, *ramdisk;		/* paths in dom0 */
	char *cmdline, *root, *extra;
	uint64_t memory, maxmem;	/* MiB; maxmem 0 = as memory */
	uint64_t vcpus, maxvcpus;	/* maxvcpus 0 = as vcpus */
	unsigned int on_poweroff, on_reboot, on_crash, on_watchdog, on_soft_reset;	/* enum dom_action */
	/* CPUs in words (cpulist.h): one string for all vCPUs, or a list with one for each. */
	struct domcfg_list cpus, cpus_soft;
	uint64_t cpu_weight, cap;	/* 0: the scheduler's default */
	struct domcfg_list xenstore_quota;	/* QUOTA=NUMBER each, names as xenstored knows them */
	struct domcfg_list disk, vif;	/* entries as disk_format() and vif_format() write them */
	char *title, *description;	/* for people */
	char *metadata;			/* of other programs: an XML element <metadata>, as it came */
	uint64_t max_grant_frames, max_event_channels;	/* 0: the default */
	uint64_t max_maptrack_frames;	/* DOMCFG_NO_LIMIT: the default */
	uint64_t max_grant_version;	/* 0: not given */
	char *cpuid;			/* features that its kernel is not to see (cpuid.h); NULL: none */
	bool nomigrate;			/* it is neither saved nor migrated */
	bool shared_tables;		/* its kernel may run programs on its own page tables */
	unsigned int tsc_mode;		/* enum dom_tsc */
	bool localtime;			/* its clock shows the host's local time, not UTC, */
	int64_t rtc_timeoffset;		/* and is that many seconds ahead */
	unsigned int line[DOMCFG_NKEYS];	/* where each key was set; 0 = default */
};

struct domcfg_diag {
	const char *file;		/* named in each finding */
	const char *where;		/* NULL, or what in the file: "<memory>" */
	unsigned int errors, warnings;
	char *text;			/* NULL or lines, each ended by a newline */
	size_t len;
};

/* Append the items of `more` to a list, and leave `more` empty. */
void domcfg_list_splice(struct domcfg_list *list, struct domcfg_list *more);
/* Take an item out. */
void domcfg_list_remove(struct domcfg_list *list, size_t i);
void domcfg_list_free(struct domcfg_list *list);

/* Index of the device with this number in disk or vif, or -1. */
ssize_t domcfg_device_find(const struct domcfg *cfg, bool vif, uint32_t devid);
/* A further device in the form of the lists, with its number. NULL and *why if it is wrong. Caller frees both. */
char *domcfg_device_new(const struct domcfg *cfg, bool vif, const char *text, uint32_t *devid, char **why);

void domcfg_init(struct domcfg *cfg);
void domcfg_free(struct domcfg *cfg);

/* Findings. line 0: about the file as a whole. col 0: about the line as a whole. */
void domcfg_diag_free(struct domcfg_diag *diag);
__attribute__((format(printf, 4, 5)))
void domcfg_error(struct domcfg_diag *diag, unsigned int line, unsigned int col, const char *fmt, ...);
__attribute__((format(printf, 4, 5)))
void domcfg_warn(struct domcfg_diag *diag, unsigned int line, unsigned int col, const char *fmt, ...);

/* Readers: they only set fields; call domcfg_check() once when all sources have been read. */
bool domcfg_parse(struct domcfg *cfg, const char *text, size_t len, struct domcfg_diag *diag);
bool domcfg_parse_file(struct domcfg *cfg, const char *path, struct domcfg_diag *diag);
/* The text of a file, which becomes diag->file, with a 0 behind it. NULL: an error was added. Caller frees. */
char *domcfg_load(const char *path, size_t *len, struct domcfg_diag *diag);
/* One `key=value` of the command line; a value without quotes is taken as it stands. */
bool domcfg_override(struct domcfg *cfg, const char *arg, struct domcfg_diag *diag);
bool domcfg_from_json(struct domcfg *cfg, const char *text, size_t len, struct domcfg_diag *diag);

/* What must hold between the fields; fills in what follows from others (maxmem, maxvcpus, numbers of vifs). */
bool domcfg_check(struct domcfg *cfg, struct domcfg_diag *diag);

/* JSON object with the names of xl.cfg; only fields that differ from "not given". Caller frees. */
char *domcfg_to_json(const struct domcfg *cfg);
/* The guest's command line from cmdline, or from root and extra. Caller frees. */
char *domcfg_cmdline(const struct domcfg *cfg);

/* What cpus or cpus_soft say about a vCPU, in words; NULL: nothing. */
const char *domcfg_cpus_of(const struct domcfg_list *cpus, uint64_t vcpu);
/* Have them say something about one vCPU of max; "all" about those that they said nothing about so far. */
void domcfg_cpus_set(struct domcfg_list *cpus, uint64_t max, uint64_t vcpu, const char *text);

const char *dom_action_name(unsigned int action);
/* 36 characters and the final 0. */
void uuid_format(const uint8_t uuid[16], char text[37]);
bool uuid_parse(const char *text, uint8_t uuid[16]);
/* A random (version 4) one. */
void uuid_generate(uint8_t uuid[16]);

#endif
