/* Who waits for whom over unix sockets and futexes: `NAME PID TID` for each, and what it waits for. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "lab.h"

/* In memory that all processes share. */
struct shared {
	pthread_mutex_t inherited, robust;
	uint32_t word;
};

static struct shared *shared;
static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER, red = PTHREAD_MUTEX_INITIALIZER,
		       blue = PTHREAD_MUTEX_INITIALIZER, meadow = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t harvest = PTHREAD_COND_INITIALIZER;
static char byte[1];

static void told(const char *name, const void *address)
{
	set_comm(name);
	printf("%s %d %d %p\n", name, getpid(), (int)syscall(SYS_gettid), address);
	fflush(stdout);
}

static void pair(int type, int ends[2])
{
	must(socketpair(AF_UNIX, type, 0, ends) == 0, "socketpair");
}

/* A process that waits for the other end's words; the other end is closed in it. */
static void receiver(const char *name, int own, int other)
{
	if (fork())
		return;
	close(other);
	told(name, NULL);
	recv(own, byte, 1, 0);
	rest();
}

static void holder(const char *name, int own, int other)
{
	if (fork())
		return;
	close(other);
	told(name, NULL);
	(void)own;
	rest();
}

static void fill(const char *name, int own, int other)
{
	static char block[4096];

	if (fork())
		return;
	close(other);
	told(name, NULL);
	for (;;)
		must(send(own, block, sizeof(block), 0) > 0, "send");
}

/* A socket, an abstract name, and the length of the address. */
static int named(int type, const char *name, struct sockaddr_un *address, socklen_t *length)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "%s", name);
	*length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
	return socket(AF_UNIX, type, 0);
}

static int serve(int type, const char *name, int backlog)
{
	struct sockaddr_un address;
	socklen_t length;
	int fd = named(type, name, &address, &length);

	must(bind(fd, (struct sockaddr *)&address, length) == 0, name);
	if (type == SOCK_STREAM)
		must(listen(fd, backlog) == 0, name);
	return fd;
}

/* Connects; whoever gets through waits for an answer. */
static void caller(const char *comm, int type, const char *name)
{
	struct sockaddr_un address;
	socklen_t length;
	int fd = named(type, name, &address, &length);

	if (fork()) {
		close(fd);
		return;
	}
	told(comm, NULL);
	must(connect(fd, (struct sockaddr *)&address, length) == 0, name);
	while (type == SOCK_DGRAM)
		must(send(fd, byte, 1, 0) > 0, name);
	recv(fd, byte, 1, 0);
	rest();
}

static void streams(void)
{
	int ends[2];

	pair(SOCK_STREAM, ends);
	receiver("lab-left", ends[0], ends[1]);
	receiver("lab-right", ends[1], ends[0]);
	close(ends[0]), close(ends[1]);
	pair(SOCK_STREAM, ends);
	holder("lab-deaf", ends[0], ends[1]);
	fill("lab-sender", ends[1], ends[0]);
	close(ends[0]), close(ends[1]);
	/* who waits for itself */
	pair(SOCK_SEQPACKET, ends);
	if (fork() == 0) {
		told("lab-self", NULL);
		recv(ends[0], byte, 1, 0);
		rest();
	}
	close(ends[0]), close(ends[1]);
	/* an end that several processes have */
	pair(SOCK_STREAM, ends);
	holder("lab-many-1", ends[1], ends[0]);
	receiver("lab-many", ends[0], ends[1]);
	holder("lab-many-2", ends[1], ends[0]);
	close(ends[0]), close(ends[1]);
	pair(SOCK_STREAM, ends);
	receiver("lab-outer", ends[0], ends[1]);
	if (fork() == 0) {
		int pid = -1;

		close(ends[0]);
		set_comm("lab-maker");
		must(unshare(CLONE_NEWPID) == 0 && (pid = fork()) >= 0, "a pid namespace");
		if (pid == 0) {
			set_comm("lab-inner");
			rest();
		}
		printf("lab-inner %d %d (nil)\n", pid, pid);
		fflush(stdout);
		_exit(0);
	}
	close(ends[0]), close(ends[1]);
}

/* One end is in a message that nobody has taken. */
static void flight(void)
{
	int ends[2], road[2];
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec text = { byte, 1 };
	struct msghdr message = {
		.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
	};

	pair(SOCK_STREAM, ends);
	pair(SOCK_DGRAM, road);
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.head), &ends[1], sizeof(int));
	must(sendmsg(road[0], &message, 0) == 1, "sendmsg");
	close(ends[1]);
	if (fork() == 0) {
		close(ends[0]), close(road[0]);
		told("lab-road", NULL);
		rest();
	}
	if (fork() == 0) {
		close(road[0]), close(road[1]);
		told("lab-flight", NULL);
		recv(ends[0], byte, 1, 0);
		rest();
	}
	close(ends[0]), close(road[0]), close(road[1]);
}

static void listeners(void)
{
	int busy, mute, ready, nobody;

	busy = serve(SOCK_STREAM, "lab-busy", 1);
	mute = serve(SOCK_DGRAM, "lab-mute", 0);
	ready = serve(SOCK_STREAM, "lab-ready", 5);
	nobody = serve(SOCK_DGRAM, "lab-nobody", 0);
	if (fork() == 0) {
		close(mute), close(ready), close(nobody);
		told("lab-busy", NULL);
		rest();
	}
	if (fork() == 0) {
		close(busy), close(ready), close(nobody);
		told("lab-mute", NULL);
		rest();
	}
	if (fork() == 0) {
		close(busy), close(mute), close(nobody);
		told("lab-acceptor", NULL);
		accept(ready, NULL, NULL);
		rest();
	}
	if (fork() == 0) {
		close(busy), close(mute), close(ready);
		told("lab-nobody", NULL);
		recv(nobody, byte, 1, 0);
		rest();
	}
	close(busy), close(mute), close(ready), close(nobody);
	/* a backlog of 1 takes two */
	caller("lab-early-1", SOCK_STREAM, "lab-busy");
	caller("lab-early-2", SOCK_STREAM, "lab-busy");
	sleep(1);
	caller("lab-late-1", SOCK_STREAM, "lab-busy");
	caller("lab-late-2", SOCK_STREAM, "lab-busy");
	caller("lab-flooder", SOCK_DGRAM, "lab-mute");
}

static void init(pthread_mutex_t *mutex, int protocol, int robust)
{
	pthread_mutexattr_t attributes;

	must(pthread_mutexattr_init(&attributes) == 0 &&
		     pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
		     pthread_mutexattr_setprotocol(&attributes, protocol) == 0 &&
		     pthread_mutexattr_setrobust(&attributes, robust) == 0 &&
		     pthread_mutex_init(mutex, &attributes) == 0,
	     "a mutex");
}

/* A circle of a socket and a mutex; and who waits for a robust mutex. */
static void mixed(void)
{
	int ends[2];

	init(&shared->inherited, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED);
	init(&shared->robust, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
	pair(SOCK_STREAM, ends);
	if (fork() == 0) {
		close(ends[1]);
		pthread_mutex_lock(&shared->inherited);
		told("lab-ear", NULL);
		recv(ends[0], byte, 1, 0);
		rest();
	}
	sleep(1);
	if (fork() == 0) {
		close(ends[0]);
		told("lab-hand", &shared->inherited);
		pthread_mutex_lock(&shared->inherited);
		rest();
	}
	close(ends[0]), close(ends[1]);
	if (fork() == 0) {
		pthread_mutex_lock(&shared->robust);
		told("lab-strong", NULL);
		rest();
	}
	sleep(1);
	if (fork() == 0) {
		told("lab-weak", &shared->robust);
		pthread_mutex_lock(&shared->robust);
		rest();
	}
	if (fork() == 0) {
		told("lab-word", &shared->word);
		syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, NULL, NULL, 0);
		rest();
	}
}

static void *locks(void *name)
{
	told(name, &plain);
	pthread_mutex_lock(&plain);
	rest();
}

static void *red_blue(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&red);
	sleep(1);
	told("lab-red", &blue);
	pthread_mutex_lock(&blue);
	rest();
}

static void *blue_red(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&blue);
	sleep(1);
	told("lab-blue", &red);
	pthread_mutex_lock(&red);
	rest();
}

static void *harvester(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&meadow);
	told("lab-harvest", &harvest);
	pthread_cond_wait(&harvest, &meadow);
	rest();
}

/* Two threads that take two mutexes with priority inheritance the other way round: the kernel refuses it. */
static uint32_t sun, moon;

static void *refused(void *arg)
{
	(void)arg;
	syscall(SYS_futex, &moon, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	sleep(1);
	told("lab-moon", &sun);
	syscall(SYS_futex, &sun, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	rest();
}

static void *refuser(void *arg)
{
	(void)arg;
	syscall(SYS_futex, &sun, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	sleep(3);
	told("lab-sun", &moon);
	errno = 0;
	syscall(SYS_futex, &moon, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	printf("refused %d %d %d\n", getpid(), (int)syscall(SYS_gettid), errno);
	fflush(stdout);
	rest();
}

static void threads(void)
{
	void *(*const bodies[])(void *) = { red_blue, blue_red, harvester, refused, refuser };
	pthread_t id;

	if (fork())
		return;
	told("lab-threads", NULL);
	pthread_mutex_lock(&plain);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		must(pthread_create(&id, NULL, bodies[i], NULL) == 0, "thread");
	must(pthread_create(&id, NULL, locks, "lab-pile-1") == 0, "thread");
	must(pthread_create(&id, NULL, locks, "lab-pile-2") == 0, "thread");
	must(pthread_create(&id, NULL, locks, "lab-pile-3") == 0, "thread");
	rest();
}

/* peers: none of its children has a file or a lock of another one by accident. */
int main_peers(int argc, char **argv)
{
	(void)argc, (void)argv;
	set_comm("lab-peers");
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED, "mmap");
	streams();
	flight();
	listeners();
	mixed();
	threads();
	rest();
}
