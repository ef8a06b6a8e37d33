/* SPDX-License-Identifier: MIT */
/*
 * Sessions and credentials: see tls.h.
 *
 * The peer's certificate is checked when GnuTLS has finished its part of the handshake, on both sides in the same way;
 * if it is not good, the peer gets the alert that says why, and we keep the reason in words.
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>
#include <unistd.h>

#include "tls.h"
#include "xrpc.h"
#include "util/mem.h"

/* GnuTLS would otherwise set itself up in each program that is linked with it, long before anybody needs it. */
GNUTLS_SKIP_GLOBAL_INIT;

/* What is no failure but no progress either, such as a warning, is skipped; but nobody may keep us at that. */
#define SKIPS 8
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct rpc_creds {
	unsigned int users;		/* who has made it, and the sessions */
	gnutls_certificate_credentials_t cred;
	gnutls_priority_t priority;
};

struct rpc_tls {
	gnutls_session_t session;
	struct rpc_creds *creds;
	char *host;			/* NULL: we are the server */
	char *peer, *why;
	bool shaken;			/* GnuTLS has done its part of the handshake */
	bool sending;			/* a record is under way */
};

/* --- credentials --- */

static bool readable(const char *what, const char *path, char **why)
{
	if (!access(path, R_OK))
		return true;
	*why = xasprintf("%s %s: %s", what, path, strerror(errno));
	return false;
}

/* Only a list that a CA of ours has signed counts. */
static bool load_revoked(struct rpc_creds *c, const struct rpc_pki *pki, char **why)
{
	gnutls_x509_trust_list_t trust;
	int rc;

	if (!pki->crl || (!pki->crl_must_exist && access(pki->crl, F_OK) && errno == ENOENT))
		return true;
	if (!readable("the revocation list", pki->crl, why))
		return false;
	gnutls_certificate_get_trust_list(c->cred, &trust);
	rc = gnutls_x509_trust_list_add_trust_file(trust, NULL, pki->crl, GNUTLS_X509_FMT_PEM, GNUTLS_TL_VERIFY_CRL, 0);
	if (rc <= 0)
		*why = xasprintf("%s holds no revocation list of our CA: %s", pki->crl,
				 rc ? gnutls_strerror(rc) : "it is empty, or of another one");
	return rc > 0;
}

static bool load(struct rpc_creds *c, const struct rpc_pki *pki, char **why)
{
	int rc;

	if (!readable("the CA's certificate", pki->ca, why) || !readable("the certificate", pki->cert, why) ||
	    !readable("the key", pki->key, why))
		return false;
	rc = gnutls_certificate_set_x509_trust_file(c->cred, pki->ca, GNUTLS_X509_FMT_PEM);
	if (rc <= 0) {
		*why = xasprintf("%s holds no certificate of a CA: %s", pki->ca,
				 rc ? gnutls_strerror(rc) : "it is empty");
		return false;
	}
	rc = gnutls_certificate_set_x509_key_file(c->cred, pki->cert, pki->key, GNUTLS_X509_FMT_PEM);
	if (rc < 0)
		*why = xasprintf("certificate %s and key %s cannot be used: %s", pki->cert, pki->key,
				 gnutls_strerror(rc));
	return rc >= 0 && load_revoked(c, pki, why);
}

struct rpc_creds *rpc_creds_new(const struct rpc_pki *pki, char **why)
{
	struct rpc_creds *c = xcalloc(1, sizeof(*c));
	int rc = gnutls_global_init();

	c->users = 1;
	if (!rc)
		rc = gnutls_certificate_allocate_credentials(&c->cred);
	if (!rc)
		rc = gnutls_priority_init(&c->priority, PRIORITY, NULL);
	if (rc)
		*why = xasprintf("GnuTLS: %s", gnutls_strerror(rc));
	else if (load(c, pki, why))
		return c;
	rpc_creds_free(c);
	return NULL;
}

void rpc_creds_free(struct rpc_creds *c)
{
	if (!c || --c->users)
		return;
	if (c->cred)
		gnutls_certificate_free_credentials(c->cred);
	if (c->priority)
		gnutls_priority_deinit(c->priority);
	free(c);
}

/* --- sessions --- */

struct rpc_tls *rpc_tls_new(struct rpc_creds *creds, int fd, const char *host, char **why)
{
	struct rpc_tls *t = xcalloc(1, sizeof(*t));
	unsigned int flags = GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS;
	int rc = gnutls_init(&t->session, flags | (host ? GNUTLS_CLIENT : GNUTLS_SERVER));

	t->creds = creds;
	creds->users++;
	if (rc) {
		t->session = NULL;
	} else {
		rc = gnutls_priority_set(t->session, creds->priority);
		if (!rc)
			rc = gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, creds->cred);
	}
	if (rc) {
		*why = xasprintf("GnuTLS: %s", gnutls_strerror(rc));
		rpc_tls_free(t);
		return NULL;
	}
	t->host = host ? xstrdup(host) : NULL;
	gnutls_certificate_server_set_request(t->session, GNUTLS_CERT_REQUIRE);
	gnutls_handshake_set_timeout(t->session, GNUTLS_INDEFINITE_TIMEOUT);
	gnutls_transport_set_int(t->session, fd);
	return t;
}

void rpc_tls_free(struct rpc_tls *t)
{
	if (!t)
		return;
	if (t->session)
		gnutls_deinit(t->session);
	rpc_creds_free(t->creds);
	free(t->host);
	free(t->peer);
	free(t->why);
	free(t);
}

static const char *other(const struct rpc_tls *t)
{
	return t->host ? "the server" : "the client";
}

__attribute__((format(printf, 2, 3)))
static void explain(struct rpc_tls *t, const char *fmt, ...)
{
	va_list ap;

	free(t->why);
	va_start(ap, fmt);
	t->why = xvasprintf(fmt, ap);
	va_end(ap);
}

/* What the peer's alert means for who has to mend something. */
static const char *alert_text(gnutls_alert_description_t alert)
{
	switch (alert) {
	case GNUTLS_A_CERTIFICATE_EXPIRED:	return "our certificate has expired";
	case GNUTLS_A_CERTIFICATE_REVOKED:	return "our certificate was revoked";
	case GNUTLS_A_UNKNOWN_CA:		return "our certificate is not of the CA that it trusts";
	case GNUTLS_A_BAD_CERTIFICATE:		return "our certificate is not valid there, by its date, name or use";
	case GNUTLS_A_UNSUPPORTED_CERTIFICATE:	return "our certificate is not for this use";
	case GNUTLS_A_CERTIFICATE_REQUIRED:	return "it wants a certificate of ours";
	case GNUTLS_A_ACCESS_DENIED:		return "our certificate is not on its list";
	case GNUTLS_A_PROTOCOL_VERSION:		return "we have no version of TLS in common; 1.2 is the least";
	default:				return NULL;
	}
}

static void explain_alert(struct rpc_tls *t)
{
	gnutls_alert_description_t alert = gnutls_alert_get(t->session);
	const char *text = alert_text(alert);

	if (!text)
		text = gnutls_alert_get_name(alert);
	explain(t, "%s refused us: %s", other(t), text ? text : "it did not say why");
}

/* GnuTLS's errors as -errno, the reason kept in words. */
static int failed(struct rpc_tls *t, long rc)
{
	if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED)
		return -EAGAIN;
	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		explain_alert(t);
		return -EACCES;
	}
	if (rc == GNUTLS_E_PREMATURE_TERMINATION)
		explain(t, "%s closed the connection without a word", other(t));
	else if (rc == GNUTLS_E_PULL_ERROR || rc == GNUTLS_E_PUSH_ERROR)
		explain(t, "the connection broke");
	else if (rc == GNUTLS_E_NO_CERTIFICATE_FOUND || rc == GNUTLS_E_CERTIFICATE_REQUIRED)
		explain(t, "%s showed no certificate", other(t));
	else if (rc == GNUTLS_E_UNSUPPORTED_VERSION_PACKET)
		explain(t, "%s knows no version of TLS that we accept; 1.2 is the least", other(t));
	else if (rc == GNUTLS_E_UNEXPECTED_PACKET || rc == GNUTLS_E_UNEXPECTED_PACKET_LENGTH ||
		 rc == GNUTLS_E_RECORD_OVERFLOW)
		explain(t, "%s does not speak TLS (%s)", other(t), gnutls_strerror((int)rc));
	else
		explain(t, "TLS: %s", gnutls_strerror((int)rc));
	return rc == GNUTLS_E_PREMATURE_TERMINATION || rc == GNUTLS_E_PULL_ERROR || rc == GNUTLS_E_PUSH_ERROR ?
	       -ECONNRESET : -EPROTO;
}

/* --- whose certificate it is --- */

static char *name_in(gnutls_x509_crt_t crt)
{
	char name[256];
	size_t len = sizeof(name);

	if (!gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len) && len)
		return xstrndup(name, len);
	len = sizeof(name);
	if (gnutls_x509_crt_get_subject_alt_name(crt, 0, name, &len, NULL) == GNUTLS_SAN_DNSNAME)
		return xstrndup(name, len);
	return xstrdup("(without a name)");
}

/* The peer's certificate, to be freed with gnutls_x509_crt_deinit(). NULL: none that can be read. */
static gnutls_x509_crt_t peer_crt(const struct rpc_tls *t)
{
	unsigned int n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(t->session, &n);
	gnutls_x509_crt_t crt;

	if (!chain || !n || gnutls_x509_crt_init(&crt))
		return NULL;
	if (!gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER))
		return crt;
	gnutls_x509_crt_deinit(crt);
	return NULL;
}

static char *day(time_t when)
{
	char buf[32] = "?";
	struct tm tm;

	if (gmtime_r(&when, &tm))
		strftime(buf, sizeof(buf), "%F %T UTC", &tm);
	return xstrdup(buf);
}

static gnutls_alert_description_t name_fault(struct rpc_tls *t, gnutls_x509_crt_t crt, unsigned int status)
{
	char *when;

	if (status & GNUTLS_CERT_REVOKED) {
		explain(t, "the certificate of %s '%s' was revoked", other(t), t->peer);
		return GNUTLS_A_CERTIFICATE_REVOKED;
	}
	if (status & (GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED | GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE)) {
		explain(t, "the certificate of %s '%s' cannot be checked: our revocation list is %s", other(t), t->peer,
			status & GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED ? "out of date" : "of the future; is the clock right?");
		return GNUTLS_A_BAD_CERTIFICATE;
	}
	if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) {
		bool over = status & GNUTLS_CERT_EXPIRED;

		when = day(over ? gnutls_x509_crt_get_expiration_time(crt) : gnutls_x509_crt_get_activation_time(crt));
		explain(t, over ? "the certificate of %s '%s' expired at %s" :
			"the certificate of %s '%s' is not valid before %s; is the clock right?", other(t), t->peer,
			when);
		free(when);
		return over ? GNUTLS_A_CERTIFICATE_EXPIRED : GNUTLS_A_BAD_CERTIFICATE;
	}
	if (status & GNUTLS_CERT_UNEXPECTED_OWNER) {
		explain(t, "the certificate of %s is made out to '%s', not to '%s'", other(t), t->peer, t->host);
		return GNUTLS_A_BAD_CERTIFICATE;
	}
	if (status & GNUTLS_CERT_PURPOSE_MISMATCH) {
		explain(t, "the certificate of %s '%s' is not for this use", other(t), t->peer);
		return GNUTLS_A_UNSUPPORTED_CERTIFICATE;
	}
	if (status & GNUTLS_CERT_INSECURE_ALGORITHM) {
		explain(t, "the certificate of %s '%s' is signed in a way that is not safe any more", other(t),
			t->peer);
		return GNUTLS_A_BAD_CERTIFICATE;
	}
	explain(t, "the certificate of %s '%s' is not of the CA that we trust", other(t), t->peer);
	return GNUTLS_A_UNKNOWN_CA;
}

/* May the peer be trusted? If not, it is told. */
static int verify(struct rpc_tls *t)
{
	gnutls_typed_vdata_st data[2] = {
		{ .type = GNUTLS_DT_KEY_PURPOSE_OID,
		  .data = (void *)(uintptr_t)(t->host ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT) },
		{ .type = GNUTLS_DT_DNS_HOSTNAME, .data = (unsigned char *)t->host },
	};
	gnutls_x509_crt_t crt = peer_crt(t);
	unsigned int status = 0;
	int rc;

	if (!crt) {
		explain(t, "%s showed no certificate that can be read", other(t));
		gnutls_alert_send(t->session, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
		return -EACCES;
	}
	t->peer = name_in(crt);
	rc = gnutls_certificate_verify_peers(t->session, data, t->host ? 2 : 1, &status);
	if (rc < 0) {
		explain(t, "the certificate of %s '%s' cannot be checked: %s", other(t), t->peer, gnutls_strerror(rc));
		gnutls_alert_send(t->session, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
	} else if (status) {
		gnutls_alert_send(t->session, GNUTLS_AL_FATAL, name_fault(t, crt, status));
	}
	gnutls_x509_crt_deinit(crt);
	return rc < 0 || status ? -EACCES : 1;
}

static bool skip(long rc)
{
	return rc < 0 && rc != GNUTLS_E_AGAIN && !gnutls_error_is_fatal((int)rc);
}

int rpc_tls_handshake(struct rpc_tls *t)
{
	int rc = GNUTLS_E_INTERRUPTED;

	if (t->shaken)
		return 1;
	for (int i = 0; i < SKIPS && skip(rc); i++)
		rc = gnutls_handshake(t->session);
	if (rc < 0 && gnutls_error_is_fatal(rc)) {
		int err = failed(t, rc);

		if (rc != GNUTLS_E_FATAL_ALERT_RECEIVED)
			gnutls_alert_send_appropriate(t->session, rc);
		return err;
	}
	if (rc < 0)
		return 0;
	t->shaken = true;
	return verify(t);
}

bool rpc_tls_wants_write(const struct rpc_tls *t)
{
	return t->sending || gnutls_record_get_direction(t->session);
}

ssize_t rpc_tls_recv(struct rpc_tls *t, void *buf, size_t len)
{
	ssize_t n = GNUTLS_E_INTERRUPTED;

	for (int i = 0; i < SKIPS && skip(n); i++)
		n = gnutls_record_recv(t->session, buf, len);
	return n < 0 ? failed(t, skip(n) ? GNUTLS_E_AGAIN : n) : n;
}

ssize_t rpc_tls_send(struct rpc_tls *t, const void *buf, size_t len)
{
	ssize_t n;

	do {
		/* GnuTLS has the bytes of a record that is under way, and returns their number in the end. */
		n = t->sending ? gnutls_record_send(t->session, NULL, 0) : gnutls_record_send(t->session, buf, len);
		t->sending = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
	} while (n == GNUTLS_E_INTERRUPTED);
	return n < 0 ? failed(t, n) : n;
}

size_t rpc_tls_buffered(const struct rpc_tls *t)
{
	return gnutls_record_check_pending(t->session);
}

int rpc_tls_bye(struct rpc_tls *t)
{
	int rc;

	if (!t->shaken)
		return 0;
	do {
		rc = gnutls_bye(t->session, GNUTLS_SHUT_WR);
	} while (rc == GNUTLS_E_INTERRUPTED);
	return rc < 0 ? failed(t, rc) : 0;
}

const char *rpc_tls_why(const struct rpc_tls *t)
{
	return t->why;
}

const char *rpc_tls_peer(const struct rpc_tls *t)
{
	return t->peer ? t->peer : "";
}
