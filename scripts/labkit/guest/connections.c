/* TCP connections inside the guest, by the thousand, both ends held by this one process. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab.h"

enum { PORT = 7000, PER_ADDRESS = 10000 };

static int listen_on(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };

	must(fd >= 0, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
		must(bind(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0, "bind v6");
	} else {
		must(bind(fd, (struct sockaddr *)&v4, sizeof(v4)) == 0, "bind v4");
	}
	must(listen(fd, 512) == 0, "listen");
	return fd;
}

static int connect_v4(int index)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Another destination address for each few thousand keeps enough ephemeral ports. */
	to.sin_addr.s_addr = htonl(0x7f000001 + index / PER_ADDRESS);
	must(fd >= 0, "socket");
	must(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect v4");
	return fd;
}

static int connect_v6(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(PORT),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0, "socket");
	must(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect v6");
	return fd;
}

/* connections N: N established connections, a tenth of them IPv6, some with unread data. */
int main_connections(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 50, v4 = listen_on(AF_INET), v6 = listen_on(AF_INET6);
	struct rlimit files = { 2 * count + 100, 2 * count + 100 };

	must(setrlimit(RLIMIT_NOFILE, &files) == 0, "raise the limit of open files");
	set_comm("connections");
	for (int i = 0; i < count; i++) {
		int near = i % 10 == 9 ? connect_v6() : connect_v4(i);
		int far = accept4(i % 10 == 9 ? v6 : v4, NULL, NULL, SOCK_CLOEXEC);

		must(far >= 0, "accept");
		if (i % 7 == 3)
			must(send(near, "unread data", 11, 0) > 0, "send");
		if (i % 40 == 5) /* small buffers keep apart what one reads of sk_rcvbuf */
			setsockopt(far, SOL_SOCKET, SO_RCVBUF, &count, sizeof(count));
	}
	printf("LAB READY\n");
	fflush(stdout);
	rest();
}
