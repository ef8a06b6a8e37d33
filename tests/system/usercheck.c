/* SPDX-License-Identifier: MIT */
/*
 * Does a program find what x86 and Linux promise it: registers over system calls and signals, faults as signals with
 * the right address, ptrace, threads, segment bases, the clock? Runs under any Linux kernel and knows nothing of
 * hypervisors. Places of system calls are used so often that a kernel that changes them does.
 *
 *	usercheck [CHECK...]	default: all. Prints "ok NAME" or "FAILED NAME: why" for each; status 1 if one failed
 *	usercheck peek		says whether the kernel's text can be read: "readable" or "fault"
 *
 * No libraries: it is linked statically.
 */
#include <asm/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "checks.h"

#define KERNEL_TEXT	((volatile char *)0xffffffff81000000)

__attribute__((format(printf, 2, 3)))
static void check(bool ok, const char *fmt, ...)
{
	va_list ap;

	if (ok)
		return;
	va_start(ap, fmt);
	vfail(fmt, ap);
	va_end(ap);
}

/* --- registers over a system call ---------------------------------------------------------------------- */

struct regs {
	uint64_t rbx, rdx, rsi, rdi, r8, r9, r10, r12, r13, r14, r15, rax, rcx, r11, next;
};

/* getppid with these in all other registers; rcx and r11 come back as rip and rflags. */
static void call_with(struct regs *r)
{
	__asm__ volatile("push %%rbp; push %%rbx; mov %0, %%rbp\n\t"
		"mov 0(%%rbp), %%rbx; mov 8(%%rbp), %%rdx; mov 16(%%rbp), %%rsi; mov 24(%%rbp), %%rdi\n\t"
		"mov 32(%%rbp), %%r8; mov 40(%%rbp), %%r9; mov 48(%%rbp), %%r10; mov 56(%%rbp), %%r12\n\t"
		"mov 64(%%rbp), %%r13; mov 72(%%rbp), %%r14; mov 80(%%rbp), %%r15; mov $110, %%eax\n\t"
		"syscall\n"
		"1: mov %%rbx, 0(%%rbp); mov %%rdx, 8(%%rbp); mov %%rsi, 16(%%rbp); mov %%rdi, 24(%%rbp)\n\t"
		"mov %%r8, 32(%%rbp); mov %%r9, 40(%%rbp); mov %%r10, 48(%%rbp); mov %%r12, 56(%%rbp)\n\t"
		"mov %%r13, 64(%%rbp); mov %%r14, 72(%%rbp); mov %%r15, 80(%%rbp); mov %%rax, 88(%%rbp)\n\t"
		"mov %%rcx, 96(%%rbp); mov %%r11, 104(%%rbp); lea 1b(%%rip), %%rax; mov %%rax, 112(%%rbp)\n\t"
		"pop %%rbx; pop %%rbp"
		: : "r" (r) : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
		  "memory", "cc");
}

static void check_syscall(void)
{
	for (int i = 0; i < 2000; i++) {
		uint64_t x = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11;
		struct regs r = { x, x + 1, x + 2, x + 3, x + 4, x + 5, x + 6, x + 7, x + 8, x + 9, x + 10, 0, 0, 0, 0 };
		const struct regs was = r;

		call_with(&r);
		check(!memcmp(&r, &was, offsetof(struct regs, rax)), "a register has changed over a system call");
		check(r.rax == (uint64_t)getppid(), "getppid is %ld", (long)r.rax);
		check(r.rcx == r.next && (r.r11 & 0x202) == 0x202, "rcx %lx, r11 %lx", (long)r.rcx, (long)r.r11);
	}
}

/* --- one place over and over ----------------------------------------------------------------------------- */

#define OFTEN	300

struct pair {
	long result, kept;		/* in rax and rdx */
};

/*
 * one_call(word): getppid, with the word below the stack pointer meanwhile. jump_call(word, nr): the same instruction,
 * jumped to. call_read, call_sleep: read and nanosleep. no_stack_call: getppid without a stack.
 */
__asm__(".pushsection .text\n"
	"one_call:\n"
	"	mov %rdi, -8(%rsp)\n"
	"one_call_insn:\n"
	"	mov $110, %eax\n"
	"one_call_syscall:\n"
	"	syscall\n"
	"one_call_end:\n"
	"	mov -8(%rsp), %rdx\n"
	"	ret\n"
	"jump_call:\n"
	"	mov %rdi, -8(%rsp)\n"
	"	mov %esi, %eax\n"
	"	jmp one_call_syscall\n"
	"call_read:\n"
	"	mov $0, %eax\n"
	"	syscall\n"
	"	ret\n"
	"call_sleep:\n"
	"	mov $35, %eax\n"
	"	syscall\n"
	"	ret\n"
	"no_stack_call:\n"
	"	mov %rsp, %r8\n"
	"	xor %esp, %esp\n"
	"	mov $110, %eax\n"
	"	syscall\n"
	"	mov %r8, %rsp\n"
	"	ret\n"
	".popsection");
struct pair one_call(long word), jump_call(long word, long nr);
long call_read(int fd, void *to, size_t n), call_sleep(const struct timespec *t, struct timespec *left), no_stack_call(void);
extern char one_call_insn[], one_call_end[];

static void call_once(long word)
{
	struct pair p = one_call(word);

	check(p.result == (long)getppid() && p.kept == word, "getppid is %ld, %lx below the stack is %lx", p.result, word, p.kept);
}

/* The C library's own places; some of them go two ways, with threads and without. */
static void use_pipe(void)
{
	int ends[2];
	char c;

	check(!pipe(ends), "no pipe");
	for (int i = 0; i < OFTEN; i++) {
		char sent = (char)i;

		check(write(ends[1], &sent, 1) == 1 && read(ends[0], &c, 1) == 1 && c == sent, "byte %d is lost", i);
	}
	close(ends[0]);
	close(ends[1]);
}

static void check_place(void)
{
	use_pipe();
	for (long i = 0; i < OFTEN; i++) {
		struct pair p;

		call_once(i << 32 | 0x1234);
		p = jump_call(i, SYS_getuid);
		check(p.result == (long)getuid() && p.kept == i, "getuid is %ld", p.result);
		check(no_stack_call() == (long)getppid(), "without a stack");
	}
}

/* The arithmetic flags and DF are as before, whatever they were. */
static void check_flags(void)
{
	for (unsigned int i = 0; i < 2 * OFTEN; i++) {
		uint64_t want = 0x202 | (i & 1) | (i & 2) << 1 | (i & 4) << 2 | (i & 8) << 3 | (i & 16) << 3 | (i & 32) << 5 |
				(i & 64) << 5, got;
		long rax;

		__asm__ volatile("lea -128(%%rsp), %%rsp; push %2; popf; mov $110, %%eax\n\t"
				 "syscall; pushf; pop %1; cld; lea 128(%%rsp), %%rsp"
				 : "=&a" (rax), "=&r" (got) : "r" (want) : "rcx", "r11", "memory", "cc");
		check(got == want && rax == (long)getppid(), "flags were %lx and are %lx", (long)want, (long)got);
	}
}

/* --- signals --------------------------------------------------------------------------------------------- */

static sigjmp_buf back;
static siginfo_t last;

static void on_fault(int sig, siginfo_t *info, void *ctx)
{
	(void)sig;
	(void)ctx;
	last = *info;
	siglongjmp(back, 1);
}

static void catch(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &a, NULL);
}

#define FAULTS(what, sig, code, at) do { \
	last.si_signo = 0; \
	if (!sigsetjmp(back, 1)) { \
		what; \
	} \
	check(last.si_signo == (sig) && last.si_code == (code) && (!(at) || last.si_addr == (void *)(at)), \
	      "%s: signal %d code %d at %p", #what, last.si_signo, last.si_code, last.si_addr); \
} while (0)

static volatile int ticks;

static void on_tick(int sig, siginfo_t *info, void *ctx)
{
	(void)sig;
	(void)info;
	(void)ctx;
	ticks++;
}

/* A loop that keeps a sum in registers, general ones and of the FPU, under a timer. */
static void run_under_timer(void)
{
	struct itimerval t = { .it_interval.tv_usec = 1000, .it_value.tv_usec = 1000 }, off = { 0 };
	time_t end = time(NULL) + 60;

	catch(SIGALRM, on_tick, SA_RESTART);
	setitimer(ITIMER_REAL, &t, NULL);
	while (ticks < 100 && time(NULL) < end) {
		uint64_t a = 0;
		double d = 0;

		for (int i = 0; i < 10000; i++) {
			a += i;
			d += i;
			__asm__ volatile("" : "+r" (a), "+x" (d));
		}
		check(a == 49995000 && d == 49995000.0, "a sum was disturbed by a signal");
	}
	setitimer(ITIMER_REAL, &off, NULL);
	check(ticks >= 100, "only %d signals of a timer", ticks);
}

/* Signals at every point of the way into the kernel and back. */
static void check_storm(void)
{
	struct itimerval t = { .it_interval.tv_usec = 300, .it_value.tv_usec = 300 }, off = { 0 };
	time_t end = time(NULL) + 60;

	ticks = 0;
	catch(SIGALRM, on_tick, SA_RESTART);
	setitimer(ITIMER_REAL, &t, NULL);
	for (long i = 0; ticks < 1000 && time(NULL) < end; i++)
		for (int n = 0; n < 50; n++)
			call_once(i);
	check_syscall();
	setitimer(ITIMER_REAL, &off, NULL);
	check(ticks >= 200, "only %d signals of a timer", ticks);
}

static int pipe_ends[2];

static void *write_late(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++) {
		usleep(20000);
		if (write(pipe_ends[1], "x", 1) != 1)
			return NULL;
	}
	return NULL;
}

/* Reads that are interrupted begin again, or say so. */
static void check_restart(void)
{
	struct itimerval t = { .it_interval.tv_usec = 3000, .it_value.tv_usec = 3000 }, off = { 0 };
	pthread_t writer;
	sigset_t alarm;
	char c = 0;

	check(!pipe(pipe_ends), "no pipe");
	for (int i = 0; i < OFTEN; i++)
		check(write(pipe_ends[1], "y", 1) == 1 && call_read(pipe_ends[0], &c, 1) == 1 && c == 'y', "a byte is lost");
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	pthread_create(&writer, NULL, write_late, NULL);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	ticks = 0;
	catch(SIGALRM, on_tick, SA_RESTART);
	setitimer(ITIMER_REAL, &t, NULL);
	for (int i = 0; i < 10; i++) {
		long rc = call_read(pipe_ends[0], &c, 1);

		check(rc == 1 && c == 'x', "an interrupted read is %ld", rc);
	}
	pthread_join(writer, NULL);
	check(ticks > 10, "only %d signals", ticks);
	catch(SIGALRM, on_tick, 0);
	for (int i = 0; i < 10; i++)
		check(call_read(pipe_ends[0], &c, 1) == -4, "no EINTR");
	setitimer(ITIMER_REAL, &off, NULL);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

/* A sleep that is stopped and continued sleeps for the rest of its time. */
static void check_stop(void)
{
	struct timespec little = { .tv_nsec = 1 }, t = { .tv_nsec = 400000000 };
	pid_t pid = fork();
	int status;

	if (!pid) {
		double start;
		long rc;

		for (int i = 0; i < OFTEN; i++)
			call_sleep(&little, NULL);
		start = seconds();
		raise(SIGSTOP);
		rc = call_sleep(&t, NULL);
		_exit(rc ? 1 : seconds() - start < 0.4 ? 2 : 0);
	}
	check(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "the child does not stop");
	for (int i = 0; i < 4; i++) {
		kill(pid, SIGCONT);
		usleep(50000);
		kill(pid, SIGSTOP);
		usleep(20000);
	}
	kill(pid, SIGCONT);
	check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status), "status %x", status);
}

static void check_signal(void)
{
	char *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static char stack[65536];
	stack_t s = { .ss_sp = stack, .ss_size = sizeof(stack) };

	munmap(p + 4096, 4096);
	sigaltstack(&s, NULL);
	catch(SIGSEGV, on_fault, SA_ONSTACK);
	catch(SIGILL, on_fault, 0);
	catch(SIGFPE, on_fault, 0);
	catch(SIGTRAP, on_fault, 0);
	for (volatile int i = 0; i < 100; i++) {
		FAULTS(*(volatile char *)p = 1, SIGSEGV, SEGV_ACCERR, p);
		FAULTS(*(volatile char *)(p + 4096), SIGSEGV, SEGV_MAPERR, p + 4096);
		FAULTS(((void (*)(void))p)(), SIGSEGV, SEGV_ACCERR, p);
		FAULTS(__asm__ volatile("ud2"), SIGILL, ILL_ILLOPN, 0);
		FAULTS(__asm__ volatile("int3"), SIGTRAP, SI_KERNEL, 0);
		FAULTS(__asm__ volatile("div %0" : : "r" (0), "a" (1), "d" (0)), SIGFPE, FPE_INTDIV, 0);
		FAULTS(__asm__ volatile("cli"), SIGSEGV, SI_KERNEL, 0);
	}
	munmap(p, 4096);
	run_under_timer();
}

/* --- ptrace ---------------------------------------------------------------------------------------------- */

static volatile long traced = 5;

static void be_traced(void)
{
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	syscall(SYS_getppid);
	syscall(SYS_getuid);
	_exit(traced == 7 ? 0 : 1);
}

static bool at_call(pid_t pid, long nr, bool *there)
{
	struct user_regs_struct r;
	int status;

	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	check((r.cs & 3) == 3 && r.rip < 1ul << 47, "stopped at %llx:%llx", r.cs, r.rip);
	*there = (long)r.orig_rax == nr;
	return true;
}

static void check_ptrace(void)
{
	struct user_regs_struct r;
	pid_t pid = fork();
	bool there = false;
	int status, steps = 0;

	if (!pid)
		be_traced();
	waitpid(pid, &status, 0);
	check(WIFSTOPPED(status), "the child does not stop");
	while (!there && at_call(pid, SYS_getppid, &there))
		;
	check(there, "no stop at getppid");
	check(ptrace(PTRACE_PEEKDATA, pid, &traced, 0) == 5, "its memory cannot be read");
	check(!ptrace(PTRACE_POKEDATA, pid, &traced, 7), "its memory cannot be written");
	check(at_call(pid, SYS_getppid, &there) && there, "no stop at its end");
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	check(r.rax == (unsigned long)getpid(), "it gets %lld", (long long)r.rax);
	do {
		ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			break;
		ptrace(PTRACE_GETREGS, pid, 0, &r);
	} while (++steps < 1000 && r.orig_rax != SYS_getuid && r.rax != getuid());
	check(steps > 2 && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP, "%d single steps, status %x", steps, status);
	ptrace(PTRACE_CONT, pid, 0, 0);
	check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status), "status %x", status);
}

static void be_stepped(void)
{
	for (int i = 0; i < OFTEN; i++)
		call_once(i);
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	call_once(1);
	call_once(2);
	_exit(failures ? 1 : 0);
}

/* Goes on in single steps until it is there; how many steps, 0: never. */
static int step_to(pid_t pid, const char *there)
{
	struct user_regs_struct r;
	int status;

	for (int steps = 1; steps < 5000; steps++) {
		ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			return 0;
		ptrace(PTRACE_GETREGS, pid, 0, &r);
		if (r.rip == (uintptr_t)there)
			return steps;
	}
	return 0;
}

/* Single steps over a place that has been used often, and a breakpoint at it, as a debugger makes them. */
static void check_steps(void)
{
	struct user_regs_struct r;
	pid_t pid = fork();
	int status;
	long text;

	if (!pid)
		be_stepped();
	check(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "the child does not stop");
	check(step_to(pid, one_call_insn), "single steps do not come to the call");
	check(step_to(pid, one_call_end), "single steps do not come out of the call");
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	check(r.rax == (unsigned long)getpid(), "it gets %lld", (long long)r.rax);
	text = ptrace(PTRACE_PEEKTEXT, pid, one_call_insn, 0);
	check(!ptrace(PTRACE_POKETEXT, pid, one_call_insn, (text & ~0xffl) | 0xcc), "no breakpoint");
	ptrace(PTRACE_CONT, pid, 0, 0);
	check(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP, "status %x", status);
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	check(r.rip == (uintptr_t)one_call_insn + 1, "the breakpoint is at %llx", r.rip);
	r.rip--;
	ptrace(PTRACE_POKETEXT, pid, one_call_insn, text);
	ptrace(PTRACE_SETREGS, pid, 0, &r);
	ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
	waitpid(pid, &status, 0);
	ptrace(PTRACE_CONT, pid, 0, 0);
	check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status), "status %x", status);
}

/* --- threads, bases, clock --------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static int whose;
static __thread long mine;

static void *ping(void *arg)
{
	int me = (int)(intptr_t)arg;

	syscall(SYS_arch_prctl, ARCH_SET_GS, &mine);
	for (int i = 0; i < 500; i++) {
		long seen;

		mine = me * 1000 + i;
		pthread_mutex_lock(&lock);
		while (whose != me)
			pthread_cond_wait(&turn, &lock);
		whose = (me + 1) % 4;
		pthread_cond_broadcast(&turn);
		pthread_mutex_unlock(&lock);
		__asm__ volatile("mov %%gs:0, %0" : "=r" (seen));
		check(mine == me * 1000 + i && seen == mine, "thread %d has %ld, %%gs says %ld", me, mine, seen);
	}
	return NULL;
}

static void *call_often(void *arg)
{
	use_pipe();
	for (int i = 0; i < 4 * OFTEN; i++) {
		call_once((intptr_t)arg + i);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void check_threads(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, call_often, (void *)(intptr_t)(i << 16));
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, ping, (void *)(intptr_t)i);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

static void check_fork(void)
{
	int status;

	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (!pid) {
			for (int n = 0; n < OFTEN / (i + 1); n++)
				call_once(n);
			if (failures)
				_exit(8);
			execl("/proc/self/exe", "usercheck", "nothing", NULL);
			_exit(9);
		}
		check(waitpid(pid, &status, 0) == pid && !status, "child %d: status %x", i, status);
	}
}

static void check_clock(void)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 10000; i++, a = b) {
		clock_gettime(CLOCK_MONOTONIC, &b);
		check(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec), "the clock goes back");
	}
}

static int peek(void)
{
	catch(SIGSEGV, on_fault, 0);
	if (sigsetjmp(back, 1)) {
		printf("fault\n");
		return 0;
	}
	(void)*KERNEL_TEXT;
	printf("readable\n");
	return 0;
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		{ "syscall", check_syscall }, { "place", check_place }, { "flags", check_flags }, { "signal", check_signal },
		{ "storm", check_storm }, { "restart", check_restart }, { "stop", check_stop }, { "ptrace", check_ptrace },
		{ "steps", check_steps }, { "threads", check_threads }, { "fork", check_fork }, { "clock", check_clock },
	};

	if (argc == 2 && !strcmp(argv[1], "peek"))
		return peek();
	setvbuf(stdout, NULL, _IOLBF, 0);
	return checks_run(checks, sizeof(checks) / sizeof(checks[0]), false, argc, argv);
}
