"""Virtio: devices that a hypervisor gives to its guest, their queues, the balloon (drivers/virtio/)."""
