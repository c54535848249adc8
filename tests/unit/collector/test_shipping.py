"""Batches are sent until the producer has them, in any order, and settled in theirs."""

import json
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import zstandard

from collector import shipping
from collector.batching import Batcher
from collector.checkpoint import Checkpoint
from collector.checkpoint_rows import End, FileRow
from collector.files.fingerprints import Print
from collector.outputs.unavailable import OutputUnavailable
from collector.posting import Poster
from collector.records.made import Made
from collector.shipping import Shipper
from tests.support.waiting import wait_until


class Server(ThreadingHTTPServer):
    """Answers as the test says; `answers` gets the request's number for its key, its key and its lines."""

    daemon_threads = True

    def __init__(self, answers, port=0):
        self.answers = answers
        self.seen = Counter()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = zstandard.ZstdDecompressor().decompress(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        with self.server.lock:
            self.server.seen[key] += 1
            number = self.server.seen[key]
        status, headers, answer = self.server.answers(number, key, body.splitlines())
        text = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


@pytest.fixture
def serve():
    servers = []

    def start(answers, port=0):
        servers.append(Server(answers, port))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def checkpoint(tmp_path):
    made = Checkpoint(tmp_path / "checkpoint.sqlite3")
    made.keep([row(1), row(2)])
    yield made
    made.close()


def row(file_id):
    return FileRow(
        id=file_id,
        path=f"/logs/{file_id}",
        service="s",
        file=f"/logs/{file_id}",
        device=1,
        inode=file_id,
        head=Print(),
        position=0,
        anchor=Print(),
        is_rotated=False,
        is_ended=False,
        seen_at=0.0,
    )


class Told:
    """Notes what it is told."""

    def __init__(self):
        self.answers, self.reasons, self.settled_sequences = [], [], []

    def accepted(self, batch, posted):
        self.answers.append((batch.sequence, posted))

    def retried(self, reason):
        self.reasons.append(reason)

    def settled(self, batches):
        self.settled_sequences += [batch.sequence for batch in batches]


def batch_of(checkpoint, *lines, end=None):
    batcher = Batcher(checkpoint, max_records=100, max_bytes=1 << 20, interval_s=1.0)
    batcher.add(Made(b"".join(line + b"\n" for line in lines), len(lines)), end, Print.of(b"head"))
    return batcher.seal()


def all_taken(_number, _key, lines):
    return 201, {}, {"accepted": len(lines), "rejected": 0}


def ship(server, checkpoint, batches, *, in_flight=4, output=None, timeout_s=20.0):
    told = Told()
    shipper = Shipper(lambda: Poster(server.url, ""), checkpoint, output, told, in_flight)
    shipper.start()
    for batch in batches:
        shipper.give(batch)
    try:
        assert shipper.wait_until_done(timeout_s)
    finally:
        shipper.close(5.0)
    return told


def test_positions_move_when_the_producer_has_the_batch(serve, checkpoint):
    batch = batch_of(checkpoint, b"{}", end=End(1, 100, Print.of(b"anchor")))
    assert [file.position for file in checkpoint.files()] == [0, 0]
    ship(serve(all_taken), checkpoint, [batch])
    assert [(file.position, file.anchor) for file in checkpoint.files()] == [(100, Print.of(b"anchor")), (0, Print())]
    assert checkpoint.batches() == []


def test_what_the_producer_answered_is_told_from_what_it_did_not(serve, checkpoint):
    answered, released = threading.Event(), threading.Event()

    def answers(number, key, lines):
        if lines == [b'"first"']:
            assert released.wait(10)
        else:
            answered.set()
        return all_taken(number, key, lines)

    first, second = (batch_of(checkpoint, line) for line in (b'"first"', b'"second"'))
    server = serve(answers)
    shipper = Shipper(lambda: Poster(server.url, ""), checkpoint, None, Told(), 2)
    shipper.start()
    try:
        shipper.give(first)
        shipper.give(second)
        assert answered.wait(10)
        wait_until(lambda: shipper.unanswered() == [first], 10, "the second to be answered")
        assert shipper.in_flight()[0] == 2
        released.set()
        assert shipper.wait_until_done(10)
        assert shipper.unanswered() == []
    finally:
        released.set()
        shipper.close(5.0)


def test_a_batch_lies_in_the_checkpoint_before_it_is_sent(checkpoint):
    batch = batch_of(checkpoint, b'{"a": 1}', b'{"b": 2}', end=End(2, 7, Print.of(b"x")))
    assert checkpoint.batches() == [batch]
    assert zstandard.ZstdDecompressor().decompress(batch.body) == b'{"a": 1}\n{"b": 2}\n'
    assert {file.head for file in checkpoint.files()} == {Print(), Print.of(b"head")}


def test_what_holds_no_record_moves_the_position_at_once_and_is_not_sent(checkpoint):
    batcher = Batcher(checkpoint, max_records=100, max_bytes=1 << 20, interval_s=1.0)
    batcher.add(Made(b"", 0, filtered=3), End(1, 50, Print.of(b"x")), Print())
    assert batcher.seal() is None
    assert [file.position for file in checkpoint.files()] == [50, 0]


def test_batches_are_settled_in_their_order(serve, checkpoint):
    """The second is answered first; a kill between the two must send both again, or the first would be lost."""
    second_answered = threading.Event()
    positions = []

    def answers(_number, _key, lines):
        if lines == [b'"first"']:
            assert second_answered.wait(10)
            positions.append([file.position for file in checkpoint.files()])
        else:
            second_answered.set()
        return all_taken(1, "", lines)

    first = batch_of(checkpoint, b'"first"', end=End(1, 10, Print.of(b"1")))
    second = batch_of(checkpoint, b'"second"', end=End(1, 20, Print.of(b"2")))
    told = ship(serve(answers), checkpoint, [first, second])
    assert positions == [[0, 0]]
    assert told.settled_sequences == [first.sequence, second.sequence]
    assert [file.position for file in checkpoint.files()] == [20, 0]


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404, 405, 408, 415, 421, 422, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again_with_the_same_key_and_body(serve, checkpoint, status):
    bodies = []

    def answers(number, key, lines):
        bodies.append((key, lines))
        return (status, {}, {}) if number < 3 else all_taken(number, key, lines)

    batch = batch_of(checkpoint, b"{}")
    told = ship(serve(answers), checkpoint, [batch])
    assert bodies == [(batch.key, [b"{}"])] * 3
    assert len(told.reasons) == 2
    assert told.reasons[0].startswith(f"the producer answers {status}: ")
    assert told.reasons[0].endswith("; is there a producer at this address?")


def test_the_producers_wish_to_wait_is_heeded(serve, checkpoint):
    times = []

    def answers(number, key, lines):
        times.append(time.monotonic())
        return (503, {"Retry-After": "1"}, {}) if number == 1 else all_taken(number, key, lines)

    ship(serve(answers), checkpoint, [batch_of(checkpoint, b"{}")])
    assert times[1] - times[0] >= 1.0


def test_a_producer_that_is_away_is_waited_for(serve, checkpoint):
    batch = batch_of(checkpoint, b"{}")
    with socket.socket() as taken:  # a port at which nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    told = Told()
    shipper = Shipper(lambda: Poster(f"http://127.0.0.1:{port}", ""), checkpoint, None, told, 2)
    shipper.start()
    shipper.give(batch)
    wait_until(lambda: len(told.reasons) > 1)
    away_s, reason = shipper.failing()
    assert away_s > 0
    assert "cannot be reached" in reason
    assert checkpoint.batches() == [batch]
    serve(all_taken, port)
    try:
        assert shipper.wait_until_done(20.0)
        assert shipper.failing() == (0.0, "")
    finally:
        shipper.close(5.0)


def test_what_the_producer_rejects_is_counted_and_named(serve, checkpoint):
    def answers(_number, _key, lines):
        fault = {"index": 0, "message": "message is too long"}
        return 201, {}, {"accepted": len(lines) - 1, "rejected": 1, "errors": [fault]}

    told = ship(serve(answers), checkpoint, [batch_of(checkpoint, b"{}", b"{}")])
    (_sequence, posted), *_ = told.answers
    assert (posted.accepted, posted.rejected, list(posted.reasons)) == (1, 1, ["message is too long"])


def test_a_batch_that_is_refused_for_good_stops_nothing(serve, checkpoint):
    def answers(number, key, lines):
        return (
            (400, {}, {"code": "all_rejected", "message": "bad"})
            if lines == [b"bad"]
            else all_taken(number, key, lines)
        )

    bad = batch_of(checkpoint, b"bad", end=End(1, 10, Print()))
    good = batch_of(checkpoint, b"{}", end=End(1, 20, Print()))
    told = ship(serve(answers), checkpoint, [bad, good])
    assert {(posted.accepted, posted.rejected) for _sequence, posted in told.answers} == {(0, 1), (1, 0)}
    assert checkpoint.batches() == []


def test_a_producer_that_takes_less_at_once_gets_it_in_parts_with_keys_of_their_own(serve, checkpoint):
    taken = {}

    def answers(number, key, lines):
        if len(lines) > 2:
            return 413, {}, {"message": "too many"}
        taken[key] = lines
        return all_taken(number, key, lines)

    lines = [b"%d" % number for number in range(7)]
    batch = batch_of(checkpoint, *lines)
    ship(serve(answers), checkpoint, [batch])
    assert sorted(line for part in taken.values() for line in part) == lines
    assert all(key.startswith(batch.key + ".") for key in taken)
    first = dict(taken)
    again = batch_of(checkpoint, *lines)
    ship(serve(answers), checkpoint, [type(batch)(again.sequence, batch.key, batch.body, 7, [])])
    assert taken == first


def test_a_full_window_takes_no_more(serve, checkpoint):
    release = threading.Event()

    def answers(number, key, lines):
        assert release.wait(20)
        return all_taken(number, key, lines)

    server = serve(answers)
    shipper = Shipper(lambda: Poster(server.url, ""), checkpoint, None, Told(), 2)
    shipper.start()
    for _ in range(2):
        assert shipper.has_room()
        shipper.give(batch_of(checkpoint, b"{}"))
    assert not shipper.has_room()
    shipper.wait_for_room(0.05)
    assert shipper.in_flight()[0] == 2
    release.set()
    assert shipper.wait_until_done(20.0)
    assert shipper.has_room()
    shipper.close(5.0)


def test_the_local_copy_gets_what_was_accepted_in_order_and_its_place_is_kept(serve, checkpoint):
    class Copy:
        def __init__(self):
            self.written = []

        def write(self, key, body):
            self.written.append((key, body))

        def position(self):
            return str(len(self.written))

    copy = Copy()
    batches = [batch_of(checkpoint, b"%d" % number) for number in range(5)]
    ship(serve(all_taken), checkpoint, batches, output=copy)
    assert copy.written == [(batch.key, b"%d\n" % number) for number, batch in enumerate(batches)]
    assert checkpoint.fact("output") == "5"


class Full:
    """A copy on a disk that is full until somebody makes room; `error` is what writing raises until then."""

    def __init__(self, error):
        self.error = error
        self.has_room = threading.Event()
        self.tried = threading.Event()
        self.keys = []

    def write(self, key, body):
        self.tried.set()
        if not self.has_room.is_set():
            raise self.error
        self.keys.append(key)

    def position(self):
        return str(len(self.keys))


@pytest.fixture
def shipper_to(serve, checkpoint):
    """Makes what ships to a producer that takes all, and to a local copy."""
    made = []

    def make(copy):
        server = serve(all_taken)
        made.append(Shipper(lambda: Poster(server.url, ""), checkpoint, copy, Told(), 2))
        made[-1].start()
        return made[-1]

    yield make
    for shipper in made:
        shipper.close(5.0)


def test_while_a_disk_is_full_it_can_be_asked_and_ended(shipper_to, checkpoint):
    """The reading thread, which hears of SIGTERM, asks for room; the page asks what is in flight."""
    copy = Full(OutputUnavailable("no space left on device"))
    shipper = shipper_to(copy)
    shipper.give(batch_of(checkpoint, b"{}"))
    assert copy.tried.wait(20.0)
    asked = threading.Event()

    def ask():
        for _ in range(20):
            shipper.has_room()
            shipper.in_flight()
        shipper.close(5.0)
        asked.set()

    threading.Thread(target=ask, daemon=True).start()
    assert asked.wait(5.0)
    assert len(checkpoint.batches()) == 1


@pytest.mark.parametrize("error", [OutputUnavailable("no space left on device"), RuntimeError("unexpected")])
def test_what_could_not_be_settled_is_settled_once_it_can_be(shipper_to, checkpoint, monkeypatch, error):
    monkeypatch.setattr(shipping, "DISK_RETRY_S", 0.05)
    copy = Full(error)
    shipper = shipper_to(copy)
    batches = [batch_of(checkpoint, b"%d" % number) for number in range(3)]
    for batch in batches:
        shipper.give(batch)
    assert copy.tried.wait(20.0)
    copy.has_room.set()
    assert shipper.wait_until_done(20.0)
    assert copy.keys == [batch.key for batch in batches]
    assert checkpoint.batches() == []


def test_a_checkpoint_of_another_version_is_refused(tmp_path):
    path = tmp_path / "checkpoint.sqlite3"
    made = Checkpoint(path)
    made.note("version", "99")
    made.close()
    with pytest.raises(Exception, match="version 99"):
        Checkpoint(path)


def test_the_checkpoint_is_for_its_owner_alone(tmp_path):
    Checkpoint(tmp_path / "checkpoint.sqlite3").close()
    assert (tmp_path / "checkpoint.sqlite3").stat().st_mode & 0o077 == 0
