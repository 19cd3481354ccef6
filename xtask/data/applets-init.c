/*
 * The first process of a guest that has nothing but komod's tools in /bin and kmod's in /peer: runs
 * the lines of /commands, one after the other, and says on the serial line what they said. `<FILE`
 * shows a file.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *path)
{
	char text[4096];
	int file = open(path, O_RDONLY);
	ssize_t size = file < 0 ? -1 : read(file, text, sizeof(text));

	if (size > 0)
		fwrite(text, 1, size, stdout);
	if (file >= 0)
		close(file);
}

static void run(char *line)
{
	char *words[32];
	int count = 0, status = 0;
	pid_t child;

	for (char *word = strtok(line, " "); word && count < 31; word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
	child = fork();
	if (child == 0) {
		execv(words[0], words);
		_exit(127);
	}
	waitpid(child, &status, 0);
	if (status)
		printf("[%d]\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(void)
{
	static const char *const tools[] = { "insmod", "rmmod",    "lsmod",
					     "modinfo", "modprobe", "depmod" };
	char line[1024];
	FILE *commands;
	int serial;

	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++) {
		snprintf(line, sizeof(line), "/bin/%s", tools[i]);
		symlink("komod", line);
		snprintf(line, sizeof(line), "/peer/%s", tools[i]);
		symlink("kmod", line);
	}
	serial = open("/dev/ttyS0", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(serial, fd);
	setvbuf(stdout, NULL, _IONBF, 0);
	setenv("KOMOD_HINTS", "1", 1);
	commands = fopen("/commands", "r");
	while (commands && fgets(line, sizeof(line), commands)) {
		line[strcspn(line, "\n")] = 0;
		printf("$ %s\n", line);
		if (*line == '<')
			show(line + 1);
		else if (*line)
			run(line);
	}
	printf("END\n");
	reboot(RB_POWER_OFF);
	return 0;
}
