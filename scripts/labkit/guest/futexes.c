/* Threads that wait for futexes: one with an owner that the kernel knows, a private one, a shared one. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab.h"

static pthread_mutex_t inherited;
static uint32_t private_word = 5;
static uint32_t *shared_word;

static void told(const char *what, const void *address)
{
	printf("%s %p %d %d\n", what, address, getpid(), (int)syscall(SYS_gettid));
	fflush(stdout);
}

static void *want_inherited(void *arg)
{
	(void)arg;
	told("pi-waiter", &inherited);
	pthread_mutex_lock(&inherited);
	rest();
}

static void *want_private(void *arg)
{
	(void)arg;
	told("private", &private_word);
	syscall(SYS_futex, &private_word, FUTEX_WAIT_PRIVATE, 5, NULL, NULL, 0);
	rest();
}

static void want_shared(void *arg)
{
	(void)arg;
	told("shared", shared_word);
	if (fork() == 0) {
		told("shared", shared_word);
		syscall(SYS_futex, shared_word, FUTEX_WAIT, 0, NULL, NULL, 0);
	}
	syscall(SYS_futex, shared_word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void thread(void *(*body)(void *))
{
	pthread_t id;

	must(pthread_create(&id, NULL, body, NULL) == 0, "thread");
}

/* futexes NAME: says who waits for which word: `KIND ADDRESS PID TID`. */
int main_futexes(int argc, char **argv)
{
	pthread_mutexattr_t attributes;

	must(argc == 2, "futexes NAME");
	set_comm(argv[1]);
	shared_word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(pthread_mutexattr_init(&attributes) == 0 &&
		     pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) == 0 &&
		     pthread_mutex_init(&inherited, &attributes) == 0,
	     "a mutex");
	pthread_mutex_lock(&inherited);
	told("pi-owner", &inherited);
	thread(want_inherited);
	thread(want_inherited);
	thread(want_private);
	if (fork() == 0)
		want_shared(NULL);
	rest();
}
