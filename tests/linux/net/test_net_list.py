"""Devices of all network namespaces."""

from __future__ import annotations

from tests.kernel.fake_memory import LIST_HEAD, PAGE, FakeMemory, fake_kernel, link_list, record

NET = record("net", ("list", LIST_HEAD), ("dev_base_head", LIST_HEAD))
DEVICE = record("net_device", ("dev_list", LIST_HEAD))


def test_devices_of_a_list_of_namespaces_that_breaks_off() -> None:
    memory = FakeMemory()
    head = memory.allocate(16)
    nets = [memory.allocate(NET.size, PAGE) for _ in range(3)]
    devices = [memory.allocate(DEVICE.size) for _ in nets]
    kernel = fake_kernel(
        memory, {"struct net": NET, "struct net_device": DEVICE}, {"net_namespace_list": head}
    )
    link_list(memory, head, nets)
    for net, device in zip(nets, devices, strict=True):
        link_list(memory, net + 16, [device])
    found = kernel.for_each_net_device()
    assert list(found.addresses) == devices
    assert found.complete
    memory.hole(nets[1])
    found = kernel.for_each_net_device()
    assert list(found.addresses) == devices[:1]
    assert not found.complete
    assert "excluded" in found.problems[0].message
