"""``crashdrive xportshow``: the network, asked as PyKdump's program is."""

from __future__ import annotations

import click

from crashdrive.cli._front import Address, flag, program, value, verbosity

_HELP = """The network of a dump, asked as PyKdump's xportshow is.

What is printed looks as it prints it, or is a report's table (docs/pykdump.md says which). Without --netns it
is the first network namespace that is shown.

\b
Examples:
  crashdrive xportshow -a vmcore       sockets of TCP, UDP and raw IP
  crashdrive xportshow -atv vmcore     TCP: windows, queues, buffers, ages
  crashdrive xportshow -l -vv vmcore   listening ones, with their queues
  crashdrive xportshow -r vmcore       netstat -r; -rv: all tables, rules
  crashdrive xportshow --summary -i vmcore
  crashdrive report netstat --help            more, as JSON, CSV and HTML
  crashdrive xportshow --decode th ffff8881033a4f00 vmcore
"""

_OPTIONS = [
    flag("-a", "--all", dest="all", shown="Sockets of TCP, UDP and raw IP."),
    flag("-l", "--listening", dest="listening", shown="Those that listen alone."),
    flag("-t", "--tcp", dest="tcp", shown="TCP."),
    flag("-u", "--udp", dest="udp", shown="UDP."),
    flag("-w", "--raw", dest="raw", shown="Raw IP."),
    flag("-x", "--unix", dest="unix", shown="Unix sockets."),
    verbosity("More of each; -vv: queues with their entries, peers."),
    value("--tcpstate", dest="tcpstate", metavar="STATE", shown="TCP in this state, as SYN_SENT."),
    flag("--retransonly", dest="retransonly", shown="TCP that is retransmitting."),
    value("--port", dest="port", kind=click.IntRange(0, 65535), shown="A port, local or remote."),
    value("--program", dest="program", metavar="COMM", shown="Sockets that this program has open."),
    value("--pid", dest="pid", kind=int, shown="Sockets that this process has open."),
    value("--netns", dest="netns", metavar="NS", shown="A namespace: name, number, address, pid:N."),
    flag("-r", "--route", dest="route", shown="The main routing table; with -v all, and rules."),
    flag("--rtcache", dest="rtcache", shown="Exceptions to routes."),
    flag("-i", "--interfaces", dest="interfaces", shown="Interfaces; -v: counters, disciplines."),
    value("--interface", dest="interface", metavar="NAME", shown="This interface alone."),
    flag("--arp", dest="arp", shown="Neighbours."),
    flag("-s", "--statistics", dest="statistics", shown="Counters of protocols."),
    flag("--summary", dest="summary", shown="Sockets by state, interfaces by activity."),
    flag("--sysctl", dest="sysctl", shown="The settings below net."),
    flag("--netfilter", dest="netfilter", shown="Hooks of netfilter."),
    flag("--softnet", dest="softnet", shown="Queues of each CPU; -v: their packets."),
    value("--skbuffhead", dest="skbuffhead", kind=Address(), metavar="ADDRESS", shown="A sk_buff_head."),
    flag("--everything", dest="everything", shown="All of it."),
    flag("--devpack", dest="devpack", shown="Who is given the packets that come in."),
    click.Option(
        ["--decode"],
        type=(click.Choice(["skb", "iph", "th"]), Address()),
        multiple=True,
        metavar="KIND ADDRESS",
        help="A packet (skb), a header of IP (iph) or TCP (th), at an address.",
    ),
]


command = program("xportshow", _HELP, "The network, asked as PyKdump's xportshow is.", _OPTIONS)
