/* What processes do in the scenes of the deaths; each takes the name of its process first. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"

static int opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	must(fd >= 0, path);
	return fd;
}

/* act NAME PATH WORD: writes the word to the file, which may be the end of it. */
int main_act(int argc, char **argv)
{
	must(argc == 4, "act NAME PATH WORD");
	set_comm(argv[1]);
	must(write(opened(argv[2], O_WRONLY), argv[3], strlen(argv[3])) > 0, argv[2]);
	return 0;
}

/* reader NAME PATH: reads a block. */
int main_reader(int argc, char **argv)
{
	static char block[4096];

	must(argc == 3, "reader NAME PATH");
	set_comm(argv[1]);
	must(read(opened(argv[2], O_RDONLY), block, sizeof(block)) > 0, argv[2]);
	return 0;
}

/* syncer NAME PATH: writes a block and waits until it is on the disk. */
int main_syncer(int argc, char **argv)
{
	static char block[4096];
	int fd;

	must(argc == 3, "syncer NAME PATH");
	set_comm(argv[1]);
	fd = opened(argv[2], O_WRONLY);
	must(write(fd, block, sizeof(block)) > 0 && fsync(fd) == 0, argv[2]);
	return 0;
}

/* dirsyncer NAME PATH: waits until a directory is on the disk. */
int main_dirsyncer(int argc, char **argv)
{
	must(argc == 3, "dirsyncer NAME PATH");
	set_comm(argv[1]);
	must(fsync(opened(argv[2], O_RDONLY)) == 0, argv[2]);
	return 0;
}

/* locker NAME PATH: locks all of the file for writing, and is called lab-locked once it has it. */
int main_locker(int argc, char **argv)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, done;

	must(argc == 3, "locker NAME PATH");
	set_comm(argv[1]);
	fd = opened(argv[2], O_RDWR);
	while ((done = fcntl(fd, F_SETLKW, &lock)) != 0 && errno == ENOLCK)
		sleep(1);
	must(done == 0, argv[2]);
	set_comm("lab-locked");
	rest();
}

/* silent NAME PORT: a server at 127.0.0.1 that takes connections, and never answers. */
int main_silent(int argc, char **argv)
{
	must(argc == 3, "silent NAME PORT");
	set_comm(argv[1]);
	listening("127.0.0.1", atoi(argv[2]), 5);
	rest();
}

/* eat NAME: takes memory until the kernel has none left. */
int main_eat(int argc, char **argv)
{
	must(argc == 2, "eat NAME");
	set_comm(argv[1]);
	for (;;) {
		char *piece = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (piece == MAP_FAILED)
			rest();
		memset(piece, 0x5a, 1 << 20);
	}
}

/* opener NAME: opens files until there are none; not as root, who may always open more. */
int main_opener(int argc, char **argv)
{
	must(argc == 2, "opener NAME");
	set_comm(argv[1]);
	must(setuid(1000) == 0, "setuid");
	while (open("/dev/null", O_RDONLY) >= 0)
		;
	rest();
}

/* forker NAME: has children until there is no pid left, less a few that the guest needs. */
int main_forker(int argc, char **argv)
{
	int last[12] = { 0 }, pid;

	must(argc == 2, "forker NAME");
	set_comm(argv[1]);
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; (pid = fork()) >= 0; i++) {
		if (pid == 0)
			rest();
		last[i % 12] = pid;
	}
	for (int i = 0; i < 12; i++)
		if (last[i] > 0)
			kill(last[i], SIGKILL);
	rest();
}

/* zombies NAME COUNT: has children that end, and doesn't wait for them. */
int main_zombies(int argc, char **argv)
{
	must(argc == 3, "zombies NAME COUNT");
	set_comm(argv[1]);
	for (int i = 0; i < atoi(argv[2]); i++)
		if (fork() == 0)
			_exit(i & 0x7f);
	rest();
}

/* shutdown PATH: tells the ext4 that is mounted there to shut down. */
int main_shutdown(int argc, char **argv)
{
	unsigned int flags = 1; /* flush the log */

	must(argc == 2, "shutdown PATH");
	must(ioctl(opened(argv[1], O_RDONLY), _IOR('X', 125, unsigned int), &flags) == 0, "shutdown");
	return 0;
}

struct dm_request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char parameters[256];
};

static void dm(unsigned long command, struct dm_request *request, const char *name, int flags)
{
	request->head.version[0] = DM_VERSION_MAJOR;
	request->head.data_size = sizeof(*request);
	request->head.data_start = offsetof(struct dm_request, target);
	request->head.flags = flags;
	snprintf(request->head.name, sizeof(request->head.name), "%s", name);
	must(ioctl(opened("/dev/mapper/control", O_RDWR), command, request) == 0, "device-mapper");
}

/* dm create NAME SECTORS TARGET PARAMETERS, dm suspend NAME: device-mapper devices. dm hold NAME: suspends it
 * and doesn't freeze its filesystem. */
int main_dm(int argc, char **argv)
{
	struct dm_request request = { 0 };

	if (argc == 3 && !strcmp(argv[1], "suspend")) {
		dm(DM_DEV_SUSPEND, &request, argv[2], DM_SUSPEND_FLAG);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "hold")) {
		dm(DM_DEV_SUSPEND, &request, argv[2], DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG);
		return 0;
	}
	must(argc == 6 && !strcmp(argv[1], "create"), "dm create NAME SECTORS TARGET PARAMETERS");
	dm(DM_DEV_CREATE, &request, argv[2], 0);
	memset(&request, 0, sizeof(request));
	request.head.target_count = 1;
	request.target.length = atoll(argv[3]);
	snprintf(request.target.target_type, sizeof(request.target.target_type), "%s", argv[4]);
	snprintf(request.parameters, sizeof(request.parameters), "%s", argv[5]);
	dm(DM_TABLE_LOAD, &request, argv[2], 0);
	memset(&request, 0, sizeof(request));
	dm(DM_DEV_SUSPEND, &request, argv[2], 0); /* without the flag: resume */
	return 0;
}

static void *idler(void *arg)
{
	(void)arg;
	rest();
}

/* crowd NAME PROCESSES THREADS: so many processes with so many threads each. */
int main_crowd(int argc, char **argv)
{
	pthread_attr_t small;
	pthread_t id;

	must(argc == 4, "crowd NAME PROCESSES THREADS");
	set_comm(argv[1]);
	must(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 32768) == 0, "stacks");
	for (int i = 0; i < atoi(argv[2]); i++) {
		int pid = fork();

		must(pid >= 0, "fork");
		if (pid)
			continue;
		for (int j = 1; j < atoi(argv[3]); j++)
			must(pthread_create(&id, &small, idler, NULL) == 0, "thread");
		rest();
	}
	rest();
}
