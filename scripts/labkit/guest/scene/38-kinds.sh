# A namespace with devices whose drivers count in structures of their own. Sourced by init.

ip netns add kinds
ip -n kinds link set lo up
ip link set ifb0 netns kinds && ip link del ifb1 # the module brings them
ip -n kinds -force -batch - <<-END
	link add base type dummy
	link add slave type dummy
	link add ipvl0 link base type ipvlan mode l2
	link add under type dummy
	link add macvtap0 link under type macvtap mode bridge
	link add vrf0 type vrf table 88
	link add team0 type team
	link add vxlan0 type vxlan id 42 local 10.88.0.1 remote 10.88.0.9 dstport 4789
	link add macsec0 link slave type macsec
	link add nlmon0 type nlmon
	link set slave master vrf0
	link set base up
	link set under up
	link set slave up
	link set ipvl0 up
	link set macvtap0 up
	link set vrf0 up
	link set team0 up
	link set vxlan0 up
	link set macsec0 up
	link set nlmon0 up
	link set ifb0 up
	addr add 10.88.0.1/24 dev base
	addr add 10.88.1.1/24 dev ipvl0
	addr add 10.88.2.1/24 dev team0
	addr add 10.88.3.1/24 dev vxlan0
	addr add 10.88.4.1/24 dev slave
	addr add 10.88.5.1/24 dev macsec0
	neigh add 10.88.0.9 lladdr 02:00:00:00:88:09 dev base nud permanent
	neigh add 10.88.1.9 lladdr 02:00:00:00:88:19 dev ipvl0 nud permanent
	neigh add 10.88.2.9 lladdr 02:00:00:00:88:29 dev team0 nud permanent
	neigh add 10.88.3.9 lladdr 02:00:00:00:88:39 dev vxlan0 nud permanent
	neigh add 10.88.4.9 lladdr 02:00:00:00:88:49 dev slave nud permanent
	neigh add 10.88.5.9 lladdr 02:00:00:00:88:59 dev macsec0 nud permanent
END
if ip -n kinds link add netkit0 type netkit 2>/dev/null; then # since 6.7; the kernel names the other end
	ip -n kinds link set netkit0 up
	ip -n kinds link set nk0 up
fi
tc -n kinds qdisc add dev base clsact
tc -n kinds filter add dev base egress matchall action mirred egress mirror dev ifb0
for host in 0 1 2 3 4 5; do
	ip netns exec kinds ping -c 3 -W 1 10.88.$host.9 >/dev/null 2>&1 &
done
for host in 1 9; do
	ip netns exec kinds ping -I vrf0 -c 3 -W 1 10.88.4.$host >/dev/null 2>&1 &
done
sleep 0.2
