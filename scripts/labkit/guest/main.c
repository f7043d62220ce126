/* The guest's one program; the first argument says which part of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lab.h"

void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "LAB FAILED: %s: %s\n", what, strerror(errno));
	exit(1);
}

void skip(const char *what)
{
	fprintf(stderr, "LAB SKIPPED: %s: %s\n", what, strerror(errno));
}

void rest(void)
{
	for (;;)
		pause();
}

void set_comm(const char *name)
{
	prctl(PR_SET_NAME, name);
}

int spawn(void (*body)(void *), void *arg)
{
	int ends[2], pid = -1;
	char ready = 0;

	must(pipe2(ends, O_CLOEXEC) == 0 && (pid = fork()) >= 0, "fork");
	if (pid == 0) {
		close(ends[0]);
		body(arg);
		must(write(ends[1], &ready, 1) == 1, "report to the parent");
		close(ends[1]);
		rest();
	}
	close(ends[1]);
	must(read(ends[0], &ready, 1) == 1, "a child");
	close(ends[0]);
	return pid;
}

void enter_netns(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0, path);
	must(setns(fd, CLONE_NEWNET) == 0, "setns");
	close(fd);
}

/* Does nothing, under whatever arguments it was started with. */
static int main_rest(int argc, char **argv)
{
	(void)argc, (void)argv;
	rest();
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} parts[] = {
	{ "frame", main_frame },
	{ "finish", main_finish },
	{ "connections", main_connections },
	{ "tcp", main_tcp },
	{ "sockets", main_sockets },
	{ "routes", main_routes },
	{ "processes", main_processes },
	{ "members", main_members },
	{ "rest", main_rest },
	{ "act", main_act },
	{ "reader", main_reader },
	{ "syncer", main_syncer },
	{ "dirsyncer", main_dirsyncer },
	{ "locker", main_locker },
	{ "silent", main_silent },
	{ "eat", main_eat },
	{ "opener", main_opener },
	{ "forker", main_forker },
	{ "zombies", main_zombies },
	{ "crowd", main_crowd },
	{ "shutdown", main_shutdown },
	{ "dm", main_dm },
	{ "bpf", main_bpf },
	{ "keys", main_keys },
	{ "audit", main_audit },
	{ "kvm", main_kvm },
	{ "futexes", main_futexes },
	{ "peers", main_peers },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!strcmp(argv[1], parts[i].name))
			return parts[i].run(argc - 1, argv + 1);
	fprintf(stderr, "usage: labguest PART ...\n");
	return 2;
}
