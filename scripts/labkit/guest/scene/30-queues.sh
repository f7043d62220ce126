# Queueing disciplines and firewalls. Sourced by init.

tc -force -batch - <<-END
	qdisc add dev veth0 root handle 1: mq
	qdisc add dev veth0 parent 1:1 handle 11: fq_codel limit 1000
	qdisc add dev veth0 parent 1:2 handle 12: pfifo_fast
	qdisc add dev veth0 clsact
	qdisc add dev dummy0 root handle 1: htb default 20
	class add dev dummy0 parent 1: classid 1:1 htb rate 100mbit
	class add dev dummy0 parent 1:1 classid 1:10 htb rate 10mbit ceil 100mbit prio 1
	class add dev dummy0 parent 1:1 classid 1:20 htb rate 90mbit ceil 100mbit
	qdisc add dev dummy0 parent 1:10 handle 10: sfq perturb 10
	filter add dev dummy0 parent 1: protocol ip u32 match ip dport 80 0xffff flowid 1:10
	qdisc add dev br0 root tbf rate 100mbit burst 32k latency 50ms
	qdisc add dev bond0 root handle 5: prio bands 4
	qdisc add dev port0 ingress
END

cat >/tmp/ruleset <<'END'
table inet filter {
	set banned {
		type ipv4_addr
		flags interval, timeout
		elements = { 203.0.113.7, 198.18.0.0/15 timeout 1h }
	}
	map ports {
		type inet_service : verdict
		elements = { 22 : accept, 23 : drop }
	}
	counter seen { }
	chain input {
		type filter hook input priority 0; policy accept;
		ip dscp 0x3f counter drop comment "peers go silent: lab"
		ip6 dscp 0x3f counter drop
		ip saddr @banned counter drop
		ct state established,related counter accept
		ct state invalid counter
		counter name seen
		tcp dport vmap @ports
		meta l4proto icmp limit rate 1000/second counter accept
	}
	chain output {
		type filter hook output priority 0; policy accept;
		ct state new counter
	}
}
table ip nat {
	chain postrouting {
		type nat hook postrouting priority 100;
		ip saddr 10.1.0.0/24 oifname "eth0" counter masquerade
	}
	chain output {
		type nat hook output priority -100;
		ip daddr 10.0.2.77 tcp dport 81 counter dnat to 127.0.0.1:8000
	}
}
END
nft -f /tmp/ruleset || say "nft ruleset failed"
sed '/^table ip nat/,$d' /tmp/ruleset >/tmp/ruleset.red
ip netns exec red nft -f /tmp/ruleset.red

iptables_legacy() {
	xtables-legacy-multi "$@"
}
iptables_legacy iptables -N LAB
iptables_legacy iptables -A INPUT -p tcp --dport 8099 -m comment --comment 'a "quoted" [red] comment' -j LAB
iptables_legacy iptables -A LAB -m conntrack --ctstate NEW -m limit --limit 5/sec -j ACCEPT
iptables_legacy iptables -A LAB -j DROP
iptables_legacy iptables -t nat -A POSTROUTING -s 10.2.0.0/24 -o eth0 -j MASQUERADE
iptables_legacy iptables -t mangle -A OUTPUT -d 10.1.0.0/24 -p udp -m multiport --dports 53,5353 -j MARK --set-mark 7
iptables_legacy ip6tables -A FORWARD -s 2001:db8:66::/48 -j DROP
ip netns exec blue xtables-nft-multi iptables -A INPUT -p udp --dport 9 -j DROP
