# SPDX-License-Identifier: BSD-3-Clause
"""Hubs for tests: closed, and held to their accounts, when the test (or the module) is over."""
import contextlib
import socket

import pytest
from lab import Namespace
from support.devices import Devices
from support.hub import Hub
from support.shared import SharedHub
from support.site import Site
from support.tutorial import Tutorial


AF_XDP = 44


@contextlib.contextmanager
def hubs(binary, directory, kind=Hub):
    with contextlib.ExitStack() as stack:
        def make(configuration, **options):
            hub = kind(binary, directory, configuration, **options)
            # One that a test has stopped itself is not asked again.
            stack.callback(lambda: hub.close(check=hub.forwarder.running))
            return hub
        yield make


@pytest.fixture
def make_hub(binary, tmp_path, laboratory):
    """make_hub(configuration, **options of Hub)"""
    with hubs(binary, tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def make_module_hub(binary, tmp_path_factory, laboratory):
    with hubs(binary, tmp_path_factory.mktemp("hub")) as make:
        yield make


def why_no_af_xdp():
    """Why this kernel cannot, or None."""
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW).close()
    except OSError as error:
        return f"the kernel has no AF_XDP: {error.strerror}"
    return None


@pytest.fixture
def af_xdp():
    """Skips the test without AF_XDP."""
    if reason := why_no_af_xdp():
        pytest.skip(reason)


@pytest.fixture
def make_shared(binary, tmp_path, laboratory, af_xdp):
    """As make_hub, on an interface that the kernel keeps."""
    with hubs(binary, tmp_path, SharedHub) as make:
        yield make


@pytest.fixture
def make_site(binary, tmp_path, laboratory):
    """make_site(label): a server, closed and held to its accounts when the test is over."""
    with contextlib.ExitStack() as stack:
        def make(label):
            site = Site(binary, tmp_path, label)
            stack.callback(site.close)
            return site
        yield make


@pytest.fixture
def devices():
    """Devices of which a test raises events and faults: Devices.options() are for make_hub()."""
    made = Devices()
    yield made
    made.close()


@pytest.fixture
def make_namespace(laboratory):
    """make_namespace(label): a place for an ordinary kernel."""
    with contextlib.ExitStack() as stack:
        def make(label):
            namespace = Namespace(label)
            stack.callback(namespace.remove)
            return namespace
        yield make


@pytest.fixture
def lab(binary, top, tmp_path, laboratory):
    """The network of the tutorial, without a running forwarder."""
    made = Tutorial(binary, top, tmp_path)
    yield made
    made.close()
