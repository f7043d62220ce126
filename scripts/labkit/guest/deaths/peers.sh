scene() {
	labguest peers >/tmp/peers 9>&- &
	sleep 10
	labguest frame cmd/peers cat /tmp/peers
}

death() {
	sysrq c
}
