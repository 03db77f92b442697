# SPDX-License-Identifier: BSD-3-Clause
"""The scripts delete only files of their own, and work in any path."""
import os

import pytest
from lab import run


def fill(folder):
    """Somebody's files, and something that looks like a build."""
    (folder / "work").mkdir(parents=True)
    (folder / "work/letter.txt").write_text("mine")
    (folder / "build.ninja").write_text("# by hand\n")
    (folder / ".hidden").write_text("mine")
    return folder


def is_whole(folder):
    return all((folder / name).exists() for name in ("work/letter.txt", "build.ninja", ".hidden"))


@pytest.fixture
def no_gnuplot(tree):
    """scripts/bench would install it."""
    tools = tree.top / "tools"
    tools.mkdir()
    (tools / "gnuplot").symlink_to("/bin/true")
    tree.environment["PATH"] = f"{os.environ['PATH']}:{tools}"


@pytest.mark.parametrize("folder, script, environment", [
    ("build", ["run"], {}),
    ("build-test", ["test", "unit"], {}),
    ("build-clang", ["test", "clang"], {}),
    ("build-loadtest", ["loadtest"], {}),
    ("build-bench", ["bench", "--quick"], {}),
    ("elsewhere/mine", ["bench", "--quick"], {"GREMC_BENCH_BUILD": "elsewhere/mine"}),
])
def test_foreign_folders_are_refused(tree, no_gnuplot, folder, script, environment):
    mine = fill(tree.top / folder)
    tree.environment.update({name: str(tree.top / value) for name, value in environment.items()})
    status, text = tree.run(*script)
    assert status == 1 and "is not empty and these scripts did not make it" in text, text
    assert is_whole(mine) and not mine.with_name(mine.name + ".log").exists()


def test_folder_with_a_binary_is_kept(tree):
    """A binary where the build puts it, and empty folders, are no reason to refuse a folder; they are not deleted."""
    binary = tree.write("made/app/dpdk-gremc/dpdk-gremc", "a binary")
    (tree.top / "made/empty").mkdir()
    run("bash", "-c", f'. "{tree.top}/scripts/lib/common.sh"; build "{tree.top}/made"')
    assert binary.exists() and (tree.top / "made/empty").exists() and (tree.top / "made/build.ninja").exists()


def test_foreign_tree_is_refused(tree):
    """The folder of scripts/lib/trixie."""
    mine = fill(tree.top / "mine")
    tree.environment["GREMC_TRIXIE"] = str(mine)
    status, text = tree.run("lib/trixie", "make")
    assert status == 1 and "is not empty and this script did not make it" in text, text
    assert is_whole(mine)


def test_own_folder_is_created_again(tree):
    """Other options: all is deleted but reports; an interrupted build does not make the folder somebody else's."""
    build = f'. "{tree.top}/scripts/lib/common.sh"; build "{tree.top}/made"'
    tree.write("meson_options.txt", "option('a', type: 'string')\n")
    run("bash", "-c", f"{build} -Da=1")
    for name in ("left", "report/figures"):
        tree.write(f"made/{name}", "")
    run("bash", "-c", f"{build} -Da=1")
    assert (tree.top / "made/left").exists()
    run("bash", "-c", f"{build} -Da=2")
    assert not (tree.top / "made/left").exists() and (tree.top / "made/report/figures").exists()
    tree.write("meson.build", "project('none', 'c')\nerror('this cannot be configured')\n")
    done = run("bash", "-c", f"{build} -Da=3", check=False)
    assert done.returncode == 1 and "this cannot be configured" in done.stderr
    tree.write("meson.build", "project('none', 'c')\n")
    run("bash", "-c", f"{build} -Da=3")


def test_moved_tree_is_built_again(tree, tmp_path):
    """With its build folders: they are configured again."""
    build = 'b() { . "$1/scripts/lib/common.sh"; build "$1/made"; }; b "$0"'
    run("bash", "-c", build, tree.top)
    moved = tree.top.rename(tmp_path.with_name("moved tree"))
    run("bash", "-c", build, moved)


def test_build_by_hand_is_used(tree):
    """`meson setup build`, as in the README, then scripts/run: it compiles there and changes nothing."""
    tree.write("meson.build", "project('none', 'c')\ncustom_target('x', command: ['sh', '-c', 'echo BUILT; exit 1'], output: 'x', "
                              "build_by_default: true)\n")
    run("meson", "setup", tree.top / "build", tree.top)
    (tree.top / "build/mine").touch()
    status, text = tree.run("run", "--seconds", "1")
    assert status == 1 and "BUILT" in text and "the build in build/ failed" in text, text
    assert (tree.top / "build/mine").exists()


@pytest.mark.parametrize("script, arguments, wanted", [
    ("run", ["--seconds", "none"], 2), ("bench", ["--nothing"], 2), ("loadtest", ["--peer", "nobody"], 2), ("deps", ["nothing"], 2),
    ("test", ["nothing"], 2), ("give-back", ["--help"], 2)])
def test_link_with_cdpath_finds_the_tree(tree_with_space, script, arguments, wanted):
    """A script that is called by a link from elsewhere finds its folder."""
    tree = tree_with_space
    link = tree.top / "link to it"
    link.symlink_to(tree.top / "scripts" / script)
    done = run(link, *arguments, check=False, cwd="/", env={**os.environ, "CDPATH": "/:/usr"})
    assert done.returncode == wanted and "No such file" not in done.stderr, done
