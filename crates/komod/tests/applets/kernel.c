/*
 * A kernel in a folder, for programs that are started with this library preloaded.
 *
 * Paths below /proc/modules, /proc/cmdline, /sys/module, /dev/kmsg, /lib/modules and the folders of
 * modprobe.d lead into $FAKE_KERNEL. System calls for modules are written down in $FAKE_KERNEL/calls and answered with the number in
 * $FAKE_KERNEL/errno, or 0. $FAKE_KERNEL/release is what uname tells.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *inside(const char *path, char *buffer)
{
	static const char *const moved[] = {
		"/proc/modules", "/proc/cmdline", "/sys/module", "/dev/kmsg", "/lib/modules",
		"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d",
		"/usr/lib/modprobe.d", "/lib/modprobe.d",
	};
	const char *root = getenv("FAKE_KERNEL");
	size_t i;

	for (i = 0; root && path && i < sizeof(moved) / sizeof(*moved); i++) {
		if (strncmp(path, moved[i], strlen(moved[i])) == 0) {
			snprintf(buffer, 4096, "%s%s", root, path);
			return buffer;
		}
	}
	return path;
}

#define MODE(flags) \
	mode_t mode = 0; \
	if ((flags) & (O_CREAT | __O_TMPFILE)) { \
		va_list list; \
		va_start(list, flags); \
		mode = va_arg(list, mode_t); \
		va_end(list); \
	}

#define OPEN(name) \
	int name(const char *path, int flags, ...) \
	{ \
		char buffer[4096]; \
		MODE(flags) \
		return REAL(name)(inside(path, buffer), flags, mode); \
	}
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
	int name(int folder, const char *path, int flags, ...) \
	{ \
		char buffer[4096]; \
		MODE(flags) \
		return REAL(name)(folder, inside(path, buffer), flags, mode); \
	}
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name) \
	FILE *name(const char *path, const char *mode) \
	{ \
		char buffer[4096]; \
		return REAL(name)(inside(path, buffer), mode); \
	}
FOPEN(fopen)
FOPEN(fopen64)

DIR *opendir(const char *path)
{
	char buffer[4096];
	return REAL(opendir)(inside(path, buffer));
}

int access(const char *path, int mode)
{
	char buffer[4096];
	return REAL(access)(inside(path, buffer), mode);
}

#define STAT(name, type) \
	int name(const char *path, struct type *out) \
	{ \
		char buffer[4096]; \
		return REAL(name)(inside(path, buffer), out); \
	}
STAT(stat, stat)
STAT(stat64, stat64)
STAT(lstat, stat)
STAT(lstat64, stat64)

#define STATAT(name, type) \
	int name(int folder, const char *path, struct type *out, int flags) \
	{ \
		char buffer[4096]; \
		return REAL(name)(folder, inside(path, buffer), out, flags); \
	}
STATAT(fstatat, stat)
STATAT(fstatat64, stat64)

int statx(int folder, const char *path, int flags, unsigned mask, struct statx *out)
{
	char buffer[4096];
	return REAL(statx)(folder, inside(path, buffer), flags, mask, out);
}

static FILE *file(const char *name, const char *mode)
{
	const char *root = getenv("FAKE_KERNEL");
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", root ? root : ".", name);
	return REAL(fopen)(path, mode);
}

static int answer(const char *format, ...)
{
	FILE *calls = file("calls", "a"), *number = file("errno", "r"), *log = file("log", "r");
	int result = 0, c;
	va_list list;

	if (calls) {
		va_start(list, format);
		vfprintf(calls, format, list);
		va_end(list);
		fclose(calls);
	}
	if (log) {
		FILE *kmsg = file("dev/kmsg", "a");
		while (kmsg && (c = getc(log)) != EOF)
			putc(c, kmsg);
		if (kmsg)
			fclose(kmsg);
		fclose(log);
	}
	if (number) {
		if (fscanf(number, "%d", &result) != 1)
			result = 0;
		fclose(number);
	}
	errno = result;
	return result ? -1 : 0;
}

int init_module(const void *image, unsigned long len, const char *parameters)
{
	return answer("init %.4s %s\n", (const char *)image + (len > 4), parameters);
}

int delete_module(const char *name, unsigned flags)
{
	return answer("delete %s %#o\n", name, flags);
}

long syscall(long number, ...)
{
	long a[6];
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_finit_module)
		return answer("finit %s %#lx\n", (const char *)a[1], a[2] & 0xffffffff);
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int uname(struct utsname *names)
{
	int result = REAL(uname)(names);
	FILE *release = file("release", "r");

	if (release) {
		if (fscanf(release, "%64s", names->release) != 1)
			names->release[0] = 0;
		fclose(release);
	}
	return result;
}
