/* SPDX-License-Identifier: MIT */
/*
 * Definitions of domains: the real define.c on a directory of its own, without the rest of xld. What was defined is
 * there after a restart; names and UUIDs stay unique; files that cannot be read are never lost.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

#include "../../dom0-tools/xld/xld.h"

#define UUID_A "11111111-1111-1111-1111-111111111111"
#define UUID_B "22222222-2222-2222-2222-222222222222"

static struct xld x;
static struct dom running;			/* if it has a name */
static xld_error err;
static char dir[] = "/tmp/test_define.XXXXXX";
static char logged[4096];

/* --- what define.c needs of the rest of xld --- */

void xld_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(logged, sizeof(logged), fmt, ap);
	va_end(ap);
}

bool xld_fail(xld_error *e, xld_code code, const char *what, const char *object, const char *advice, const char *fmt,
		...)
{
	va_list ap;
	char *cause;

	va_start(ap, fmt);
	cause = xvasprintf(fmt, ap);
	va_end(ap);
	rpc_error_set(e, code, what, object, cause, advice);
	free(cause);
	return false;
}

struct xenctl_dominfo *dom_refresh(struct xld *ctx, size_t *n)
{
	(void)ctx;
	*n = 0;
	return NULL;
}

struct dom *dom_by_uuid(struct xld *ctx, const uint8_t uuid[16])
{
	(void)ctx;
	return running.name && !memcmp(running.uuid, uuid, 16) ? &running : NULL;
}

struct dom *dom_by_name(struct xld *ctx, const char *name)
{
	(void)ctx;
	return running.name && !strcmp(running.name, name) ? &running : NULL;
}

struct dom *dom_find(struct xld *ctx, const char *ref, const char *what, xld_error *e)
{
	struct dom *d = dom_by_name(ctx, ref);

	if (!d)
		xld_fail(e, XLD_E_NOT_FOUND, what, ref, "", "none");
	return d;
}

bool call_read_config(struct domcfg *cfg, const char *config, const char *what, xld_error *e)
{
	struct domcfg_diag diag = { .file = "t" };
	bool ok;

	domcfg_init(cfg);
	ok = domcfg_parse(cfg, config, strlen(config), &diag) && domcfg_check(cfg, &diag);
	if (!ok)
		xld_fail(e, XLD_E_CONFIG, what, "?", "", "%s", diag.text);
	domcfg_diag_free(&diag);
	return ok;
}

/* --- helpers --- */

static bool do_call(call_fn *fn, void *args, void *ret)
{
	bool later = false;

	rpc_release((xdrproc_t)xdr_xld_error, &err);
	memset(&err, 0, sizeof(err));
	return fn(&x, NULL, 1, args, ret, &err, &later);
}

static bool define(const char *config)
{
	xld_define a = { .config = (char *)(uintptr_t)config };
	xld_created r = { 0 };

	return do_call(call_define, &a, &r);
}

static bool undefine(const char *ref)
{
	xld_domain a = { .name = (char *)(uintptr_t)ref };
	xld_nothing r;

	return do_call(call_undefine, &a, &r);
}

static bool autostart(const char *ref, bool on)
{
	xld_autostart a = { .name = (char *)(uintptr_t)ref, .on = on };
	xld_nothing r;

	return do_call(call_autostart, &a, &r);
}

/* "name autostart memory;..." of the list. */
static const char *list(void)
{
	static char text[512];
	xld_nothing nothing = { 0 };
	xld_defined_list r = { 0 };
	size_t n = 0;

	*text = 0;
	CU_ASSERT_TRUE(do_call(call_defined_list, &nothing, &r));
	for (u_int i = 0; i < r.domains.domains_len; i++) {
		const xld_defined *d = &r.domains.domains_val[i];

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%s %llu;", d->name, d->autostart ? " auto" : "",
				      d->active ? " active" : "", (unsigned long long)d->memory_kib >> 10);
	}
	rpc_release((xdrproc_t)xdr_xld_defined_list, &r);
	return text;
}

static void restart(void)
{
	define_free(&x);
	define_load(&x);
}

static void says(const char *part)
{
	if (!err.cause || !strstr(err.cause, part))
		printf("\n  wanted: %s\n  got:    %s\n", part, err.cause ? err.cause : "(nothing)");
	CU_ASSERT_TRUE(err.cause && strstr(err.cause, part));
}

static char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/lib/defined/%s", dir, name);
	return path;
}

static void put_file(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

#define CFG(name, memory, more) "name='" name "'\nkernel='/k'\nmemory=" memory "\n" more
#define WITH_UUID(uuid) "uuid='" uuid "'\n"

/* --- tests --- */

static void test_define(void)
{
	struct stat st;

	CU_ASSERT_TRUE(define(CFG("b", "64", WITH_UUID(UUID_B))));
	CU_ASSERT_TRUE(define(CFG("a", "32", WITH_UUID(UUID_A))));
	CU_ASSERT_STRING_EQUAL(list(), "a 32;b 64;");
	CU_ASSERT_EQUAL_FATAL(stat(path_of(UUID_A ".xml"), &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	CU_ASSERT_NOT_EQUAL(access(path_of(UUID_A ".xml.new"), F_OK), 0);
	restart();
	CU_ASSERT_STRING_EQUAL(list(), "a 32;b 64;");
	/* In its place: by UUID also under another name, without a UUID by name. */
	CU_ASSERT_TRUE(define(CFG("z", "33", WITH_UUID(UUID_A))));
	CU_ASSERT_STRING_EQUAL(list(), "b 64;z 33;");
	CU_ASSERT_TRUE(define(CFG("z", "34", "")));
	CU_ASSERT_STRING_EQUAL(list(), "b 64;z 34;");
	restart();
	CU_ASSERT_STRING_EQUAL(list(), "b 64;z 34;");
	CU_ASSERT_FALSE(define(CFG("z", "34", WITH_UUID(UUID_B))));
	says("a domain of this name is defined with another UUID");
	CU_ASSERT_FALSE(define(CFG("z", "0", "")));
	CU_ASSERT_FALSE(define(CFG("y", "1", "max_event_channels=1")));
	CU_ASSERT_STRING_EQUAL(list(), "b 64;z 34;");
}

static void test_autostart(void)
{
	CU_ASSERT_TRUE(autostart("z", true));
	CU_ASSERT_TRUE(autostart(UUID_A, true));
	CU_ASSERT_STRING_EQUAL(list(), "b 64;z auto 34;");
	restart();
	CU_ASSERT_STRING_EQUAL(list(), "b 64;z auto 34;");
	CU_ASSERT_TRUE(define(CFG("z", "35", "")));
	CU_ASSERT_STRING_EQUAL(list(), "b 64;z auto 35;");
	CU_ASSERT_TRUE(autostart("z", false));
	CU_ASSERT_TRUE(autostart("z", false));
	restart();
	CU_ASSERT_STRING_EQUAL(list(), "b 64;z 35;");
	CU_ASSERT_FALSE(autostart("nobody", true));
	says("no domain is defined under this name or UUID");
	CU_ASSERT_TRUE(autostart("z", true));
	CU_ASSERT_TRUE(undefine("z"));
	CU_ASSERT_NOT_EQUAL(access(path_of("autostart/" UUID_A ".xml"), F_OK), 0);
	CU_ASSERT_STRING_EQUAL(list(), "b 64;");
	CU_ASSERT_FALSE(undefine("z"));
	restart();
	CU_ASSERT_STRING_EQUAL(list(), "b 64;");
}

/* A domain that runs and its definition know each other by their UUID. */
static void test_running(void)
{
	struct domcfg cfg;

	running = (struct dom){ .name = xstrdup("run"), .ours = true, .domid = 7 };
	memset(running.uuid, 0x33, 16);
	CU_ASSERT_FALSE(undefine("run"));
	says("the domain exists, but there is no definition of it");
	CU_ASSERT_TRUE(define(CFG("run", "16", "")));
	CU_ASSERT_STRING_EQUAL(list(), "b 64;run active 16;");
	CU_ASSERT_FALSE(define(CFG("run", "16", WITH_UUID(UUID_A))));
	CU_ASSERT_TRUE(undefine("run"));
	CU_ASSERT_FALSE(define(CFG("run", "16", WITH_UUID(UUID_A))));
	says("a domain of this name runs with another UUID");
	CU_ASSERT_TRUE(define(CFG("other", "16", WITH_UUID("33333333-3333-3333-3333-333333333333"))));
	CU_ASSERT_TRUE(undefine("run"));		/* by what its domain is called */
	/* A domain that is made without a UUID is that of its definition. */
	call_read_config(&cfg, CFG("b", "1", ""), "t", &err);
	define_fill_uuid(&x, &cfg);
	CU_ASSERT_TRUE(cfg.has_uuid);
	CU_ASSERT_EQUAL(cfg.uuid[0], 0x22);
	CU_ASSERT_TRUE(define_allows(&x, &cfg, "t", &err));
	cfg.uuid[0] = 0x23;
	CU_ASSERT_FALSE(define_allows(&x, &cfg, "t", &err));
	/* Not if another domain has it. */
	memset(running.uuid, 0x22, 16);
	cfg.has_uuid = false;
	define_fill_uuid(&x, &cfg);
	CU_ASSERT_FALSE(cfg.has_uuid);
	domcfg_free(&cfg);
	free(running.name);
	running.name = NULL;
}

static void test_damaged(void)
{
	char text[64] = "";
	FILE *f;

	put_file(UUID_A ".xml", "<domain type='xen'><name>broken");
	put_file("44444444-4444-4444-4444-444444444444.xml", "<domain type='xen'><name>x</name><uuid>" UUID_A "</uuid>"
		 "<memory>65536</memory><os><kernel>/k</kernel></os></domain>");
	put_file("55555555-5555-5555-5555-555555555555.xml", "<domain type='xen'><name>b</name>"
		 "<uuid>55555555-5555-5555-5555-555555555555</uuid><memory>65536</memory><os><kernel>/k</kernel></os></domain>");
	put_file(UUID_B ".xml.new", "half");
	put_file("README", "x");
	put_file("66666666-6666-6666-6666-666666666666.bak", "x");
	restart();
	CU_ASSERT_PTR_NOT_NULL(strstr(list(), "b 64;"));
	CU_ASSERT_TRUE(!strcmp(list(), "b 64;") || strlen(list()) == strlen("b 64;"));
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "left alone"));
	CU_ASSERT_FALSE(define(CFG("c", "8", WITH_UUID(UUID_A))));
	says("there is a definition with this UUID that cannot be read");
	f = fopen(path_of(UUID_A ".xml"), "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_PTR_NOT_NULL(fgets(text, sizeof(text), f));
	CU_ASSERT_STRING_EQUAL(text, "<domain type='xen'><name>broken");
	fclose(f);
	/* No room, no rights: the old one stays. */
	if (getuid()) {
		chmod(path_of(""), 0500);
		CU_ASSERT_FALSE(define(CFG("b", "65", "")));
		chmod(path_of(""), 0700);
	}
	CU_ASSERT_EQUAL(mkdir(path_of("77777777-7777-7777-7777-777777777777.xml.new"), 0700), 0);
	CU_ASSERT_FALSE(define(CFG("n", "9", WITH_UUID("77777777-7777-7777-7777-777777777777"))));
	says("Is a directory");
	CU_ASSERT_STRING_EQUAL(list(), "b 64;");
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "define", test_define }, { "autostart", test_autostart }, { "domains that run", test_running },
		{ "damaged files", test_damaged }, CU_TEST_INFO_NULL,
	};
	char *lib, *clean;
	int rc;

	if (!mkdtemp(dir))
		return 2;
	lib = xasprintf("%s/lib", dir);
	clean = xasprintf("rm -rf '%s'", dir);
	x.lib_dir = lib;
	define_load(&x);
	rc = suite_run("definitions", tests);
	define_free(&x);
	rpc_release((xdrproc_t)xdr_xld_error, &err);
	if (system(clean))
		rc = 2;
	free(lib);
	free(clean);
	return rc;
}
