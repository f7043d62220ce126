# Interfaces of every kind, in several network namespaces. Sourced by init.
# dummy0 and bond0 come with their modules.

sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
	net.ipv6.conf.default.use_tempaddr=2 net.ipv4.ip_forward=1 \
	net.ipv4.ping_group_range="0 2147483647" net.ipv4.tcp_syn_retries=6

# blue gets hash tables of its own
sysctl -qe -w net.ipv4.tcp_child_ehash_entries=256 net.ipv4.udp_child_hash_entries=128
for name in blue red blue-green.1; do
	test "$name" = blue || sysctl -qe -w net.ipv4.tcp_child_ehash_entries=0 net.ipv4.udp_child_hash_entries=0
	ip netns add "$name"
	ip -n "$name" link set lo up
done

ip -force -batch - <<-END
	link set dummy0 up alias "uplink [red]of[/red] rack 7" mtu 9000 txqueuelen 500
	link property add dev dummy0 altname a-rather-long-alternative-name0
	link add x[bold] type dummy
	link set x[bold] up group 42
	link add dummy-down mtu 1280 type dummy
	link add slave1 type dummy
	link add slave2 type dummy
	link set bond0 type bond mode active-backup miimon 100
	link set slave1 master bond0
	link set slave2 master bond0
	link set slave1 up
	link set slave2 up
	link set bond0 up
	link add veth0 numtxqueues 2 numrxqueues 2 address 02:00:00:00:01:01 type veth peer name eth0 netns red address 02:00:00:00:01:02 numtxqueues 2 numrxqueues 2
	link set veth0 up
	link add link veth0 name veth0.100 type vlan id 100 egress-qos-map 1:2
	link set veth0.100 up
	link add br0 address 02:00:00:00:02:01 type bridge stp_state 0 vlan_filtering 1 mcast_snooping 0
	link set br0 up promisc on
	link add port0 type veth peer name eth0 netns blue address 02:00:00:00:02:02
	link set port0 master br0 up
	link add port1 type dummy
	link set port1 master br0 up
	link add mac0 link dummy0 type macvlan mode bridge
	link set mac0 netns blue-green.1 name mac0
	link set eth0 up
END
ip tuntap add dev tun0 mode tun user 1000
ip link set tun0 up
ip tuntap add dev tap0 mode tap
bridge vlan add dev port0 vid 10-12
bridge fdb add 02:00:00:00:02:99 dev port1 master static

ip netns exec red dash -c '
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 \
		net.ipv4.tcp_congestion_control=reno net.netfilter.nf_log.2=nf_log_ipv4
	ip link set eth0 up
	ip link add link eth0 name eth0.100 type vlan id 100
	ip link set eth0.100 up
	ip link add far type dummy
	ip link set far up mtu 1280
	ip addr add 10.1.0.2/24 dev eth0
	ip addr add 10.3.0.2/24 dev eth0.100
	ip addr add 2001:db8:10::2/64 dev eth0
	ip addr add 10.50.0.1/24 dev far
	ip addr add 2001:db8:50::1/64 dev far
	ip route add default via 10.1.0.1
	ip -6 route add default via 2001:db8:10::1
	ip route add 100.65.1.0/24 dev far
	ip route add 100.65.2.0/24 dev far mtu lock 400
	ip route add 100.65.3.0/24 dev far
	for net in 51 d e; do ip -6 route add 2001:db8:$net::/48 dev far; done
	ip rule add from 10.50.0.0/24 table 50 prio 500
	ip route add blackhole 10.51.0.0/16 table 50'
ip netns exec blue dash -c '
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip link set eth0 up
	ip addr add 10.2.0.2/24 dev eth0
	ip addr add 2001:db8:20::2/64 dev eth0
	ip route add default via 10.2.0.1
	ip route add 10.60.0.0/24 via 10.2.0.3
	ip neigh add fe80::ff:fe00:299 lladdr 02:00:00:00:02:99 dev eth0 nud permanent
	ip -6 route add 2001:db8:60::/48 via fe80::ff:fe00:299 dev eth0'
ip netns exec blue-green.1 dash -c '
	ip link set mac0 up
	ip addr add 192.0.2.66/24 dev mac0
	ip addr add 2001:db8:1::66/64 dev mac0'
