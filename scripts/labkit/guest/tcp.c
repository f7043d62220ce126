/* TCP sockets in every state that the kernel has, with queues, timers and options. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <netinet/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

static const char *const loopbacks[] = { "127.0.0.1", "::1" };

static void fill(int fd, size_t most)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (size_t sent = 0; sent < most;) {
		ssize_t put = send(fd, block, sizeof(block), MSG_NOSIGNAL);

		if (put <= 0)
			return;
		sent += put;
	}
}

static void listeners(void *arg)
{
	(void)arg;
	set_comm("listeners");
	listening("0.0.0.0", 8000, 128);
	listening("::", 8001, 128);
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		union address any = address("0.0.0.0", 8003);

		set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
		must(bind(fd, &any.any, size_of(&any)) == 0 && listen(fd, 5) == 0, "reuseport");
	}
	setsockopt(bound(SOCK_STREAM, 0, "10.1.0.1", 8006), SOL_SOCKET, SO_BINDTODEVICE, "veth0", 6);
	must(setsockopt(listening("0.0.0.0", 8004, 5), SOL_SOCKET, SO_BINDTODEVICE, "veth0", 6) == 0,
	     "SO_BINDTODEVICE");
	dialled(SOCK_STREAM, "::ffff:127.0.0.1", 8001);
	dialled(SOCK_STREAM, "::ffff:127.0.0.1", 8000);
	must(socket(AF_INET6, SOCK_STREAM, 0) >= 0, "an unbound socket");
}

/* An accept queue with more in it than fits: what comes late stays SYN_SENT. */
static void full_queue(void *arg)
{
	(void)arg;
	set_comm("full queue");
	for (int family = 0; family < 2; family++) {
		listening(loopbacks[family], 8002, 1);
		for (int i = 0; i < 5; i++)
			dialled(SOCK_STREAM | SOCK_NONBLOCK, loopbacks[family], 8002);
	}
}

/* Nobody answers: no neighbour, and SYN-ACKs that get lost. */
static void half_open(void *arg)
{
	int fd;

	(void)arg;
	set_comm("half open");
	dialled(SOCK_STREAM | SOCK_NONBLOCK, "10.1.0.99", 80);
	dialled(SOCK_STREAM | SOCK_NONBLOCK, "2001:db8:10::99", 80);
	for (int family = 0; family < 2; family++) {
		fd = listening(loopbacks[family], 8005, 16);
		silence(fd); /* its SYN-ACKs inherit the code point */
		for (int i = 0; i < 3; i++)
			dialled(SOCK_STREAM | SOCK_NONBLOCK, loopbacks[family], 8005);
	}
}

/* Connections in all states of closing, over one address family. */
static void closing(void *arg)
{
	const char *to = arg;
	int listener = listening(to, 8010, 64);
	struct pair pair;

	set_comm("closing");
	for (int i = 0; i < 3; i++) { /* TIME_WAIT */
		pair = connected(listener, to, 8010);
		close(pair.near);
		close(pair.far);
	}
	pair = connected(listener, to, 8010); /* FIN_WAIT2 with a file, CLOSE_WAIT */
	shutdown(pair.near, SHUT_WR);
	pair = connected(listener, to, 8010); /* FIN_WAIT2 without one, CLOSE_WAIT with data */
	must(send(pair.near, "last words", 10, 0) == 10, "send");
	close(pair.near);
	pair = connected(listener, to, 8010); /* FIN_WAIT1, its FIN and its data lost */
	silence(pair.near);
	must(send(pair.near, "unheard", 7, 0) == 7, "send");
	close(pair.near);
	pair = connected(listener, to, 8010); /* LAST_ACK */
	shutdown(pair.near, SHUT_WR);
	usleep(20000);
	silence(pair.far);
	close(pair.far);
	pair = connected(listener, to, 8010); /* CLOSING and FIN_WAIT1: only one FIN arrives */
	silence(pair.near);
	shutdown(pair.near, SHUT_WR);
	usleep(20000);
	shutdown(pair.far, SHUT_WR);
}

/* Queues that are not empty and timers that run. */
static void queues(void *arg)
{
	const char *to = arg;
	int listener = listening(to, 8011, 64);
	struct pair pair;

	set_comm("queues");
	pair = connected(listener, to, 8011); /* unread data, and a window probe */
	fill(pair.near, 16 << 20);
	pair = connected(listener, to, 8011); /* unread urgent data */
	must(send(pair.near, "urgent!", 7, MSG_OOB) == 7, "send");
	pair = connected(listener, to, 8011); /* retransmits */
	silence(pair.near);
	fill(pair.near, 60000);
	pair = connected(listener, to, 8011); /* keepalive */
	set_int(pair.near, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(pair.far, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(pair.far, IPPROTO_TCP, TCP_KEEPIDLE, 600);
	pair = connected(listener, to, 8011); /* corked: unsent */
	set_int(pair.near, IPPROTO_TCP, TCP_CORK, 1);
	must(send(pair.near, "corked", 6, 0) == 6, "send");
	pair = connected(listener, to, 8011); /* options */
	set_int(pair.near, SOL_SOCKET, SO_MARK, 0x42);
	set_int(pair.near, SOL_SOCKET, SO_PRIORITY, 3);
	set_int(pair.near, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(pair.far, SOL_SOCKET, SO_SNDBUF, 12345);
	dialled(SOCK_STREAM, to, 8011); /* established, but nobody has accepted it */
}

/* Multipath TCP: a socket on top of sockets. */
static void multipath(void *arg)
{
	union address to = address("127.0.0.1", 8012);
	int listener = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP), near;

	(void)arg;
	set_comm("multipath");
	if (listener < 0) {
		skip("MPTCP");
		return;
	}
	set_int(listener, SOL_SOCKET, SO_REUSEADDR, 1);
	must(bind(listener, &to.any, size_of(&to)) == 0 && listen(listener, 4) == 0, "mptcp");
	near = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	must(connect(near, &to.any, size_of(&to)) == 0, "connect");
	must(accept(listener, NULL, NULL) >= 0, "accept");
	must(send(near, "over MPTCP", 10, 0) == 10, "send");
}

static void serve_red(void *arg)
{
	int listener;

	(void)arg;
	set_comm("red server");
	enter_netns("red");
	listener = listening("0.0.0.0", 8020, 16);
	listening("::", 8021, 16);
	if (fork() == 0) {
		set_comm("red accepter");
		for (;;)
			accept(listener, NULL, NULL);
	}
	listening("127.0.0.1", 8000, 16); /* the same port as in the initial namespace */
}

/* Connections between the namespaces, and a socket whose holder lives in another namespace. */
static void call_red(void *arg)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	(void)arg;
	set_comm("red client");
	for (int i = 0; i < 3; i++) {
		fd = dialled(SOCK_STREAM, "10.1.0.2", 8020);
		must(send(fd, "over the wire", 13, 0) == 13, "send");
	}
	dialled(SOCK_STREAM, "2001:db8:10::2", 8021);
	silence(fd);
	fill(fd, 5000);
	enter_netns("red");
	bound(SOCK_STREAM, 0, "10.1.0.2", 0);
	listening("10.50.0.1", 8022, 1);
	must(setns(home, 0) == 0, "setns back");
}

int main_tcp(int argc, char **argv)
{
	(void)argc, (void)argv;
	set_comm("tcp");
	spawn(listeners, NULL);
	spawn(full_queue, NULL);
	spawn(half_open, NULL);
	for (int family = 0; family < 2; family++) {
		spawn(closing, (void *)loopbacks[family]);
		spawn(queues, (void *)loopbacks[family]);
	}
	spawn(multipath, NULL);
	spawn(serve_red, NULL);
	spawn(call_red, NULL);
	printf("LAB READY\n");
	fflush(stdout);
	rest();
}
