# Rules of every kind that the kernel's modules have, in a namespace where no packet ever comes by.
# Sourced by init.

ip netns add walls
ip -n walls link add wall0 type dummy
ip -n walls link add wall1 type dummy
ip -n walls link set wall0 up
ip -n walls link set wall1 up
ip -n walls addr add 10.77.0.1/24 dev wall0

cat >/tmp/walls.nft <<'END'
add table inet deep { comment "all the way down"; }
add counter inet deep hits { packets 5 bytes 300 comment "counted before"; }
add quota inet deep monthly { over 25 mbytes used 1 kbytes; }
add quota inet deep daily { until 3 mbytes; }
add limit inet deep gently { rate 400/minute burst 7 packets; }
add limit inet deep bulky { rate over 1 mbytes/second burst 3 kbytes; }
add synproxy inet deep proxied { mss 1460; wscale 7; timestamp sack-perm; }
add ct expectation inet deep awaited { protocol tcp; dport 5432; timeout 1h; size 12; l3proto ip; }
add ct timeout inet deep patient { protocol tcp; l3proto ip; policy = { established : 122, close : 20 }; }
add flowtable inet deep fast { hook ingress priority 5; devices = { wall0, wall1 }; counter; }
add set inet deep plain { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.2, 192.0.2.3 comment "third" }; }
add set inet deep sized { type ipv4_addr; size 64; elements = { 192.0.2.33, 192.0.2.34 }; }
add set inet deep sized6 { type ipv6_addr; size 64; elements = { 2001:db8::33 }; }
add set inet deep protocols { type inet_proto; elements = { tcp, udp, 132 }; }
add set inet deep services { type inet_service; elements = { 22, 80, 443 comment "tls" }; }
add set inet deep nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 172.16.0.0-172.16.3.9, 255.255.255.255 }; }
add set inet deep nets6 { type ipv6_addr; flags interval; elements = { 2001:db8::/32 comment "for books", fe80::1 }; }
add set inet deep concat { type ipv4_addr . inet_service; elements = { 192.0.2.1 . 22, 192.0.2.2 . 80 }; }
add set inet deep pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.1.0.0/16 . 1000-2000, 192.0.2.7 . 22 comment "one" }; }
add set inet deep counted { type ipv6_addr; counter; elements = { 2001:db8::1 counter packets 3 bytes 180 }; }
add set inet deep names { type ifname; elements = { "eth0", "wall1" }; }
add set inet deep clock { type ipv4_addr; flags timeout; timeout 2d; gc-interval 1h; elements = { 192.0.2.60, 192.0.2.61 timeout 3h30m }; }
add set inet deep words { type ipv4_addr; size 128; flags dynamic,timeout; timeout 5m; }
add set inet deep marked { typeof meta mark; elements = { 0x10, 0x20 }; }
add set inet deep empty { type ether_addr; }
add map inet deep marks { type inet_service : mark; elements = { 22 : 0x16, 80 : 0x50 }; }
add map inet deep counters { type ipv4_addr : counter; elements = { 192.0.2.1 : "hits" }; }
add map inet deep spread { type ipv4_addr : ipv4_addr . inet_service; elements = { 192.0.2.5 : 10.9.0.1 . 8080 }; }
add map inet deep default { type ipv4_addr : verdict; flags interval; elements = { 10.0.0.0/8 : accept, * : drop }; }
add chain inet deep audit { comment "who was it"; }
add chain inet deep tail
add map inet deep verdicts { type ipv4_addr : verdict; elements = { 192.0.2.9 : jump audit, 192.0.2.10 : goto tail, 192.0.2.11 : return, 192.0.2.12 : continue }; }
add chain inet deep early { type filter hook prerouting priority raw; }
add chain inet deep mangled { type route hook output priority mangle; }
add chain inet deep in { type filter hook input priority filter + 5; policy drop; }
add chain inet deep through { type filter hook forward priority filter; }
add rule inet deep audit log prefix "audit: " level warn flags tcp sequence,options flags ip options flags skuid counter return
add rule inet deep tail continue
add rule inet deep early notrack
add rule inet deep early socket transparent 1 accept
add rule inet deep early meta l4proto tcp tproxy ip to 127.0.0.1:50080
add rule inet deep early fib saddr . iif oif missing drop
add rule inet deep early fib daddr . iif type local counter
add rule inet deep early fib daddr oifname "wall0"
add rule inet deep early meta nftrace set 1
add rule inet deep mangled meta mark set ct mark and 0xff
add rule inet deep mangled ct mark set meta mark xor 0x5
add rule inet deep mangled meta priority set 1:10
add rule inet deep mangled tcp dport 81 tcp dport set 8080
add rule inet deep mangled ip dscp set cs1
add rule inet deep mangled ip6 hoplimit set 9
add rule inet deep mangled tcp option maxseg size set rt mtu
add rule inet deep mangled tcp option maxseg size set 1400
add rule inet deep mangled reset tcp option sack-perm
add rule inet deep mangled rt classid 10 counter
add rule inet deep mangled rt ip nexthop 10.77.0.9 counter
add rule inet deep mangled meta mark set numgen inc mod 4 offset 100
add rule inet deep mangled meta mark set numgen random mod 10
add rule inet deep mangled meta mark set jhash ip saddr . tcp dport mod 3 seed 0xdeadbeef offset 7
add rule inet deep mangled meta mark set symhash mod 2
add rule inet deep mangled meta mark set tcp dport map @marks
add rule inet deep mangled meta mark set meta mark << 4
add rule inet deep mangled tcp dport 1 ct zone set 7
add rule inet deep mangled ct event set new,destroy
add rule inet deep in iifname "lo" accept
add rule inet deep in iif "wall0" counter comment "by its number"
add rule inet deep in iifname "wall*" counter
add rule inet deep in iifname != @names counter
add rule inet deep in meta mark 0x10
add rule inet deep in meta mark & 0xff == 0x10 return
add rule inet deep in meta mark & 0xff != 0x0 return
add rule inet deep in ip saddr != 10.0.0.0/8 tcp dport 1024-2048 counter
add rule inet deep in tcp dport != 1000-2000
add rule inet deep in tcp dport > 60000
add rule inet deep in tcp flags & (syn | ack) == syn
add rule inet deep in tcp flags syn,rst
add rule inet deep in ip daddr { 192.0.2.1, 192.0.2.2 } accept
add rule inet deep in ip daddr != { 192.0.2.1-192.0.2.9 } drop
add rule inet deep in ip saddr . tcp dport @pairs accept
add rule inet deep in ip saddr . tcp dport @concat accept
add rule inet deep in ip6 saddr 2001:db8::/32 drop
add rule inet deep in ip6 saddr 2001:db8::/31 drop
add rule inet deep in ip6 daddr 2001:db8::1 accept
add rule inet deep in ip6 daddr != 2001:db8::2 accept
add rule inet deep in ether saddr 00:11:22:33:44:55
add rule inet deep in ct state vmap { established : accept, invalid : drop, new : jump audit }
add rule inet deep in ct status dnat,snat
add rule inet deep in ct direction original
add rule inet deep in ct original ip saddr 10.1.2.3
add rule inet deep in meta l4proto tcp ct reply proto-dst 22
add rule inet deep in ct bytes > 1000
add rule inet deep in ct original packets > 7
add rule inet deep in ct expiration < 30s
add rule inet deep in ct count over 5 reject
add rule inet deep in limit name "gently" accept
add rule inet deep in quota name "monthly" drop
add rule inet deep in counter name ip saddr map @counters
add rule inet deep in quota over 10 mbytes drop
add rule inet deep in limit rate over 10/second burst 20 packets drop
add rule inet deep in limit rate 1 mbytes/hour
add rule inet deep in reject with icmp host-unreachable
add rule inet deep in meta l4proto tcp reject with tcp reset
add rule inet deep in reject with icmpx admin-prohibited
add rule inet deep in log group 5 prefix "to five " snaplen 80 queue-threshold 3
add rule inet deep in queue num 1-3 bypass,fanout
add rule inet deep in add @words { ip saddr timeout 60s limit rate 10/second }
add rule inet deep in update @words { ip daddr limit rate 10/second }
add rule inet deep in meta skuid 1000
add rule inet deep in meta hour "10:00"-"12:00"
add rule inet deep in meta day "Monday"
add rule inet deep in meta length 100-200
add rule inet deep in meta pkttype broadcast
add rule inet deep in meta cpu 1
add rule inet deep in tcp option sack exists
add rule inet deep in tcp option maxseg size > 1000
add rule inet deep in ip option rr exists
add rule inet deep in exthdr frag exists
add rule inet deep in frag frag-off 5
add rule inet deep in icmp type echo-request
add rule inet deep in icmpv6 type { nd-neighbor-solicit, nd-router-advert } accept
add rule inet deep in ip length < 100
add rule inet deep in ip saddr vmap @verdicts
add rule inet deep in ip saddr vmap @default
add rule inet deep in synproxy mss 1460 wscale 7 timestamp sack-perm
add rule inet deep in osf name "Linux"
add rule inet deep in ipsec in reqid 7
add rule inet deep in @th,16,16 0x50 @nh,3,7 0x11
add rule inet deep through meta l4proto { tcp, udp } flow add @fast
add rule inet deep through ip protocol tcp ct helper "ftp"
add table ip turned
add map ip turned targets { type ipv4_addr : ipv4_addr; elements = { 192.0.2.8 : 10.0.0.8 }; }
add chain ip turned before { type nat hook prerouting priority dstnat; }
add chain ip turned after { type nat hook postrouting priority srcnat; }
add chain ip turned copies { type filter hook prerouting priority -10; }
add rule ip turned before tcp dport 80 redirect to :8080
add rule ip turned before tcp dport 81 redirect to :8081-8090 random
add rule ip turned before dnat to ip daddr map @targets
add rule ip turned before tcp dport 82 dnat to 10.0.0.2-10.0.0.4:80-90 persistent
add rule ip turned after ip saddr 10.5.0.0/16 tcp dport 7 masquerade to :1024-2048 random
add rule ip turned after ip saddr 10.6.0.0/16 masquerade fully-random
add rule ip turned after snat to 192.0.2.1
add rule ip turned after snat ip prefix to ip saddr map { 10.7.0.0/24 : 10.8.0.0/24 }
add rule ip turned copies dup to 10.77.0.9 device "wall1"
add table netdev edge
add chain netdev edge arrived { type filter hook ingress device "wall0" priority 3; }
add rule netdev edge arrived ip saddr 10.1.1.1 fwd to "wall1"
add rule netdev edge arrived vlan id 7 dup to "wall1"
add table arp near
add chain arp near asked { type filter hook input priority 0; }
add rule arp near asked arp operation request counter
add table ip6 asleep { flags dormant; }
add chain ip6 asleep never { type filter hook input priority 0; }
add rule ip6 asleep never counter drop
END
# All at once; if something in it is unknown to this nft or kernel, line by line without that.
ip netns exec walls nft -f /tmp/walls.nft 2>/dev/null ||
	while read -r line; do
		ip netns exec walls nft "$line" || say "nft refused: $line"
	done </tmp/walls.nft

legacy() { # FAMILY ARGUMENT...
	family=$1
	shift
	ip netns exec walls xtables-legacy-multi "$family" "$@" || say "$family refused: $*"
}
legacy iptables -N ODD
legacy iptables -P FORWARD DROP
legacy iptables -A ODD -j RETURN
legacy iptables -A INPUT ! -i wall0 ! -s 10.0.0.0/255.0.255.0 -d 192.0.2.1 ! -p 47 -g ODD
legacy iptables -A INPUT -f -j DROP -c 7 777
legacy iptables -A INPUT ! -f -i wall+ ! -d 10.1.0.0/16 -m state --state RELATED,ESTABLISHED -j ACCEPT
legacy iptables -A INPUT -p tcp ! --sport 1000:2000 --dport 80 --tcp-flags SYN,ACK SYN ! --tcp-option 5
legacy iptables -A INPUT -p udp --sport 53 ! --dport 1024:65535 -j LOG --log-prefix "odd \"udp\" " --log-level 3 --log-ip-options --log-uid
legacy iptables -A INPUT -p icmp --icmp-type 3/1 -j REJECT --reject-with icmp-host-prohibited
legacy iptables -A INPUT -p icmp ! --icmp-type 8
legacy iptables -A INPUT -p tcp -j REJECT --reject-with tcp-reset
legacy iptables -A INPUT -m conntrack ! --ctstate NEW --ctproto 6 --ctorigsrc 10.1.0.0/16 ! --ctorigdstport 80:90 --ctstatus ASSURED --ctexpire 10:20 --ctdir REPLY
legacy iptables -A INPUT -p tcp -m multiport ! --ports 1,2,30:40 -m mark ! --mark 0x1/0xf -m connmark --mark 0x3
legacy iptables -A INPUT -m iprange ! --src-range 10.0.0.1-10.0.0.9 --dst-range 10.1.0.1-10.1.0.9 -m length --length 10:20 -m ttl --ttl-gt 9
legacy iptables -A INPUT -m mac ! --mac-source 00:11:22:33:44:55 -m pkttype --pkt-type broadcast -m addrtype ! --src-type LOCAL --dst-type UNICAST
legacy iptables -A INPUT -m limit --limit 7/hour --limit-burst 9 -m statistic --mode nth --every 5 --packet 2 -j ACCEPT
legacy iptables -A INPUT -m dscp ! --dscp 0x0a -m tos --tos 0x10/0x3f -m helper --helper ftp
legacy iptables -A INPUT -p tcp -m tcpmss --mss 500:900 -m string --string "needle" --algo bm --to 99
legacy iptables -A INPUT -m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name odd
legacy iptables -A INPUT -m recent --name visitors --set --rsource
legacy iptables -A OUTPUT -m owner --uid-owner 1000 ! --gid-owner 7-9 -j NFLOG --nflog-group 3 --nflog-prefix "logged"
legacy iptables -A OUTPUT -o wall1 -j NFQUEUE --queue-num 4 --queue-bypass
legacy iptables -A OUTPUT -p sctp --dport 7
legacy iptables -t nat -A PREROUTING -p tcp --dport 81 -j DNAT --to-destination 10.0.0.2-10.0.0.5:80-90 --random
legacy iptables -t nat -A PREROUTING -p tcp --dport 82 -j REDIRECT --to-ports 8082
legacy iptables -t nat -A POSTROUTING -p udp -j SNAT --to-source 192.0.2.1:1000-2000 --persistent
legacy iptables -t nat -A POSTROUTING -p tcp -j MASQUERADE --to-ports 1024-2000 --random
legacy iptables -t mangle -A POSTROUTING -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
legacy iptables -t mangle -A POSTROUTING -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1300
legacy iptables -t mangle -A POSTROUTING -j CLASSIFY --set-class 1:10
legacy iptables -t mangle -A POSTROUTING -j DSCP --set-dscp 0x0a
legacy iptables -t mangle -A POSTROUTING -j TOS --set-tos 0x10/0x3f
legacy iptables -t mangle -A PREROUTING -j CONNMARK --save-mark
legacy iptables -t mangle -A PREROUTING -j CONNMARK --set-xmark 0x5/0xff
legacy iptables -t mangle -A PREROUTING -j MARK --set-xmark 0x3/0x7
legacy iptables -t mangle -A PREROUTING -j TTL --ttl-set 9
legacy ip6tables -A INPUT ! -s 2001:db8::/32 -d fe80::1 -i wall1 -p tcp --dport 22 -j ACCEPT
legacy ip6tables -A INPUT -p icmpv6 --icmpv6-type 135 -j REJECT --reject-with icmp6-adm-prohibited
legacy ip6tables -A INPUT -m hl --hl-lt 5 -m iprange --src-range 2001:db8::1-2001:db8::9
legacy ip6tables -A INPUT -m rt --rt-type 0 -m frag --fragmore -j DROP
legacy ip6tables -A FORWARD -m conntrack --ctstate INVALID --ctorigsrc 2001:db8::/48 -j LOG

compat() { # ARGUMENT...: extensions of iptables inside rules of nf_tables
	ip netns exec walls xtables-nft-multi iptables "$@" || say "iptables-nft refused: $*"
}
compat -A INPUT -m addrtype --dst-type LOCAL -m comment --comment "from a container" -j LOG --log-prefix "in nft "
compat -A INPUT -p tcp -m conntrack --ctstate NEW -m multiport --dports 80,443 -j REJECT --reject-with tcp-reset
compat -A INPUT -m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name even -j NFLOG --nflog-group 3
rm -f /tmp/walls.nft
