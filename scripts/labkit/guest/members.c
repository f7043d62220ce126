/* Members of cgroups and namespaces, and who waits for System V's and POSIX's messages. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include "lab.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static void join(const char *group)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		skip(path);
	close(fd);
}

/* Touches memory and reads a file, which its group is charged for. */
static void charged(void *arg)
{
	char *area;

	(void)arg;
	set_comm("charged");
	join("/sys/fs/cgroup/lab/memory");
	area = mmap(NULL, 3 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(area, 'c', 3 << 20);
	if (fork() == 0) {
		set_comm("charged child");
		rest();
	}
}

/* A child, because whoever joins the group stands still. */
static void frozen(void *arg)
{
	(void)arg;
	set_comm("not frozen");
	if (fork() == 0) {
		set_comm("frozen");
		join("/sys/fs/cgroup/lab/frozen");
		rest();
	}
}

static void old_groups(void *arg)
{
	(void)arg;
	set_comm("old groups");
	join("/run/cgroup/freezer/half");
	join("/run/cgroup/named/outer/inner");
}

static void later(void *arg)
{
	FILE *offsets;

	(void)arg;
	set_comm("time maker");
	if (unshare(CLONE_NEWTIME)) {
		skip("a time namespace");
		return;
	}
	offsets = fopen("/proc/self/timens_offsets", "w");
	if (!offsets || fprintf(offsets, "monotonic 1000 0\nboottime 2000 5\n") < 0 || fclose(offsets))
		skip("timens_offsets");
	if (fork() == 0) {
		set_comm("time child");
		rest();
	}
}

/* Root outside is root inside: who is nobody can't make namespaces. */
static void map(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0 0 1", 5) != 5)
		skip(path);
	close(fd);
}

/* A user namespace that owns others, below another one. */
static void owners(void *arg)
{
	(void)arg;
	set_comm("ns owner");
	if (unshare(CLONE_NEWUSER) || unshare(CLONE_NEWUTS | CLONE_NEWIPC))
		skip("namespaces of a user namespace");
	map("/proc/self/uid_map");
	map("/proc/self/gid_map");
	if (fork() == 0) {
		set_comm("ns nested");
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
			skip("a user namespace in another one");
		msgget(0x77, IPC_CREAT | 0600);
		rest();
	}
}

/* Waiters for messages, semaphores and queues; each a child of its own. */
static void waiters(void *arg)
{
	struct {
		long type;
		char text[64];
	} message = { 9, "" };
	struct mq_attr attributes = { .mq_maxmsg = 2, .mq_msgsize = 32 };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct sembuf zero = { 0, 0, 0 }, undo = { 2, 3, SEM_UNDO };
	int queue = msgget(0x2346, IPC_CREAT | 0600), full = msgget(0x2347, IPC_CREAT | 0600);
	int semaphores = semget(0x3457, 4, IPC_CREAT | 0640);
	struct msqid_ds limits;
	mqd_t posix;

	(void)arg;
	set_comm("waiters");
	signal(SIGUSR1, SIG_IGN);
	msgctl(full, IPC_STAT, &limits);
	limits.msg_qbytes = 48;
	msgctl(full, IPC_SET, &limits);
	must(msgsnd(full, &message, 40, 0) == 0, "msgsnd");
	must(semctl(semaphores, 0, SETVAL, 2) == 0 && semop(semaphores, &undo, 1) == 0, "semop");
	posix = mq_open("/empty", O_RDWR | O_CREAT, 0640, &attributes);
	must(posix >= 0, "mq_open");
	must(mq_notify(mq_open("/notified", O_RDWR | O_CREAT, 0600, &attributes), &event) == 0, "mq_notify");
	shmat(shmget(0x1235, 8192, IPC_CREAT | 0600), NULL, SHM_RDONLY);
	if (fork() == 0) {
		set_comm("msg reader");
		msgrcv(queue, &message, 64, 5, 0);
	}
	if (fork() == 0) {
		set_comm("msg sender");
		msgsnd(full, &message, 40, 0);
	}
	if (fork() == 0) {
		set_comm("zero waiter");
		semop(semaphores, &zero, 1);
	}
	if (fork() == 0) {
		set_comm("mq reader");
		mq_receive(posix, message.text, 64, NULL);
	}
	if (fork() == 0) {
		set_comm("mq sender");
		for (;;)
			mq_send(mq_open("/notified", O_RDWR), "full", 4, 1);
	}
}

int main_members(int argc, char **argv)
{
	static void (*const bodies[])(void *) = { charged, frozen, old_groups, later, owners, waiters };

	(void)argc, (void)argv;
	set_comm("members");
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		spawn(bodies[i], NULL);
	usleep(200000);
	printf("LAB READY\n");
	fflush(stdout);
	rest();
}
