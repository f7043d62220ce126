"""The machine and its kernel: names, firmware, CPUs, taint, settings about panics."""
