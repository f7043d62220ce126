# Settings of the network that are more than a number. Sourced by init.
# Not every kernel has each of them. IPv6 forgets a redirect that nobody used for gc_interval.

for setting in \
	net.core.default_qdisc=pfifo_fast net.core.flow_limit_cpu_bitmap=1 net.core.rps_sock_flow_entries=1024 \
	net.core.rps_default_mask=3 net.core.high_order_alloc_disable=1 \
	net.ipv4.ip_local_reserved_ports=8080,9148,20000-20010,65535 net.netfilter.nf_hooks_lwtunnel=1 \
	net.ipv4.tcp_fastopen_key=00112233-44556677-8899aabb-ccddeeff,01234567-89abcdef-fedcba98-76543210 \
	net.ipv6.route.gc_interval=600 \
	net.ipv6.conf.dummy-down.stable_secret=2001:db8::1234:5678 net.ipv6.icmp.ratemask=0-1,3-100,127; do
	sysctl -qe -w "$setting"
done
