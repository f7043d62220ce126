# Addresses, routes, rules, next hops, neighbours of the initial namespace. Sourced by init.

sysctl -qw net.ipv4.neigh.veth0.mcast_solicit=1000 net.ipv6.neigh.veth0.mcast_solicit=1000 \
	net.ipv4.conf.all.accept_redirects=1 net.ipv4.conf.br0.accept_redirects=1 \
	net.ipv4.conf.br0.secure_redirects=0 net.ipv6.conf.dummy0.use_tempaddr=2

ip -force -batch - <<-END
	addr add 10.0.2.15/24 dev eth0 label eth0:main
	addr add 10.0.2.16/24 dev eth0 label eth0:1
	addr add 10.0.2.17/32 dev eth0 scope link noprefixroute
	addr add 192.0.2.1/24 dev dummy0 brd +
	addr add 192.0.2.2/24 dev dummy0
	addr add 192.0.2.3/25 dev dummy0 valid_lft 3600 preferred_lft 1800
	addr add 198.51.100.1 peer 198.51.100.2/32 dev dummy0
	addr add 169.254.7.7/16 dev dummy0 scope link
	addr add 127.0.5.1/8 dev lo
	addr add 2001:db8:1::1/64 dev dummy0
	addr add 2001:db8:1::2/64 dev dummy0 valid_lft 7200 preferred_lft 0
	addr add 2001:db8:1::3/128 dev dummy0 valid_lft 7200 preferred_lft 3600 noprefixroute
	addr add 2001:db8:2:0:0200:ff:fe00:1/64 dev dummy0 valid_lft 86400 preferred_lft 14400 mngtmpaddr
	addr add 2001:db8:1::a peer 2001:db8:1::b/128 dev dummy0
	addr add 10.1.0.1/24 dev veth0
	addr add 2001:db8:10::1/64 dev veth0
	addr add 10.3.0.1/24 dev veth0.100
	addr add 10.2.0.1/24 dev br0
	addr add 2001:db8:20::1/64 dev br0
	addr add 10.4.0.1/24 dev bond0
	addr add 10.5.0.1 peer 10.5.0.2 dev tun0
	addr add 10.6.0.1/28 dev x[bold]
	route add default via 10.0.2.2 dev eth0 proto dhcp src 10.0.2.15 metric 100
	route add default via 10.2.0.2 dev br0 metric 200
	route add 203.0.113.0/25 dev veth0 via 10.1.0.2 mtu lock 1400 advmss 1300 initcwnd 20 rto_min 300ms
	route add 203.0.113.128/25 via 10.99.99.1 dev veth0 onlink hoplimit 9 quickack 1
	route add blackhole 10.90.0.0/16
	route add unreachable 10.91.0.0/16 metric 7
	route add prohibit 10.92.0.0/16
	route add throw 10.93.0.0/16 table 100
	route add 10.94.0.0/16 dev dummy0 scope link src 192.0.2.2 proto 42
	route add 10.94.0.0/16 via 10.1.0.2 metric 20
	route add 10.95.0.0/16 via 10.1.0.2 tos 0x10
	route add 10.50.0.0/24 via 10.1.0.2
	route add 10.60.0.0/24 via 10.2.0.2
	route add 100.65.1.0/24 via 10.1.0.2 window 20000 rtt 100ms rttvar 20ms ssthresh 12 initrwnd 15 features ecn
	route add 100.65.2.0/24 via 10.1.0.2 reordering 5 cwnd lock 30 congctl reno fastopen_no_cookie 1
	route add 10.101.0.0/16 encap ip id 100 src 10.1.0.1 dst 10.1.0.2 ttl 32 tos 0x10 dev dummy0
	route add 10.102.0.0/16 encap ip6 id 101 dst 2001:db8:10::2 hoplimit 9 dev dummy0
	route add 10.103.0.0/16 encap mpls 100/200 via 10.1.0.2 dev veth0
	route add 10.103.0.0/16 metric 5 nexthop encap mpls 300 ttl 7 via 10.1.0.2 dev veth0 nexthop via 10.2.0.2 dev br0
	route add 10.104.0.0/16 via 10.1.0.2 dsfield 0xc0 metric 5
	route add 10.107.0.0/16 dev dummy0 mtu lock 1300
	route add 10.99.0.0/16 nexthop via 10.1.0.2 dev veth0 weight 1 nexthop via 10.2.0.2 dev br0 weight 3
	route add 10.97.0.0/16 table 100 via inet6 2001:db8:10::2 dev veth0
	route add default via 10.1.0.2 table 100
	route add 10.0.0.0/8 via 10.1.0.2 table 4000000000
	route add broadcast 10.7.255.255 dev dummy0 table local
	route add local 10.70.0.0/24 dev lo
	route add multicast 239.1.0.0/16 dev dummy0
	nexthop add id 1 via 10.1.0.2 dev veth0
	nexthop add id 2 via 10.2.0.2 dev br0 proto 42
	nexthop add id 3 blackhole
	nexthop add id 4 dev dummy0
	nexthop add id 6 via 2001:db8:10::2 dev veth0
	nexthop add id 10 group 1,3/2,5
	nexthop add id 11 group 6
	nexthop add id 12 group 1,3/2 type resilient buckets 8 idle_timer 60 unbalanced_timer 300
	nexthop add id 20 via 10.1.0.2 fdb
	nexthop add id 21 via 10.1.0.3 fdb
	nexthop add id 22 group 20/21 fdb
	nexthop add id 30 encap mpls 400 via 10.1.0.2 dev veth0
	nexthop add id 31 encap ip id 7 dst 10.1.0.2 via 10.1.0.2 dev veth0 onlink
	route add 10.98.0.0/16 nhid 10
	route add 10.105.0.0/16 nhid 12
	route add 10.106.0.0/16 nhid 30
	route add 100.65.3.0/24 nhid 1
	route add 10.96.0.0/16 nhid 1 metric 9
	rule add from 10.1.0.0/24 lookup 100 prio 1000
	rule add fwmark 0x1/0xff lookup 100 prio 1001
	rule add not to 10.0.0.0/8 iif veth0 lookup 4000000000 prio 1002
	rule add oif dummy0 tos 0x10 lookup 100 prio 1003
	rule add ipproto 6 dport 80-90 sport 1000-2000 lookup 100 prio 1004
	rule add uidrange 1000-2000 lookup 100 prio 1005
	rule add from all lookup main suppress_prefixlength 0 prio 1006
	rule add from 10.77.0.0/16 prohibit prio 1007
	rule add from 10.78.0.0/16 goto 1009 prio 1008
	rule add nop prio 1009
	neigh add 10.1.0.50 lladdr 02:00:00:00:00:50 dev veth0 nud permanent
	neigh add 10.1.0.51 lladdr 02:00:00:00:00:51 dev veth0 nud stale
	neigh add 10.1.0.52 lladdr 02:00:00:00:00:52 dev veth0 nud failed
	neigh add 10.1.0.53 lladdr 02:00:00:00:00:53 dev veth0 nud noarp extern_learn
	neigh add 10.2.0.3 lladdr 02:00:00:00:02:03 dev br0 nud permanent
	neigh add proxy 10.1.0.54 dev veth0
	neigh add 2001:db8:10::50 lladdr 02:00:00:00:00:50 dev veth0 nud permanent
	neigh add 2001:db8:10::51 lladdr 02:00:00:00:00:51 dev veth0 nud stale router
	neigh add proxy 2001:db8:10::54 dev veth0
END

ip -6 -force -batch - <<-END
	route add 2001:db8:a::/48 via 2001:db8:10::2 dev veth0 metric 50
	route add 2001:db8:a::/48 via 2001:db8:20::2 dev br0 metric 60 pref high
	route add 2001:db8:b::/48 nexthop via 2001:db8:10::2 dev veth0 weight 2 nexthop via 2001:db8:20::2 dev br0
	route add 2001:db8:50::/64 via 2001:db8:10::2
	route add blackhole 2001:db8:90::/48
	route add unreachable 2001:db8:91::/48
	route add prohibit 2001:db8:92::/48
	route add 2001:db8:c::/48 dev dummy0 expires 3600 mtu 1300
	route add 2001:db8:d::/48 nhid 11
	route add default via 2001:db8:10::2 table 100
	route add 2001:db8:51::/48 via 2001:db8:10::2 hoplimit 70 initcwnd 11 congctl lock vegas
	route add 2001:db8:60::/48 via fe80::ff:fe00:202 dev br0
	route add 2001:db8:61::/48 encap seg6 mode encap segs 2001:db8:10::2,2001:db8:50::1 via 2001:db8:10::2 dev veth0
	route add 2001:db8:62::/48 encap seg6 mode inline segs 2001:db8:10::2 via 2001:db8:10::2 dev veth0
	route add 2001:db8:63::/48 encap mpls 500 via 2001:db8:10::2 dev veth0
	route add 2001:db8:64::/48 encap ip6 id 9 dst 2001:db8:10::2 dev dummy0
	route add 2001:db8:65::/48 encap seg6local action End.DT6 table 100 dev veth0
	route add 2001:db8:66::/48 via 2001:db8:10::2 mtu lock 1400 pref low
	route add 2001:db8:e::/48 from 2001:db8:1::/64 via 2001:db8:10::2
	route add 2001:db8:f::1/128 via fe80::1 dev dummy0 src 2001:db8:1::1
	rule add from 2001:db8:10::/64 lookup 100 prio 1000
	rule add fwmark 2 lookup 100 prio 1001
	rule add to 2001:db8:77::/48 unreachable prio 1002
END

many_routes() { # enough of them that the tries get deep
	for i in $(seq 0 149); do
		echo "route add 172.$((16 + i % 16)).$i.0/24 via 10.1.0.2"
		echo "route add 100.64.$i.$i/32 dev dummy0 table $((200 + i % 3))"
		echo "route add 2001:db8:$((i + 1000))::/$((i % 2 ? 48 : 64)) via 2001:db8:10::2"
	done
}
many_routes | ip -force -batch -
