# SPDX-License-Identifier: BSD-3-Clause
"""The folders and files that the tests of test_prose.py hold to the rules of CONTRIBUTING.md.

Add a folder to a list when its last finding is gone: `scripts/lib/style.py -v FOLDER` prints the findings.
"""

# no banned construction and no spelling outside the glossary in comments, strings of C, and pages
PROSE = """
    .ci .github
    app/gremc-loadgen
    CHANGELOG.md CONTRIBUTING.md README.md SECURITY.md
    docs/config.md
    docs/design.md
    docs/glossary.md
    docs/man
    docs/howto.md
    docs/loadtest.md
    docs/membership.md
    docs/operations.md
    docs/performance.md docs/telemetry.md docs/tunnels.md
    config meson.build meson_options.txt
    lib/datapath lib/host lib/mfc lib/netlink lib/nexthop lib/peer lib/proto lib/takeover lib/telemetry
    scripts
    tests/e2e
    tests/conftest.py tests/interop tests/scripts
    tests/loadgen
    tests/style
    lib/base
    lib/config
    lib/vif
    lib/fanout lib/hash lib/igmp lib/rcu lib/stats
    tests/fuzz/fuzz_igmp.c tests/fuzz/fuzz_proto.c tests/model/model_igmp.c tests/model/model_proxy.c
    app/dpdk-gremc lib/control
    lib/port lib/steer
    lib/rib tests/model/model_rib.c
    tests/unit
""".split()

# at most 5 % of the functions have a name of one word; no static name is defined in two files of these folders
NAMES = """
    app/dpdk-gremc app/gremc-loadgen
    lib/base lib/config lib/control lib/datapath lib/fanout lib/hash lib/host lib/igmp lib/mfc lib/netlink lib/nexthop
    lib/peer lib/port
    lib/proto lib/rcu lib/rib lib/stats lib/takeover lib/telemetry lib/vif
    tests/bench tests/loadgen
    lib/steer
    tests/unit
""".split()

# at least 98 % of the prototypes in headers have a comment
CONTRACTS = """
    lib/fanout lib/hash lib/igmp lib/stats
    lib/host lib/mfc lib/netlink lib/nexthop lib/takeover lib/telemetry
    lib/rcu lib/rib
    lib/vif
    lib/base
    lib/config
    app/dpdk-gremc app/gremc-loadgen
    lib/control
    lib/datapath lib/peer lib/port lib/proto lib/steer
    tests/unit
""".split()
