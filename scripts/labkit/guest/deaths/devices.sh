scene() {
	labguest bpf lab-loader 9>&- &
	labguest keys lab-keys 9>&- &
	labguest kvm lab-host 9>&- &
	sleep 2
	labguest frame cmd/audit labguest audit
	say "button, please"
	# until the balloon has what the host asked for
	sleep 6
}

death() {
	sysrq c
}
