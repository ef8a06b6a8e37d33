/* SPDX-License-Identifier: MIT */
/*
 * The certificate authority of `xl pki init`, on GnuTLS: see pki.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pki.h"
#include "util/mem.h"

#define DAY 86400
#define CA_DAYS 3650
#define HOST_DAYS 1825

struct pki_ca {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
};

static bool gave(int rc, const char *what, char **why)
{
	if (rc < 0)
		*why = xasprintf("%s: %s", what, gnutls_strerror(rc));
	return rc >= 0;
}

static int set_key_id(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer)
{
	unsigned char id[64];
	size_t len = sizeof(id);
	int rc = gnutls_x509_crt_get_key_id(crt, 0, id, &len);

	if (!rc)
		rc = gnutls_x509_crt_set_subject_key_id(crt, id, len);
	len = sizeof(id);
	if (!rc)
		rc = gnutls_x509_crt_get_key_id(issuer, 0, id, &len);
	return rc ? rc : gnutls_x509_crt_set_authority_key_id(crt, id, len);
}

/* A new key, and a certificate of it without a purpose yet. */
static int make_pair(gnutls_x509_privkey_t *key, gnutls_x509_crt_t *crt, const char *name, time_t from, time_t until)
{
	unsigned char serial[16] = { 0 };
	int rc = gnutls_x509_privkey_init(key);

	if (!rc)
		rc = gnutls_x509_privkey_generate(*key, GNUTLS_PK_ECDSA,
						  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (!rc)
		rc = gnutls_x509_crt_init(crt);
	if (!rc)
		rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
	serial[0] &= 0x7f;		/* it is a positive number */
	if (!rc)
		rc = gnutls_x509_crt_set_version(*crt, 3);
	if (!rc)
		rc = gnutls_x509_crt_set_serial(*crt, serial, sizeof(serial));
	if (!rc)
		rc = gnutls_x509_crt_set_key(*crt, *key);
	if (!rc)
		rc = gnutls_x509_crt_set_dn_by_oid(*crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
						   (unsigned int)strlen(name));
	if (!rc)
		rc = gnutls_x509_crt_set_activation_time(*crt, from);
	return rc ? rc : gnutls_x509_crt_set_expiration_time(*crt, until);
}

struct pki_ca *pki_ca_new(const char *name, time_t from, time_t until, char **why)
{
	struct pki_ca *ca = xcalloc(1, sizeof(*ca));
	int rc = gnutls_global_init();

	if (!rc)
		rc = make_pair(&ca->key, &ca->crt, name, from, until);
	if (!rc)
		rc = gnutls_x509_crt_set_basic_constraints(ca->crt, 1, 0);
	if (!rc)
		rc = gnutls_x509_crt_set_key_usage(ca->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	if (!rc)
		rc = set_key_id(ca->crt, ca->crt);
	if (!rc)
		rc = gnutls_x509_crt_sign2(ca->crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0);
	if (gave(rc, "the CA cannot be made", why))
		return ca;
	pki_ca_free(ca);
	return NULL;
}

void pki_ca_free(struct pki_ca *ca)
{
	if (!ca)
		return;
	if (ca->crt)
		gnutls_x509_crt_deinit(ca->crt);
	if (ca->key)
		gnutls_x509_privkey_deinit(ca->key);
	free(ca);
}

/* --- files --- */

static bool write_new(const char *path, const gnutls_datum_t *pem, mode_t mode, char **why)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	bool ok;

	if (fd < 0) {
		*why = xasprintf("%s: %s", path, strerror(errno));
		return false;
	}
	ok = write(fd, pem->data, pem->size) == (ssize_t)pem->size;
	if (!ok)
		*why = xasprintf("%s: %s", path, strerror(errno ? errno : ENOSPC));
	close(fd);
	if (!ok)
		unlink(path);
	return ok;
}

static bool write_cert(gnutls_x509_crt_t crt, const char *path, char **why)
{
	gnutls_datum_t pem;
	bool ok;

	if (!gave(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), path, why))
		return false;
	ok = write_new(path, &pem, 0644, why);
	gnutls_free(pem.data);
	return ok;
}

static bool write_key(gnutls_x509_privkey_t key, const char *path, char **why)
{
	gnutls_datum_t pem;
	bool ok;

	if (!gave(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), path, why))
		return false;
	ok = write_new(path, &pem, 0600, why);
	gnutls_memset(pem.data, 0, pem.size);
	gnutls_free(pem.data);
	return ok;
}

bool pki_ca_write(const struct pki_ca *ca, const char *cert, const char *key, char **why)
{
	if (key && !write_key(ca->key, key, why))
		return false;
	if (write_cert(ca->crt, cert, why))
		return true;
	if (key)
		unlink(key);
	return false;
}

/* --- certificates of hosts --- */

static int add_name(gnutls_x509_crt_t crt, const char *name)
{
	unsigned char addr[16];
	unsigned int len = inet_pton(AF_INET, name, addr) == 1 ? 4 : inet_pton(AF_INET6, name, addr) == 1 ? 16 : 0;

	if (len)
		return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, addr, len, GNUTLS_FSAN_APPEND);
	return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (unsigned int)strlen(name),
						    GNUTLS_FSAN_APPEND);
}

static int add_names(gnutls_x509_crt_t crt, const char *names)
{
	char *copy = xstrdup(names), *rest = copy, *name;
	int rc = 0;

	while (!rc && (name = strsep(&rest, ",")))
		rc = *name ? add_name(crt, name) : 0;
	free(copy);
	return rc;
}

bool pki_ca_issue(const struct pki_ca *ca, const struct pki_want *w, const char *cert, const char *key_path, char **why)
{
	char *name = xstrndup(w->names, strcspn(w->names, ","));
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	int rc = make_pair(&key, &crt, name, w->from, w->until);
	bool ok;

	if (!rc)
		rc = add_names(crt, w->names);
	if (!rc)
		rc = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
	if (!rc)
		rc = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (!rc && w->server)
		rc = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (!rc && w->client)
		rc = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0);
	if (!rc)
		rc = set_key_id(crt, ca->crt);
	if (!rc)
		rc = gnutls_x509_crt_sign2(crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0);
	ok = gave(rc, "the certificate cannot be made", why) && write_key(key, key_path, why);
	if (ok && !write_cert(crt, cert, why)) {
		unlink(key_path);
		ok = false;
	}
	if (crt)
		gnutls_x509_crt_deinit(crt);
	if (key)
		gnutls_x509_privkey_deinit(key);
	free(name);
	return ok;
}

/* --- xl pki init --- */

/* What was made, to be reported, or taken back from the last to the first. */
struct made {
	char **path;
	size_t n;
};

static void made_add(struct made *m, const char *path)
{
	m->path = xreallocarray(m->path, m->n + 1, sizeof(char *));
	m->path[m->n++] = xstrdup(path);
}

static void made_free(struct made *m, bool keep, void (*report)(const char *path))
{
	for (size_t i = 0; keep && i < m->n; i++)
		report(m->path[i]);
	while (m->n--) {
		if (!keep && unlink(m->path[m->n]))
			rmdir(m->path[m->n]);
		free(m->path[m->n]);
	}
	free(m->path);
}

/* A directory and those above it. */
static bool make_dirs(const char *dir, struct made *m, char **why)
{
	char *copy = xstrdup(dir), *slash = copy;
	int rc = 0;

	do {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = 0;
		if (!mkdir(copy, slash ? 0755 : 0700))
			made_add(m, copy);
		else if (errno != EEXIST)
			rc = -errno;
		if (slash)
			*slash = '/';
	} while (slash && !rc);
	free(copy);
	if (rc)
		*why = xasprintf("%s: %s", dir, strerror(-rc));
	return !rc;
}

static bool make_host(const struct pki_ca *ca, const char *dir, const char *names, struct made *m, char **why)
{
	time_t now = time(NULL);
	struct pki_want w = { .names = names, .from = now - DAY, .until = now + HOST_DAYS * (time_t)DAY,
			      .server = true, .client = true };
	char *cert = xasprintf("%s/host.pem", dir), *key = xasprintf("%s/host.key", dir);
	bool ok = pki_ca_issue(ca, &w, cert, key, why);

	if (ok) {
		made_add(m, cert);
		made_add(m, key);
	}
	free(cert);
	free(key);
	return ok;
}

static bool make_ca(struct pki_ca *ca, const char *dir, bool with_key, struct made *m, char **why)
{
	char *cert = xasprintf("%s/ca.pem", dir), *key = with_key ? xasprintf("%s/ca.key", dir) : NULL;
	bool ok = pki_ca_write(ca, cert, key, why);

	if (ok) {
		made_add(m, cert);
		if (key)
			made_add(m, key);
	}
	free(cert);
	free(key);
	return ok;
}

/* The name of a directory, not one of another place. */
static bool plain_name(const char *names)
{
	size_t n = strcspn(names, ",");

	return n && *names != '.' && n <= 64 && !memchr(names, '/', n);
}

static bool make_other(struct pki_ca *ca, const char *dir, const char *names, struct made *m, char **why)
{
	char *sub = xasprintf("%s/%.*s", dir, (int)strcspn(names, ","), names);
	bool ok = make_dirs(sub, m, why) && make_ca(ca, sub, false, m, why) && make_host(ca, sub, names, m, why);

	free(sub);
	return ok;
}

bool pki_init(const char *dir, const char *const hosts[], size_t n, void (*report)(const char *path), char **why)
{
	time_t now = time(NULL);
	struct pki_ca *ca = NULL;
	struct made m = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++) {
		ok = plain_name(hosts[i]);
		if (!ok)
			*why = xasprintf("'%s' is not the name of a host (64 characters at most)", hosts[i]);
	}
	if (ok)
		ca = pki_ca_new("xen-lite test CA", now - DAY, now + CA_DAYS * (time_t)DAY, why);
	ok = ca && make_dirs(dir, &m, why) && make_ca(ca, dir, true, &m, why);
	for (size_t i = 0; ok && i < n; i++)
		ok = i ? make_other(ca, dir, hosts[i], &m, why) : make_host(ca, dir, hosts[i], &m, why);
	pki_ca_free(ca);
	made_free(&m, ok, report);
	return ok;
}

/* --- xl pki revoke --- */

typedef int import_fn(void *to, const gnutls_datum_t *pem);

static int import_crt(void *to, const gnutls_datum_t *pem)
{
	return gnutls_x509_crt_import(to, pem, GNUTLS_X509_FMT_PEM);
}

static int import_key(void *to, const gnutls_datum_t *pem)
{
	return gnutls_x509_privkey_import(to, pem, GNUTLS_X509_FMT_PEM);
}

static int import_crl(void *to, const gnutls_datum_t *pem)
{
	return gnutls_x509_crl_import(to, pem, GNUTLS_X509_FMT_PEM);
}

static bool read_pem(const char *path, import_fn *import, void *to, char **why)
{
	gnutls_datum_t pem;
	int rc = gnutls_load_file(path, &pem);

	if (rc == GNUTLS_E_FILE_ERROR) {
		*why = xasprintf("%s: %s", path, strerror(errno));
		return false;
	}
	if (!rc) {
		rc = import(to, &pem);
		gnutls_memset(pem.data, 0, pem.size);
		gnutls_free(pem.data);
	}
	return gave(rc, path, why);
}

static bool is_on(gnutls_x509_crl_t crl, const unsigned char *serial, size_t len)
{
	int n = gnutls_x509_crl_get_crt_count(crl);

	for (int i = 0; i < n; i++) {
		unsigned char other[64];
		size_t size = sizeof(other);
		time_t when;

		if (!gnutls_x509_crl_get_crt_serial(crl, (unsigned int)i, other, &size, &when) && size == len &&
		    !memcmp(other, serial, len))
			return true;
	}
	return false;
}

/* The number of the next list, big-endian, 8 bytes. */
static int set_next_number(gnutls_x509_crl_t crl)
{
	unsigned char nr[8] = { 0 };
	unsigned int critical;
	size_t len = sizeof(nr);

	if (gnutls_x509_crl_get_number(crl, nr, &len, &critical) || len > sizeof(nr))
		len = 0;
	memmove(nr + sizeof(nr) - len, nr, len);
	memset(nr, 0, sizeof(nr) - len);
	for (int i = sizeof(nr) - 1; i >= 0 && !++nr[i]; i--)
		;
	return gnutls_x509_crl_set_number(crl, nr, sizeof(nr));
}

static int sign_crl(gnutls_x509_crl_t crl, const struct pki_ca *ca, const unsigned char *serial, size_t len)
{
	time_t now = time(NULL);
	unsigned char id[64];
	size_t id_len = sizeof(id);
	int rc = gnutls_x509_crl_set_crt_serial(crl, serial, len, now);

	if (!rc)
		rc = gnutls_x509_crl_set_version(crl, 2);
	if (!rc)
		rc = gnutls_x509_crl_set_this_update(crl, now);
	if (!rc)
		rc = gnutls_x509_crl_set_next_update(crl, now + CA_DAYS * (time_t)DAY);
	if (!rc)
		rc = set_next_number(crl);
	if (!rc)
		rc = gnutls_x509_crt_get_key_id(ca->crt, 0, id, &id_len);
	if (!rc)
		rc = gnutls_x509_crl_set_authority_key_id(crl, id, id_len);
	return rc ? rc : gnutls_x509_crl_sign2(crl, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0);
}

/* In one step, so that no daemon reads half a list. */
static bool replace_crl(gnutls_x509_crl_t crl, const char *path, char **why)
{
	char *tmp = xasprintf("%s.new", path);
	gnutls_datum_t pem;
	bool ok = gave(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem), path, why);

	if (ok) {
		unlink(tmp);
		ok = write_new(tmp, &pem, 0644, why);
		gnutls_free(pem.data);
	}
	if (ok && rename(tmp, path)) {
		*why = xasprintf("%s: %s", path, strerror(errno));
		unlink(tmp);
		ok = false;
	}
	free(tmp);
	return ok;
}

static bool read_ca(struct pki_ca *ca, const char *dir, char **why)
{
	char *cert = xasprintf("%s/ca.pem", dir), *key = xasprintf("%s/ca.key", dir);
	bool ok = gave(gnutls_global_init(), "GnuTLS", why) && gave(gnutls_x509_crt_init(&ca->crt), cert, why) &&
		  gave(gnutls_x509_privkey_init(&ca->key), key, why) && read_pem(cert, import_crt, ca->crt, why) &&
		  read_pem(key, import_key, ca->key, why);

	free(cert);
	free(key);
	return ok;
}

/* The serial number of a certificate, if this CA has signed it. */
static bool serial_of(const struct pki_ca *ca, const char *cert, unsigned char *serial, size_t *len, char **why)
{
	gnutls_x509_crt_t crt = NULL;
	unsigned int status = 0;
	bool ok = gave(gnutls_x509_crt_init(&crt), cert, why) && read_pem(cert, import_crt, crt, why) &&
		  gave(gnutls_x509_crt_verify(crt, &ca->crt, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status), cert, why);

	if (ok && status) {
		*why = xasprintf("%s is not a certificate of this CA", cert);
		ok = false;
	}
	ok = ok && gave(gnutls_x509_crt_get_serial(crt, serial, len), cert, why);
	if (crt)
		gnutls_x509_crt_deinit(crt);
	return ok;
}

static bool add_revoked(const struct pki_ca *ca, const char *path, const char *cert, bool *news, char **why)
{
	gnutls_x509_crl_t crl = NULL;
	unsigned char serial[64];
	size_t len = sizeof(serial);
	bool ok = serial_of(ca, cert, serial, &len, why) && gave(gnutls_x509_crl_init(&crl), path, why) &&
		  ((access(path, F_OK) && errno == ENOENT) || read_pem(path, import_crl, crl, why));

	*news = ok && !is_on(crl, serial, len);
	if (*news)
		ok = gave(sign_crl(crl, ca, serial, len), path, why) && replace_crl(crl, path, why);
	if (crl)
		gnutls_x509_crl_deinit(crl);
	return ok;
}

bool pki_revoke(const char *dir, const char *cert, bool *news, char **why)
{
	struct pki_ca *ca = xcalloc(1, sizeof(*ca));
	char *path = xasprintf("%s/crl.pem", dir);
	bool ok = read_ca(ca, dir, why) && add_revoked(ca, path, cert, news, why);

	pki_ca_free(ca);
	free(path);
	return ok;
}
