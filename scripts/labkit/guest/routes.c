/* What makes a router's answer change a route: datagrams too big for a link behind it, and detours. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab.h"

enum { BIG = 1400, SMALL = 40, PORT = 9, MOMENT = 60000 };

/*
 * Tells the far end of a way something twice: the router's answer to the first datagram makes the kernel
 * keep an exception to the route, the second one uses it.
 */
static void probe(const char *device, const char *from, const char *text, int size)
{
	static const char data[BIG];
	union address to = address(text, PORT);
	int six = to.any.sa_family == AF_INET6, fd;

	fd = from ? bound(SOCK_DGRAM, 0, from, 0) : socket(to.any.sa_family, SOCK_DGRAM, 0);
	must(fd >= 0, "socket");
	if (device)
		must(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, strlen(device)) == 0, device);
	if (six)
		set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
	else
		set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	for (int i = 0; i < 2; i++) {
		if (connect(fd, &to.any, size_of(&to)) < 0)
			skip(text);
		else if (send(fd, data, i ? SMALL : size, 0) < 0 && errno != EMSGSIZE)
			skip(text); /* a router's word that it was too big is what is wanted */
		usleep(MOMENT);
	}
	close(fd);
}

int main_routes(int argc, char **argv)
{
	(void)argc, (void)argv;
	probe(NULL, NULL, "10.50.0.77", BIG); /* by a rule and another table */
	probe(NULL, "192.0.2.1", "100.65.1.7", BIG);
	probe(NULL, "192.0.2.1", "100.65.1.8", BIG);
	probe(NULL, "192.0.2.1", "100.65.2.7", BIG); /* less than the kernel believes: locked */
	probe(NULL, "192.0.2.1", "100.65.3.7", BIG); /* a nexthop object */
	probe("br0", NULL, "10.60.0.9", SMALL);	     /* a redirect */
	probe("br0", NULL, "10.60.0.10", SMALL);
	probe(NULL, NULL, "2001:db8:50::77", BIG);
	probe(NULL, "2001:db8:1::1", "2001:db8:51::77", BIG);
	probe(NULL, "2001:db8:1::1", "2001:db8:51::78", BIG);
	probe(NULL, "2001:db8:1::1", "2001:db8:e::77", BIG); /* a route for this source alone */
	probe(NULL, "2001:db8:1::1", "2001:db8:d::77", BIG); /* a nexthop object */
	probe("br0", "2001:db8:20::1", "2001:db8:60::9", SMALL); /* a redirect */
	enter_netns("red");
	probe(NULL, "10.3.0.2", "10.107.0.7", BIG);
	return 0;
}
