"""Rules over the network: sockets, ports, counters, tables, interfaces."""
