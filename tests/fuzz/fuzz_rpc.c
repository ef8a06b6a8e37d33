/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what a client may send. The input is a stream of messages, taken apart as xld does it; each body is
 * decoded as the arguments, the result and the error of its procedure. What decodes must encode again to the same
 * bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "rpc/xrpc.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_body(const struct rpc_header *h, const uint8_t *body, size_t len, xdrproc_t xdr, size_t size)
{
	void *obj = xcalloc(1, size);
	uint8_t *again;
	size_t n;

	if (rpc_decode(body, len, xdr, obj)) {
		again = rpc_encode(h, xdr, obj, &n);
		if (!again || n != len + RPC_HEADER_SIZE || memcmp(again + RPC_HEADER_SIZE, body, len))
			abort();
		free(again);
	}
	rpc_release(xdr, obj);
	free(obj);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rpc_proc *p;
	struct rpc_header h;

	while (rpc_header_get(data, size, &h) == 1) {
		const uint8_t *body = data + RPC_HEADER_SIZE;
		size_t len = h.length - RPC_HEADER_SIZE;

		p = rpc_proc_find(h.proc);
		if (p) {
			try_body(&h, body, len, p->xdr_args, p->args_size);
			try_body(&h, body, len, p->xdr_ret, p->ret_size);
		}
		try_body(&h, body, len, (xdrproc_t)xdr_xld_error, sizeof(xld_error));
		data += h.length;
		size -= h.length;
	}
	return 0;
}
