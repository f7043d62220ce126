scene() {
	act lab-raiser go
	# until the kernel shuts one of them, and the other one is acknowledged
	until dmesg | grep -q "Disabling IRQ"; do sleep 0.2; done
	sleep 2
	labguest frame cmd/spurious grep "" /proc/irq/*/spurious
	labguest frame cmd/interrupts cat /proc/interrupts
}

death() {
	sysrq c
}
