"""nf_tables and iptables."""
