# Ground truth that commands tell; `labguest finish` adds what files tell. Sourced by init.
# A frame named cmd/<slug> belongs to the initial network namespace, netns/NAME/cmd/<slug> to NAME.

# Finding the process of each socket takes ss a while; with very many of them it isn't worth it.
processes=p
test "$(option connections)" -gt 1000 && processes=

frames() { # PREFIX OPTION...: a frame for each line `SLUG COMMAND` of the input
	prefix=$1
	shift
	while read -r slug command; do
		test -n "$slug" || continue
		case $1/$slug in -n/*-get) continue ;; esac # an address of the initial namespace
		# shellcheck disable=SC2086 # the command is words
		labguest frame "$@" "${prefix}cmd/$slug" $command
	done
}

settled_net() { # PREFIX OPTION...: what doesn't change any more in one network namespace
	frames "$@" <<-END
		ip-addr-json ip -d -j addr
		ip-route-all ip -d route show table all
		ip-route-all-json ip -d -j route show table all
		ip-6-route-all ip -6 -d route show table all
		ip-6-route-all-json ip -6 -d -j route show table all
		ip-rule ip -d rule
		ip-rule-json ip -d -j rule
		ip-6-rule ip -6 -d rule
		ip-6-rule-json ip -6 -d -j rule
		ip-nexthop ip -d nexthop
		ip-nexthop-json ip -d -j nexthop
		ip-maddr ip maddr
		ip-netconf ip netconf
		ip-tuntap ip tuntap
		ip-neigh-proxy ip neigh show proxy
		bridge-link bridge -d link
		bridge-link-json bridge -d -j link
		bridge-vlan bridge vlan
		iptables-nft-save xtables-nft-multi iptables-save -c
		sysctl sysctl -a
	END
}

moving_net() { # PREFIX OPTION...: what counters, timers and sockets move
	frames "$@" <<-END
		ip-addr ip -d -s addr
		ip-link-json ip -d -s -s -j link
		ip-link ip -d -s link
		ip-route-cache ip route show cache
		ip-6-route-cache ip -6 route show cache
		ip-route-cached ip -d route show table all cached
		ip-route-cached-json ip -d -j route show table all cached
		ip-6-route-cached ip -6 -d route show table all cached
		ip-6-route-cached-json ip -6 -d -j route show table all cached
		ip-route-get ip route get 10.50.0.77
		ip-6-route-get ip -6 route get 2001:db8:50::77
		tc-qdisc tc -s -d qdisc
		tc-qdisc-json tc -s -d -j qdisc
		bridge-fdb bridge fdb
		nft-ruleset nft list ruleset
		nft-ruleset-json nft -j list ruleset
		iptables-legacy-save xtables-legacy-multi iptables-save -c
		ip6tables-legacy-save xtables-legacy-multi ip6tables-save -c
		nft-ruleset-netlink nft --debug=netlink list ruleset
		conntrack conntrack -L
		conntrack-ipv6 conntrack -L -f ipv6
		ss-unix ss -an${processes}emx
		ss-packet ss -an${processes}em0
		ss-netlink ss -an${processes}em -f netlink
		ss-raw ss -an${processes}emiw
		ss-udp ss -an${processes}emiu
		ss-tcp ss -an${processes}emiot
		ss-summary ss -s
		ip-neigh ip -d -s neigh
		ip-neigh-json ip -s -j neigh
		netstat-s6 netstat -s -6
		netstat-s netstat -s
	END
}

device_truth() { # DEVICE...: what takes a device's name
	for device in "$@"; do
		labguest frame "cmd/tc-class-$device" tc -s -d class show dev "$device"
		labguest frame "cmd/tc-filter-$device" tc -s -d filter show dev "$device"
		for option in i g k; do
			labguest frame "cmd/ethtool-$option-$device" ethtool -$option "$device"
		done
	done
}

each_net() { # FUNCTION: for the named network namespaces, and for the initial one last
	for name in $(ls /run/netns); do
		"$1" "netns/$name/" -n "$name"
	done
	"$1" ""
}

scheduler_truth() { # classes and filters of the namespace queues
	for device in $schedulers; do
		labguest frame -n queues "netns/queues/cmd/tc-class-$device" tc -s -d class show dev "$device"
	done
	for device in round buckets; do
		labguest frame -n queues "netns/queues/cmd/tc-filter-$device" tc -s -d filter show dev "$device"
	done
	for device in shared peak; do
		for way in ingress egress; do
			labguest frame -n queues "netns/queues/cmd/tc-$way-$device" tc -s -d filter show dev "$device" "$way"
		done
	done
}

settled_truth() { # before the short-lived sockets are opened, because it takes its time
	labguest frame cmd/ip-netns ip netns
	labguest frame cmd/ip-netns-list-id ip netns list-id
	labguest frame cmd/mount mount
	labguest frame cmd/lsmod lsmod
	labguest frame cmd/uname uname -a
	labguest frame proc/kallsyms cat /proc/kallsyms
	scheduler_truth
	device_truth eth0 lo dummy0 veth0 br0 bond0 tun0
	each_net settled_net
}

moving_truth() {
	labguest frame cmd/ps ps -T -o pid,ppid,pgid,tty,vsz,rss,stat,comm,args
	labguest frame cmd/free free
	each_net moving_net
	labguest frame cmd/dmesg dmesg
}
