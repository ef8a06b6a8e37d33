/* SPDX-License-Identifier: MIT */
/*
 * A small certificate authority: enough for two hosts to trust each other. Keys are ECDSA P-256.
 *
 * Files are made, never overwritten, but for the list of revoked certificates; keys are readable for their owner only.
 */
#ifndef LIB_RPC_PKI_H
#define LIB_RPC_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct pki_ca;

/* NULL in a program without pki.c. */
#pragma weak pki_init
#pragma weak pki_revoke

struct pki_want {
	const char *names;		/* and addresses, with commas between; the first is the common name */
	time_t from, until;
	bool server, client;		/* what it is for */
};

/* All functions: false, or NULL, with *why. */
struct pki_ca *pki_ca_new(const char *name, time_t from, time_t until, char **why);
void pki_ca_free(struct pki_ca *ca);		/* NULL is fine */
bool pki_ca_write(const struct pki_ca *ca, const char *cert, const char *key, char **why);	/* key may be NULL */
bool pki_ca_issue(const struct pki_ca *ca, const struct pki_want *w, const char *cert, const char *key, char **why);

/*
 * A CA and a certificate for each of n hosts, below dir, which is made if it is missing: ca.pem, ca.key, host.pem and
 * host.key for hosts[0], and NAME/{ca.pem,host.pem,host.key} for the others. A failure leaves nothing behind. report
 * is called for each file made.
 */
bool pki_init(const char *dir, const char *const hosts[], size_t n, void (*report)(const char *path), char **why);

/*
 * Put the certificate in the file cert on the list of what the CA in dir has revoked, dir/crl.pem, which is made if it
 * is missing. *news: whether it was not on it yet.
 */
bool pki_revoke(const char *dir, const char *cert, bool *news, char **why);

#endif
