/* SPDX-License-Identifier: MIT */
/*
 * xl console: attach the terminal to a domain's console.
 *
 * xenconsoled offers the console as a pseudo-terminal; this passes bytes between it and the standard descriptors.
 * Ctrl-], or another character with -e, leaves. The user's terminal is raw meanwhile and is restored at every way out.
 * The end of standard input only stops typing: output goes on until the domain ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "xl.h"

#define TTY_WAIT_MS 10000
#define POLL_MS 20

static char escape = 0x1d;		/* Ctrl-] */

struct console {
	int fd;
	bool input;			/* standard input is still open */
	struct termios saved;
	bool raw;
};

/* Ask xld where the console is; xenconsoled needs a moment after the domain was made. Empty: not there. */
static bool find_tty(const char *domain, xld_console *con)
{
	struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	xld_domain d = { .name = (char *)(uintptr_t)domain };

	for (int ms = 0; ; ms += POLL_MS) {
		if (!call(XLD_DOMAIN_CONSOLE, &d, con))
			return false;
		if (*con->tty || ms >= TTY_WAIT_MS)
			return true;
		rpc_release((xdrproc_t)xdr_xld_console, con);
		nanosleep(&pause, NULL);
	}
}

static int open_tty(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (fd >= 0 && !tcgetattr(fd, &t)) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

struct console *console_open(const char *domain)
{
	struct console *c = NULL;
	xld_console con;
	int fd;

	if (daemon_is_remote()) {
		complain("a console can be opened in the dom0 of its host only; run xl there, by ssh for instance");
		return NULL;
	}
	if (!find_tty(domain, &con))
		return NULL;
	if (!*con.tty) {
		complain("domain '%s' has no console: xenconsoled does not serve it; `xl doctor` says whether it runs",
			 domain);
	} else if ((fd = open_tty(con.tty)) < 0) {
		complain("cannot open the console %s of domain '%s': %s", con.tty, domain, strerror(errno));
	} else {
		c = xcalloc(1, sizeof(*c));
		c->fd = fd;
		c->input = true;
	}
	rpc_release((xdrproc_t)xdr_xld_console, &con);
	return c;
}

static void terminal_raw(struct console *c)
{
	struct termios t;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &c->saved))
		return;
	if (escape < ' ')
		fprintf(stderr, "Connected; Ctrl-%c leaves the console.\n", escape + '@');
	else
		fprintf(stderr, "Connected; %c leaves the console.\n", escape);
	t = c->saved;
	cfmakeraw(&t);
	c->raw = !tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static void terminal_restore(struct console *c)
{
	if (c->raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &c->saved);
}

static bool write_all(int fd, const char *buf, size_t n)
{
	while (n) {
		ssize_t done = write(fd, buf, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		buf += done;
		n -= done;
	}
	return true;
}

/* Typed bytes go to the domain. false: leave. */
static bool pass_input(struct console *c)
{
	char buf[256], *esc;
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		c->input = false;
		return true;
	}
	esc = c->raw ? memchr(buf, escape, n) : NULL;
	return write_all(c->fd, buf, esc ? (size_t)(esc - buf) : (size_t)n) && !esc;
}

/* What the domain writes goes to the terminal. false: it is gone. */
static bool pass_output(struct console *c)
{
	char buf[4096];
	ssize_t n = read(c->fd, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return true;
	return n > 0 && write_all(STDOUT_FILENO, buf, n);
}

int console_run(struct console *c)
{
	struct pollfd fds[2] = { { .fd = c->fd, .events = POLLIN } };
	bool on = true;

	signal(SIGPIPE, SIG_IGN);
	terminal_raw(c);
	while (on) {
		fds[1] = (struct pollfd){ .fd = c->input ? STDIN_FILENO : -1, .events = POLLIN };
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents)
			on = pass_output(c);
		else if (fds[1].revents)
			on = pass_input(c);
	}
	terminal_restore(c);
	if (c->raw)
		fputc('\n', stderr);
	close(c->fd);
	free(c);
	return EXIT_SUCCESS;
}

/* A character, or ^ and one that is typed with Ctrl. */
static bool parse_escape(const char *text)
{
	bool ctrl = text[0] == '^' && text[1];
	char c = text[ctrl];

	if (!c || text[ctrl + 1] || (ctrl && (c < '@' || c > 'z'))) {
		complain("console: the escape character must be one, or one behind ^, not '%s'", text);
		return false;
	}
	escape = ctrl ? (char)(c & 0x1f) : c;
	return true;
}

/* There is one console for each domain: number 0 of type pv. */
static bool console_option(int opt)
{
	if (opt == 'e')
		return parse_escape(optarg);
	if (opt == 't' && strcmp(optarg, "pv"))
		complain("console: a PV domain has no console of type '%s', only pv", optarg);
	else if (opt == 'n' && strcmp(optarg, "0"))
		complain("console: there is no console %s, only 0", optarg);
	else
		return true;
	return false;
}

static int cmd_console(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "type", required_argument, NULL, 't' }, { "num", required_argument, NULL, 'n' },
		{ "escape", required_argument, NULL, 'e' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct console *c;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "t:n:e:h", longs)) != -1)
		if (!console_option(opt))
			return EXIT_FAILURE;
	want_args(cmd, argc, 1, 1);
	c = console_open(argv[optind]);
	return c ? console_run(c) : EXIT_FAILURE;
}

const struct command cmds_console[] = {
	{ .name = "console", .fn = cmd_console, .args = "DOMAIN",
	  .summary = "Attach to the console of a domain; Ctrl-] leaves",
	  .options = "  -e, --escape=C  what leaves it: a character, or ^ and one that is typed with Ctrl\n"
		     "  -t, --type=pv   accepted: there is one type\n"
		     "  -n, --num=0     accepted: there is one console\n" },
	{ 0 },
};
