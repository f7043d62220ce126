scene() {
	sysctl -qw net.core.bpf_jit_enable=1
	labguest bpf lab-loader 9>&- &
	sleep 2
}

death() {
	sysrq c
}
