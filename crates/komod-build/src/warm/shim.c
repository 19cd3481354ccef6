/*
 * Stops a C compiler proper (GCC's cc1) where its main file's include preamble ends, and lets forks
 * of it go on, each with the main file's newest text.
 *
 * Preloaded into cc1 by komod, which compiles this file for the purpose. The main file's buffer is
 * placed so that the first byte after the preamble begins a page, and that page is made
 * inaccessible: cc1 runs until it touches the byte. So it has provably used nothing behind the
 * preamble, and what it does next depends on the text that a fork puts there. One requester is one
 * fork. A fork goes on only if all files that cc1 has looked for, found or not, are as they were,
 * and the preamble is the same; in every other case it says why and ends, and the requester runs
 * the plain compiler. Before the stop, anything unexpected ends the process.
 *
 * A shared server stands for many files that begin alike. Its main file is a name without a file:
 * what is read under it is the preamble alone, in another file. A request brings the text to go on
 * with, and takes the list of dependencies, which cc1 otherwise writes by name.
 *
 * The main file's end is known to cc1 from a pair of pointers (start, end) in its heap; the pair is
 * searched for at the stop and must be found exactly once.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 33)
#error "stat() is no function of this C library"
#endif

void *__libc_malloc(size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *old);

#define PAGE 4096ul
#define ROOM (16ul << 20)   /* for the text after the preamble; address space, not memory */
#define FRESH_NS 50000000ll /* file times may be that coarse */
#define TRAP_FLAG 0x100     /* in the x86 flags: a trap after the next instruction */
#define CHILDREN 64
#define FILES 5             /* in a request: assembly, messages, output; shared: text, dependencies */
#define MAGIC "komod-warm-2"

static enum { OFF, READING, STOPPED, GOING_ON } phase;

/* What komod asked for. */
static const char *source, *socket_path, *assembly;
static const char *shared_text, *depfile; /* empty for a server of one file */
static size_t split;
static long idle_seconds, life_seconds, child_seconds, floor_kib;

/* The main file in cc1's memory. */
static int main_fd = -1;
static size_t main_size, main_read;
static char *text, *preamble; /* cc1 joins lines in place: the preamble as it was read is a copy */
static char **limits; /* points to cc1's pair (start, end) */

static int assembly_fd = -1, deps_fd = -1, stats_seen, conn = -1;
static pid_t server;
static struct sigaction compilers_own;

/* A file that cc1 has looked for. */
struct look {
	char *path;
	struct stat found;
	enum { ABSENT, FILE_READ, EXISTS } kind;
};
static struct look *looks;
static size_t looks_len, looks_room;

/* Before the stop: the process is of no use. stderr is a file that komod may read. */
static void refuse(const char *why)
{
	dprintf(2, "%s\n", why);
	_exit(3);
}

static int is_fresh(const struct stat *found)
{
	const struct timespec *when[] = { &found->st_mtim, &found->st_ctim };
	struct timespec now;
	int i;

	clock_gettime(CLOCK_REALTIME, &now);
	for (i = 0; i < 2; i++)
		if ((now.tv_sec - when[i]->tv_sec) * 1000000000ll + now.tv_nsec - when[i]->tv_nsec < FRESH_NS)
			return 1;
	return 0;
}

/*
 * A file that is about to be read. If it was changed just now, it could change again without a
 * newer time: so some time passes first.
 */
static void let_age(int fd, struct stat *found)
{
	static int rounds = 200;
	struct timespec pause = { .tv_nsec = FRESH_NS / 10 };

	while (is_fresh(found)) {
		if (rounds-- == 0)
			refuse("a file is younger than the clock");
		nanosleep(&pause, NULL);
		if (fstat(fd, found))
			refuse("cannot look at a file");
	}
}

static void look(const char *path, const struct stat *found, int kind)
{
	struct look *l;

	if (looks_len == looks_room) {
		looks_room = looks_room ? 2 * looks_room : 1024;
		looks = __libc_realloc(looks, looks_room * sizeof(*looks));
		if (!looks)
			refuse("out of memory");
	}
	l = &looks[looks_len++];
	l->kind = kind;
	l->path = __libc_malloc(strlen(path) + 1);
	if (!l->path)
		refuse("out of memory");
	strcpy(l->path, path);
	if (kind != ABSENT)
		l->found = *found;
}

static int same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static int is_as_it_was(const struct look *l)
{
	struct stat now;

	if (fstatat(AT_FDCWD, l->path, &now, 0))
		return l->kind == ABSENT;
	if (l->kind == ABSENT || now.st_dev != l->found.st_dev || now.st_ino != l->found.st_ino)
		return 0;
	return l->kind != FILE_READ ||
	       (now.st_size == l->found.st_size && same_time(now.st_mtim, l->found.st_mtim) &&
		same_time(now.st_ctim, l->found.st_ctim));
}

/* ---- what cc1 calls ---- */

static void arm(void)
{
	if (mprotect(text + split, ROOM, PROT_NONE))
		refuse("cannot protect the text");
}

static int opened(const char *path, int flags, mode_t mode)
{
	int shared = phase == READING && *shared_text && !strcmp(path, source);
	int fd = syscall(SYS_openat, AT_FDCWD, shared ? shared_text : path, flags, mode), error = errno;
	struct stat found;

	if (phase != READING)
		return fd;
	if (fd < 0) {
		look(path, NULL, ABSENT);
	} else if (fstat(fd, &found)) {
		refuse("cannot look at a file");
	} else if (!text && main_fd == -1 && !strcmp(path, source)) {
		main_fd = fd;
		main_size = found.st_size;
	} else if (strcmp(path, source)) {
		if (S_ISREG(found.st_mode))
			let_age(fd, &found);
		look(path, &found, S_ISREG(found.st_mode) ? FILE_READ : EXISTS);
	} else {
		refuse("the source includes itself");
	}
	errno = error;
	return fd;
}

int open(const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int stat(const char *restrict path, struct stat *restrict found)
{
	int failed = fstatat(AT_FDCWD, path, found, 0), error = errno;

	if (phase == READING) {
		stats_seen = 1;
		look(path, found, failed ? ABSENT : EXISTS);
	}
	errno = error;
	return failed;
}

int stat64(const char *restrict, struct stat64 *restrict) __attribute__((alias("stat")));

void *malloc(size_t size)
{
	if (phase == READING && main_fd >= 0 && !text && size >= main_size && size <= main_size + 64) {
		size_t head = (split + PAGE - 1) & ~(PAGE - 1);
		char *region = mmap(NULL, head + ROOM + PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (region == MAP_FAILED || main_size <= split || main_size > ROOM)
			refuse("no room for the source");
		return text = region + head - split;
	}
	return __libc_malloc(size);
}

void *realloc(void *old, size_t size)
{
	if (text && old == text)
		refuse("the compiler converts the source");
	return __libc_realloc(old, size);
}

void free(void *old)
{
	if (!text || old != text)
		__libc_free(old);
	else if (phase == READING)
		refuse("the compiler let go of the source");
}

ssize_t read(int fd, void *to, size_t size)
{
	ssize_t got = syscall(SYS_read, fd, to, size);

	if (phase == READING && fd == main_fd) {
		if (!text || to != text + main_read)
			refuse("the compiler reads the source in an unknown way");
		main_read += got > 0 ? got : 0;
	}
	return got;
}

static void touched(int signal, siginfo_t *info, void *context);

int close(int fd)
{
	if (phase == READING && fd == main_fd) {
		struct sigaction action = { .sa_sigaction = touched, .sa_flags = SA_SIGINFO };

		main_fd = -2;
		if (!text || main_read != main_size || text[split - 1] != '\n' || text[main_size - 1] == '\r')
			refuse("the source is not as expected");
		preamble = __libc_malloc(split);
		if (!preamble)
			refuse("out of memory");
		memcpy(preamble, text, split);
		if (sigaction(SIGSEGV, &action, &compilers_own))
			refuse("no signal handler");
		arm();
	}
	return syscall(SYS_close, fd);
}

FILE *fopen(const char *restrict path, const char *restrict mode)
{
	static FILE *(*next)(const char *, const char *);

	if (!next)
		next = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen");
	if (phase == READING && !strcmp(path, source))
		refuse("the compiler shows the source");
	if (phase == GOING_ON && deps_fd >= 0 && !strcmp(path, depfile))
		return fdopen(deps_fd, mode);
	return next(path, mode);
}

FILE *fopen64(const char *restrict, const char *restrict) __attribute__((alias("fopen")));

static void say(char kind, char reason, const char *more);

/* Times of day in a program are those of one compilation: __DATE__, __TIME__, __TIMESTAMP__. */
struct tm *localtime(const time_t *when)
{
	static struct tm result;

	if (phase == READING)
		refuse("the source uses the time");
	if (phase == GOING_ON) {
		say('N', 't', "");
		_exit(3);
	}
	return localtime_r(when, &result);
}

/* ---- the stop ---- */

/* Finds cc1's only pair of pointers (text, text + size) outside the stack. */
static void find_limits(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	size_t found = 0;

	if (!maps)
		refuse("no /proc");
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to, at;
		char access[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, access) != 3 || strncmp(access, "rw", 2) ||
		    strstr(line, "[stack]") || (from < (uintptr_t)text + ROOM && to > (uintptr_t)text))
			continue;
		for (at = from + sizeof(char *); at + 2 * sizeof(char *) <= to; at += sizeof(char *)) {
			char **pair = (char **)at;

			if (pair[0] == text && pair[1] == text + main_size) {
				limits = pair;
				found++;
			}
		}
	}
	fclose(maps);
	if (found != 1)
		refuse("the end of the source is not found in the compiler's memory");
}

/* Nothing but the assembly may be open for writing, and of it nothing may be written yet. */
static void check_outputs(void)
{
	struct stat wanted, is;
	int fd;

	if (stat(assembly, &wanted))
		refuse("no assembly file");
	for (fd = 3; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFL);

		if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
			continue;
		if (assembly_fd >= 0 || fstat(fd, &is) || is.st_ino != wanted.st_ino || is.st_dev != wanted.st_dev)
			refuse("the compiler writes more than assembly");
		assembly_fd = fd;
	}
	if (assembly_fd < 0 || lseek(assembly_fd, 0, SEEK_CUR))
		refuse("assembly was written before the source was read");
	for (fd = 1; fd <= 2; fd++)
		if (fstat(fd, &is) || is.st_size)
			_exit(3); /* a message: the plain compiler prints it where it belongs */
	unlink(assembly);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t room = sizeof(address.sun_path);

	umask(0177);
	if (fd < 0 || snprintf(address.sun_path, room, "%s.%d", path, (int)getpid()) >= (int)room)
		refuse("the name of the socket is too long");
	unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, CHILDREN) ||
	    rename(address.sun_path, path))
		refuse("cannot make the socket");
	return fd;
}

static long available_kib(void)
{
	FILE *info = fopen("/proc/meminfo", "r");
	long kib = -1;
	char line[128];

	while (info && fgets(line, sizeof(line), info) && kib < 0)
		sscanf(line, "MemAvailable: %ld", &kib);
	if (info)
		fclose(info);
	return kib;
}

static void set_scheduling(int policy)
{
	struct sched_param param = { 0 };

	sched_setscheduler(0, policy, &param);
}

static long seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static void go_on(void);

/* The server. Returns in a fork that goes on. */
static void serve(void)
{
	long started = seconds(), used = started;
	struct stat own, is;
	mode_t mask = umask(0);
	int children = 0, listening;

	umask(mask);
	alarm(0);
	check_outputs();
	listening = listen_at(socket_path);
	if (stat(socket_path, &own))
		refuse("the socket is gone");
	server = getpid();
	set_scheduling(SCHED_OTHER);
	for (;;) {
		struct pollfd ready = { .fd = listening, .events = POLLIN };
		int asked = poll(&ready, 1, 2000) > 0, gone;
		pid_t pid;

		while (children > 0 && waitpid(-1, NULL, WNOHANG) > 0)
			children--;
		gone = stat(socket_path, &is) || is.st_ino != own.st_ino;
		if (gone || seconds() - started > life_seconds ||
		    (!asked && (seconds() - used > idle_seconds || available_kib() < floor_kib))) {
			if (!gone)
				unlink(socket_path);
			_exit(0);
		}
		if (!asked || (conn = accept4(listening, NULL, NULL, SOCK_CLOEXEC)) < 0)
			continue;
		used = seconds();
		pid = children < CHILDREN ? fork() : -1;
		if (pid == 0) {
			syscall(SYS_close, listening);
			umask(mask);
			go_on();
			return;
		}
		children += pid > 0;
		syscall(SYS_close, conn);
	}
}

static void looked_past(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
#ifdef __x86_64__
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
#endif
	arm();
}

/*
 * Looking for the end of a short last line, cc1 loads 16 bytes at once, some of them from behind
 * the line. What they are does not matter: it takes the line's end before them. So this one
 * instruction is let pass.
 */
static void look_past(void *context)
{
#ifdef __x86_64__
	struct sigaction action = { .sa_sigaction = looked_past, .sa_flags = SA_SIGINFO };

	if (sigaction(SIGTRAP, &action, NULL) || mprotect(text + split, ROOM, PROT_READ | PROT_WRITE))
		refuse("the compiler looks past the preamble");
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
#else
	(void)context;
	refuse("the compiler looks past the preamble");
#endif
}

static void touched(int signal, siginfo_t *info, void *context)
{
	char *at = info->si_addr;

	(void)signal;
	if (phase != READING || at < text + split || at >= text + split + ROOM) {
		sigaction(SIGSEGV, &compilers_own, NULL); /* a crash: it happens again, there */
		return;
	}
	if (!limits)
		find_limits();
	if (limits[-1] != text + split) {
		if (limits[-1] < text || limits[-1] > text + split)
			refuse("the compiler's place in the source is not found");
		look_past(context);
		return;
	}
	if (!stats_seen)
		refuse("the compiler's look at directories was not seen");
	phase = STOPPED;
	serve();
}

/* ---- a fork that goes on ---- */

static void say(char kind, char reason, const char *more)
{
	char message[2 + 256] = { kind, reason };
	size_t len = strnlen(more, 256);

	memcpy(message + 2, more, len);
	send(conn, message, 2 + len, MSG_NOSIGNAL);
}

static void __attribute__((noreturn)) decline(char reason, const char *more)
{
	say('N', reason, more);
	_exit(3);
}

/*
 * The request: the magic, and files. It is only sent to a fork that has told its number, so whoever
 * gave up waiting has not asked for anything.
 */
static void receive(int files[FILES])
{
	size_t size = (*shared_text ? FILES : 3) * sizeof(int);
	char magic[sizeof(MAGIC)], control[CMSG_SPACE(FILES * sizeof(int))];
	struct iovec data = { magic, sizeof(magic) };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct timeval patience = { .tv_sec = 2 };
	struct cmsghdr *first;

	setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (recvmsg(conn, &message, MSG_CMSG_CLOEXEC) != sizeof(MAGIC) - 1 ||
	    memcmp(magic, MAGIC, sizeof(MAGIC) - 1))
		decline('x', "");
	first = CMSG_FIRSTHDR(&message);
	if (!first || first->cmsg_level != SOL_SOCKET || first->cmsg_type != SCM_RIGHTS ||
	    first->cmsg_len != CMSG_LEN(size))
		decline('x', "");
	memcpy(files, CMSG_DATA(first), size);
}

static void __attribute__((noreturn)) stale(char reason, const char *path)
{
	say('N', reason, path);
	kill(server, SIGTERM);
	_exit(3);
}

static void check_files(void)
{
	size_t i;

	for (i = 0; i < looks_len; i++)
		if (!is_as_it_was(&looks[i]))
			stale('h', looks[i].path);
}

/* Puts the text to go on with into cc1's buffer: the source's present one, or what a request brings. */
static void renew_text(int brought)
{
	int fd = brought >= 0 ? brought : syscall(SYS_openat, AT_FDCWD, source, O_RDONLY | O_CLOEXEC);
	size_t skip = brought >= 0 ? 0 : split, len = 0;
	struct stat is;
	char *now;

	if (fd < 0 || fstat(fd, &is) || !S_ISREG(is.st_mode))
		decline('s', "");
	if ((size_t)is.st_size <= skip || (size_t)is.st_size > skip + ROOM - PAGE)
		stale('p', "");
	now = mmap(NULL, is.st_size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (now == MAP_FAILED)
		decline('m', "");
	while (len <= (size_t)is.st_size) {
		ssize_t got = syscall(SYS_pread64, fd, now + len, is.st_size + 1 - len, len);

		if (got < 0)
			decline('s', "");
		if (got == 0)
			break;
		len += got;
	}
	syscall(SYS_close, fd);
	if (len != (size_t)is.st_size || now[len - 1] == '\r')
		decline('s', "");
	if (memcmp(now, preamble, skip))
		stale('p', "");
	if (mprotect(text + split, ROOM, PROT_READ | PROT_WRITE))
		decline('m', "");
	memcpy(text + split, now + skip, len - skip);
	len += split - skip;
	memset(text + len, 0, 64 + (main_size > len ? main_size - len : 0));
	text[len] = '\n';
	limits[1] = text + len;
	munmap(now, is.st_size + 1);
}

/* Files that cc1 holds open get a position of their own: forks must not move each other's. */
static void renew_files(void)
{
	char path[32];
	int fd;

	for (fd = 3; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFL), fresh;
		struct stat is;

		if (flags < 0 || fd == conn || fstat(fd, &is) || !S_ISREG(is.st_mode) ||
		    (flags & O_ACCMODE) != O_RDONLY)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		fresh = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
		if (fresh < 0 || lseek(fresh, lseek(fd, 0, SEEK_CUR), SEEK_SET) < 0 || dup2(fresh, fd) < 0)
			decline('f', "");
		syscall(SYS_close, fresh);
	}
}

/* Whoever asked and is gone may ask again, of another: both would write the same files. */
static void end_with_requester(void)
{
	char byte;

	signal(SIGIO, SIG_DFL); /* ends the process */
	if (fcntl(conn, F_SETOWN, getpid()) || fcntl(conn, F_SETFL, O_ASYNC) ||
	    recv(conn, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
		decline('x', "");
}

static void ended(int status, void *unused)
{
	(void)unused;
	fflush(stdout);
	say('D', (char)status, "");
	_exit(status);
}

static void go_on(void)
{
	int files[FILES] = { -1, -1, -1, -1, -1 };
	pid_t self = getpid();
	char hello[1 + sizeof(self)] = { 'P' };

	alarm(child_seconds);
	memcpy(hello + 1, &self, sizeof(self));
	send(conn, hello, sizeof(hello), MSG_NOSIGNAL);
	receive(files);
	end_with_requester();
	check_files();
	renew_text(files[3]);
	deps_fd = files[4];
	renew_files();
	if (dup2(files[0], assembly_fd) < 0 || dup2(files[1], 2) < 0 || dup2(files[2], 1) < 0)
		decline('f', "");
	syscall(SYS_close, files[0]);
	syscall(SYS_close, files[1]);
	syscall(SYS_close, files[2]);
	if (on_exit(ended, NULL))
		decline('m', "");
	sigaction(SIGSEGV, &compilers_own, NULL);
	phase = GOING_ON;
}

/* ---- the start ---- */

static const char *setting(const char *name)
{
	char *value = getenv(name), *copy = value ? strdup(value) : NULL;

	unsetenv(name);
	if (!copy)
		refuse("started without settings");
	return copy;
}

static void __attribute__((constructor)) start(void)
{
	char *watched, *path, *rest;
	struct stat found;
	int fd;

	if (getenv("KOMOD_WARM_PROBE"))
		_exit(77); /* komod asks if this compiler can be preloaded */
	if (!getenv("KOMOD_WARM_SOURCE"))
		return;
	source = setting("KOMOD_WARM_SOURCE");
	split = strtoul(setting("KOMOD_WARM_SPLIT"), NULL, 10);
	socket_path = setting("KOMOD_WARM_SOCKET");
	assembly = setting("KOMOD_WARM_ASSEMBLY");
	shared_text = setting("KOMOD_WARM_TEXT");
	depfile = setting("KOMOD_WARM_DEPFILE");
	idle_seconds = atol(setting("KOMOD_WARM_IDLE"));
	life_seconds = atol(setting("KOMOD_WARM_LIFE"));
	child_seconds = atol(setting("KOMOD_WARM_CHILD"));
	floor_kib = atol(setting("KOMOD_WARM_FLOOR"));
	watched = (char *)setting("KOMOD_WARM_WATCH");
	unsetenv("LD_PRELOAD");
	if (!split)
		refuse("no preamble");

	/* A process of its own: whoever started it need not wait for it, and may end before it. */
	switch (fork()) {
	case -1:
		refuse("cannot fork");
	case 0:
		break;
	default:
		_exit(0);
	}
	setsid();
	set_scheduling(SCHED_BATCH);
	for (fd = 3; fd < 1024; fd++) /* inherited, such as a jobserver's */
		syscall(SYS_close, fd);
	fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1000", 4) < 0)
			dprintf(2, "%s", "");
		syscall(SYS_close, fd);
	}
	for (path = strtok_r(watched, ":", &rest); path; path = strtok_r(NULL, ":", &rest)) {
		if (fstatat(AT_FDCWD, path, &found, 0))
			refuse("the compiler is gone");
		look(path, &found, FILE_READ);
	}
	alarm(120); /* to reach the stop; ends with it */
	phase = READING;
}
