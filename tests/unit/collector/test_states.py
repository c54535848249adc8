"""What people are told of the files that are followed."""

import pytest

from collector.states import state_of
from tests.support.tailing import Log, Tailing


@pytest.fixture
def logs(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "logs"


@pytest.fixture
def tailing(tmp_path, logs):
    made = Tailing(tmp_path)
    yield made
    made.close()


def present(tailing):
    """Each file's first name, and the one that it has now where it has left that."""
    found = map(state_of, tailing.catalogue.files())
    return sorted((one.path.rpartition("/")[2], one.present_path.rpartition("/")[2], one.state) for one in found)


def test_a_log_that_is_a_link_has_not_left_its_name(tailing, logs, tmp_path):
    log = Log(tmp_path / "elsewhere" / "target.log")
    log.write()
    (logs / "link.log").symlink_to(log.path)
    assert tailing.settle() == log.written
    assert present(tailing) == [("link.log", "", "following")]


def test_the_file_behind_a_link_that_was_rotated_has_left_it(tailing, logs, tmp_path):
    log = Log(tmp_path / "elsewhere" / "target.log")
    log.write(30)
    (logs / "link.log").symlink_to(log.path)
    tailing.settle()
    log.rename()
    log.write()
    assert tailing.settle() == log.written[-1:]
    assert present(tailing) == [("link.log", "", "following"), ("link.log", "target.log.1", "rotated")]


def test_a_link_that_points_elsewhere_now_is_no_name_of_the_file_before(tailing, logs, tmp_path):
    old, new = (Log(tmp_path / "elsewhere" / name) for name in ("old.log", "new.log"))
    old.write()
    (logs / "link.log").symlink_to(old.path)
    tailing.settle()
    (logs / "link.log").unlink()
    new.write()
    (logs / "link.log").symlink_to(new.path)
    assert tailing.settle() == new.written
    assert ("link.log", "", "following") in present(tailing)
    assert [one[:2] for one in present(tailing) if one[1]] == [("link.log", "old.log")]


def test_a_log_that_was_rotated_is_shown_with_the_name_that_it_has_now(tailing, logs):
    log = Log(logs / "app.log")
    log.write(30)
    tailing.settle()
    assert present(tailing) == [("app.log", "", "following")]
    log.rename()
    log.write()
    tailing.settle()
    assert present(tailing) == [("app.log", "", "following"), ("app.log", "app.log.1", "rotated")]
