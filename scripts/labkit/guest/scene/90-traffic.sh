# Traffic, so that counters aren't zero and neighbours get states. Sourced by init, called after the sockets.

ping_neighbours() {
	for address in 10.0.2.2 10.1.0.2 10.2.0.2 10.3.0.2 192.0.2.66 2001:db8:10::2 2001:db8:20::2 10.60.0.9; do
		ping -c 2 -W 1 "$address" >/dev/null 2>&1 &
	done
	ping -c 1 -W 1 -s 1400 10.50.0.1 >/dev/null 2>&1 &   # too big for the far link
	ping -c 1 -W 1 -s 1400 10.50.0.77 >/dev/null 2>&1 &
	ping -c 1 -W 1 -s 1400 2001:db8:50::77 >/dev/null 2>&1 &
	ping -c 1 -W 1 10.4.0.9 >/dev/null 2>&1 &
	ip netns exec red ping -c 2 -W 1 10.1.0.1 >/dev/null 2>&1 &
	ip netns exec blue ping -c 1 -W 1 10.1.0.2 >/dev/null 2>&1 &
	labguest routes 2>&1
	sleep 0.5
}
