scene() {
	act lab-flipper go
}

death() {
	sysrq c
}
