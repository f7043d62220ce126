scene() {
	act lab-leaker go
}

death() {
	sysrq c
}
